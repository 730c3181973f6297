public import Domain

/// `/api/jobs`, as users call it.
public enum JobEndpoints {
    public typealias OfJob<Request, Response> = Endpoint<JobID, Request, Response>

    /// The query of ``list``.
    public enum List {
        public static let status = QueryParameter<JobStatus>.choice("status")
        public static let type = QueryParameter<JobType>.choice("type")
        /// Text in the ID or the vine's name.
        public static let text = QueryParameter<String>.text("q")
        public static let vine = QueryParameter<VineID>.id("vine_id")
        public static let limit = QueryParameter<Int>.number("limit", in: 1...200)
        public static let cursor = QueryParameter<String>.text("cursor")
    }

    public static let create = Endpoint<NoParameters, CreateJobRequest, JobResponse>(
        .post, "/api/jobs", "createJob", for: .user(.jobsPlan), success: 201)
    public static let list = Endpoint<NoParameters, NoFields, ListResponse<JobListItem>>(
        .get, "/api/jobs", "listJobs", for: .user(.jobsRead),
        query: [
            List.status.description, List.type.description, List.text.description, List.vine.description,
            List.limit.description, List.cursor.description,
        ])
    public static let show = OfJob<NoFields, JobResponse>(.get, "/api/jobs/{id}", "getJob", for: .user(.jobsRead))
    public static let assign = OfJob<AssignJobRequest, JobResponse>(
        .patch, "/api/jobs/{id}", "assignJob", for: .user(.jobsPlan))
    public static let status = OfJob<NoFields, JobStatusResponse>(
        .get, "/api/jobs/{id}/status", "getJobStatus", for: .user(.jobsRead))
    public static let applyCheck = OfJob<NoFields, ApplyCheckResponse>(
        .get, "/api/jobs/{id}/apply-check", "checkApply", for: .user(.jobsRead))
    public static let cancel = OfJob<NoFields, JobResponse>(
        .post, "/api/jobs/{id}/cancel", "cancelJob", for: .user(.jobsCancel))
    public static let forceCancel = OfJob<NoFields, JobResponse>(
        .post, "/api/jobs/{id}/force-cancel", "forceCancelJob", for: .user(.jobsForce))
    public static let giveUp = OfJob<NoFields, JobResponse>(
        .post, "/api/jobs/{id}/give-up", "giveUpJob", for: .user(.jobsForce))
    public static let apply = OfJob<ApplyPlanRequest, JobResponse>(
        .post, "/api/jobs/{id}/apply", "applyPlan", for: .user(.jobsApply), success: 201)
    public static let rerun = OfJob<NoFields, JobResponse>(
        .post, "/api/jobs/{id}/rerun", "rerunJob", for: .user(.jobsPlan), success: 201)

    /// The query of ``plan``.
    public enum Plan {
        public static let action = QueryParameter<Set<PlanAction>>.list("action")
        public static let type = QueryParameter<String>.text("type")
        /// Text in the address.
        public static let text = QueryParameter<String>.text("q")
        public static let limit = QueryParameter<Int>.number("limit", in: 1...1000)
        public static let cursor = QueryParameter<String>.text("cursor")
    }

    public static let plan = OfJob<NoFields, PlanChangesResponse>(
        .get, "/api/jobs/{id}/plan", "getPlanChanges", for: .user(.jobsRead),
        query: [
            Plan.action.description, Plan.type.description, Plan.text.description, Plan.limit.description,
            Plan.cursor.description,
        ], errors: [.conflict],
        "What the job plans; of a DEPLOY, what its plan planned.")
    public static let planResource = Endpoint<PlanResourcePath, NoFields, PlanResourceResponse>(
        .get, "/api/jobs/{id}/plan/resources/{n}", "getPlannedResource", for: .user(.jobsRead),
        errors: [.conflict])
    /// The earlier job.
    public static let with = QueryParameter<JobID>.id("with")
    public static let comparePlans = OfJob<NoFields, PlanComparisonResponse>(
        .get, "/api/jobs/{id}/plan/compare", "comparePlans", for: .user(.jobsRead), query: [with.description],
        errors: [.conflict])

    /// The query of ``resources``.
    public enum Resources {
        /// A revision that the caller has: the response holds what has changed since, and the critical path.
        public static let since = QueryParameter<Int64>.number("since", in: 0...Int64.max)
    }

    public static let resources = OfJob<NoFields, RunResourcesResponse>(
        .get, "/api/jobs/{id}/resources", "listJobResources", for: .user(.jobsRead),
        query: [Resources.since.description])

    public static let forecasts = Endpoint<NoParameters, NoFields, ForecastAccuracyResponse>(
        .get, "/api/forecasts", "getForecastAccuracy", for: .user(.jobsRead), query: [List.vine.description],
        "How good the forecasts of the last jobs were, of one vine or of all.")

    static let all = [
        create.description, list.description, show.description, assign.description, status.description,
        applyCheck.description, cancel.description, forceCancel.description, giveUp.description, apply.description,
        rerun.description, plan.description, planResource.description, comparePlans.description,
        resources.description, forecasts.description,
    ]
}
