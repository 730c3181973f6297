public import Domain

/// The Tendrils' calls, and the users' view of Tendrils: `/api/workers`, and what a lease holder does to its job.
public enum TendrilEndpoints {
    public typealias OfJob<Request, Response> = Endpoint<JobID, Request, Response>

    /// The query of ``list``: says for each Tendril what it lacks for this plan, or for a PLAN of this vine.
    public enum List {
        public static let plan = QueryParameter<String>.text("plan_job_id")
        public static let vine = QueryParameter<String>.text("vine_id")
        public static let limit = QueryParameter<Int>.number("limit", in: 1...200)
        public static let cursor = QueryParameter<String>.text("cursor")
    }

    /// The epoch of the caller's lease.
    public static let epoch = QueryParameter<Int>.number("epoch", in: 1...Int(Int32.max))
    /// The DEPLOY that needs an artifact.
    public static let deploy = QueryParameter<JobID>.id("for")

    public static let list = Endpoint<NoParameters, NoFields, ListResponse<WorkerResponse>>(
        .get, "/api/workers", "listTendrils", for: .user(.tendrilsRead),
        query: [List.plan.description, List.vine.description, List.limit.description, List.cursor.description])
    public static let register = Endpoint<NoParameters, RegisterWorkerRequest, RegisterWorkerResponse>(
        .post, "/api/workers", "registerTendril", for: .user(.tendrilsManage), success: 201)
    public static let update = Endpoint<TendrilID, PatchWorkerRequest, WorkerResponse>(
        .patch, "/api/workers/{id}", "updateTendril", for: .user(.tendrilsManage),
        "Binds it to vineyards.")
    public static let revoke = Endpoint<TendrilID, NoFields, NoContent>(
        .delete, "/api/workers/{id}", "revokeTendril", for: .user(.tendrilsManage), success: 204)

    public static let heartbeat = Endpoint<NoParameters, HeartbeatRequest, HeartbeatResponse>(
        .post, "/api/workers/heartbeat", "sendHeartbeat", for: .tendril)
    /// Server-Sent Events; see ``WorkerEvent``.
    public static let stream = Endpoint<NoParameters, NoFields, StreamBody<StopMessage>>(
        .get, "/api/workers/stream", "followTendril", for: .tendril, errors: [.tooMany])
    public static let claim = Endpoint<NoParameters, NoFields, ClaimResponse?>(
        .post, "/api/jobs/claim", "claimJob", for: .tendril,
        "204 if there is nothing to claim.")
    public static let work = OfJob<NoFields, ClaimResponse>(
        .get, "/api/jobs/{id}/work", "getWork", for: .tendril, query: [epoch.description])
    public static let report = OfJob<ReportStatusRequest, ReportStatusResponse>(
        .put, "/api/jobs/{id}/status", "reportStatus", for: .tendril)
    public static let append = OfJob<AppendLogsRequest, LogCursorResponse>(
        .post, "/api/jobs/{id}/logs", "appendLog", for: .tendril, errors: [.tooMany])
    public static let cursor = OfJob<NoFields, LogCursorResponse>(
        .get, "/api/jobs/{id}/logs/cursor", "getLogCursor", for: .tendril, query: [epoch.description])
    public static let reportResources = OfJob<ReportResourcesRequest, NoContent>(
        .put, "/api/jobs/{id}/resources", "reportResources", for: .tendril, success: 204,
        "What the log shows of each resource. Optional: a job whose Tendril never sends it is complete without it.")
    /// The tar file of a saved plan, with its digest in ``artifactDigest``.
    public static let saveArtifact = OfJob<RawBody<ArtifactContent>, NoContent>(
        .put, "/api/jobs/{id}/artifact", "saveArtifact", for: .tendril, query: [epoch.description], success: 204)
    public static let readArtifact = OfJob<NoFields, RawBody<ArtifactContent>>(
        .get, "/api/jobs/{id}/artifact", "readArtifact", for: .tendril,
        query: [deploy.description, epoch.description], errors: [.conflict])

    /// A part of what the job plans; see ``PlanChangeLimits``.
    public static let savePlan = OfJob<SavePlanChangesRequest, NoContent>(
        .put, "/api/jobs/{id}/plan", "savePlanChanges", for: .tendril, success: 204)

    /// The header with the SHA-256 of an artifact, in hexadecimal digits.
    public static let artifactDigest = "X-Content-SHA256"

    static let all = [
        list.description, register.description, update.description, revoke.description, heartbeat.description,
        stream.description,
        claim.description, work.description, report.description, append.description, cursor.description,
        reportResources.description, saveArtifact.description, readArtifact.description, savePlan.description,
    ]
}

/// A saved plan with its vine's folder, as a tar file.
public enum ArtifactContent {}
