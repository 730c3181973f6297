public import Domain

/// `POST /api/jobs`.
public struct CreateJobRequest: Codable, RequestMessage {
    public var jobType: JobType
    /// Required, but for a CONNECTION_TEST: that takes the first vine that uses the identity.
    public var vineId: VineID?
    public var assignedWorkerId: TendrilID?
    public var planJobId: JobID?
    /// For a CONNECTION_TEST: what it tests.
    public var identityId: CloudIdentityID?
    public var phase: TokenPhase?
    // See ``RunOptions``.
    public var targets: [String]?
    public var replace: [String]?
    public var refreshOnly: Bool?
    public var parallelism: Int?
    public var logLevel: RunOptions.LogLevel?

    public init(
        jobType: JobType, vineId: VineID?, assignedWorkerId: TendrilID? = nil, planJobId: JobID? = nil,
        options: RunOptions = RunOptions(), identityId: CloudIdentityID? = nil, phase: TokenPhase? = nil
    ) {
        self.identityId = identityId
        self.phase = phase
        self.jobType = jobType
        self.vineId = vineId
        self.assignedWorkerId = assignedWorkerId
        self.planJobId = planJobId
        targets = options.targets.isEmpty ? nil : options.targets
        replace = options.replace.isEmpty ? nil : options.replace
        refreshOnly = options.refreshOnly ? true : nil
        parallelism = options.parallelism
        logLevel = options.logLevel
    }

    public var options: RunOptions {
        RunOptions(
            targets: targets ?? [], replace: replace ?? [], refreshOnly: refreshOnly ?? false,
            parallelism: parallelism, logLevel: logLevel, testedPhase: phase)
    }
}

/// `POST /api/jobs/{id}/apply`.
public struct ApplyPlanRequest: Codable, RequestMessage {
    public var assignedWorkerId: TendrilID?

    public init(assignedWorkerId: TendrilID? = nil) { self.assignedWorkerId = assignedWorkerId }
}

/// `PATCH /api/jobs/{id}`: which Tendril a QUEUED job is for. null means any, so the field is required: an absent field
/// would change nothing.
public struct AssignJobRequest: Codable, RequestMessage {
    public var assignedWorkerId: TendrilID?

    public init(assignedWorkerId: TendrilID?) { self.assignedWorkerId = assignedWorkerId }

    public init(from decoder: any Decoder) throws {
        assignedWorkerId = try decoder.container(keyedBy: CodingKeys.self)
            .decode(TendrilID?.self, forKey: .assignedWorkerId)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(assignedWorkerId, forKey: .assignedWorkerId)
    }

    private enum CodingKeys: String, CodingKey { case assignedWorkerId }
}

/// `GET /api/jobs/{id}/status`: only these two fields.
public struct JobStatusResponse: Codable, ResponseMessage {
    public var status: JobStatus
    public var errorMessage: String?
    /// As in ``JobResponse``.
    public var progress: RunProgressResponse?
    public var forecast: RunForecastResponse?

    public init(status: JobStatus, errorMessage: String?) {
        self.status = status
        self.errorMessage = errorMessage
    }

    public mutating func add(_ run: RunProgress, at now: Timestamp) {
        progress = run.total > 0 ? RunProgressResponse(left: run.left, total: run.total) : nil
        forecast = run.forecast.map { RunForecastResponse($0, at: now) }
    }
}

/// How the work of a job ended, as the API shows it.
public struct OutcomeResponse: Codable, Hashable, Sendable {
    public var result: Outcome.Result
    public var phase: String?
    public var exitCode: Int?
    public var signal: Int?
    public var stateSerialBefore: Int64?
    public var stateSerialAfter: Int64?
    /// The same as `state_serial_before` and `state_serial_after`, under their earlier names.
    public var serialBefore: Int64?
    public var serialAfter: Int64?
    public var lockReleased: Bool?
    public var unfinished: [String]?
    public var diagnostic: Diagnostic?
    public var summary: String

    public init(_ outcome: Outcome) {
        result = outcome.result
        phase = outcome.phase
        exitCode = outcome.exitCode
        signal = outcome.signal
        stateSerialBefore = outcome.serialBefore
        stateSerialAfter = outcome.serialAfter
        serialBefore = outcome.serialBefore
        serialAfter = outcome.serialAfter
        lockReleased = outcome.lockReleased
        unfinished = outcome.unfinished
        diagnostic = outcome.diagnostic
        summary = outcome.summary
    }
}

/// What a queued job waits for.
public struct WaitResponse: Codable, ResponseMessage {
    /// `job`, `lock`, `tendril`, `no_tendril`, `slot` or `nothing`.
    public var kind: String
    /// One sentence for people.
    public var message: String
    public var jobId: JobID?
    public var workerId: TendrilID?
    /// The name of `worker_id`.
    public var workerName: String?
    public var lockId: String?
    /// When the job will probably start; nil where that is not known.
    public var startsAt: Timestamp?

    public init(
        kind: String, message: String, jobId: JobID? = nil, workerId: TendrilID? = nil, workerName: String? = nil,
        lockId: String? = nil
    ) {
        self.kind = kind
        self.message = message
        self.jobId = jobId
        self.workerId = workerId
        self.workerName = workerName
        self.lockId = lockId
    }
}

/// Whether a job whose engine may be running can be given up now (`POST /api/jobs/{id}/give-up`).
public struct GiveUpResponse: Codable, Hashable, ResponseMessage {
    public var allowed: Bool
    /// One sentence for people.
    public var reason: String
    /// Where only time is missing: from when on.
    public var allowedFrom: Timestamp?

    public init(allowed: Bool, reason: String, allowedFrom: Timestamp? = nil) {
        self.allowed = allowed
        self.reason = reason
        self.allowedFrom = allowedFrom
    }
}

/// A job as the API shows it.
public struct JobResponse: Codable, ResponseMessage {
    public var id: JobID
    public var jobType: JobType
    public var status: JobStatus
    public var engineState: EngineState
    public var logState: String
    /// Why the log is INCOMPLETE.
    public var logStateReason: String?
    public var outcome: OutcomeResponse?
    /// The engine's commands so far, in order.
    public var phases: [JobPhase]
    public var waitingFor: WaitResponse?
    /// While the engine runs, if it is known; the forecast is absent without a history.
    public var progress: RunProgressResponse?
    public var forecast: RunForecastResponse?
    /// nil where nothing of the job runs that could be given up.
    public var giveUp: GiveUpResponse?
    public var vineId: VineID
    public var vineyardId: VineyardID
    public var assignedWorkerId: TendrilID?
    public var workerId: TendrilID?
    /// The name of `worker_id`, else of `assigned_worker_id`.
    public var workerName: String?
    public var planJobId: JobID?
    public var rerunOf: JobID?
    /// Jobs that repeat this one, oldest first.
    public var reruns: [JobID]?
    public var epoch: Int
    public var createdBy: String
    public var cancelledBy: String?
    /// The cancel was forced.
    public var forced: Bool
    /// When that was decided.
    public var forcedAt: Timestamp?
    /// When the job was taken from a Tendril that could not be reached.
    public var givenUpAt: Timestamp?
    // How the engine is run; see ``RunOptions``.
    public var targets: [String]
    public var replace: [String]
    public var refreshOnly: Bool
    public var parallelism: Int?
    public var logLevel: RunOptions.LogLevel?
    /// Of a CONNECTION_TEST: the side of the identity that it tests.
    public var phase: TokenPhase?
    /// What the job is in a cloud; absent in lists.
    public var identityId: CloudIdentityID?
    /// What the plan does; absent until that is known.
    public var changes: PlannedChanges?
    /// Warnings of the engine, failed checks included.
    public var warnings: Int
    /// What was cut from the metadata or the outcome to fit, by name.
    public var truncated: [String]
    public var configSnapshot: JSONValue
    public var executionMetadata: JSONValue
    public var errorMessage: String?
    public var createdAt: Timestamp
    public var claimedAt: Timestamp?
    public var startedAt: Timestamp?
    public var completedAt: Timestamp?
    public var serverNow: Timestamp

    public init(_ job: Job, configSnapshot: JSONValue, serverNow: Timestamp) {
        id = job.id
        jobType = job.type
        status = job.status
        engineState = job.state.engine
        logState = job.state.log.name
        logStateReason = job.state.log.reason
        outcome = job.outcome.map(OutcomeResponse.init)
        phases = job.phases
        vineId = job.vine
        vineyardId = job.vineyard
        assignedWorkerId = job.assignedWorker
        workerId = job.state.worker
        planJobId = job.plan
        rerunOf = job.rerunOf
        epoch = job.state.epoch
        createdBy = job.createdBy
        cancelledBy = job.cancelledBy
        forced = job.state.isForced
        forcedAt = job.forcedAt
        givenUpAt = job.givenUpAt
        targets = job.options.targets
        replace = job.options.replace
        refreshOnly = job.options.refreshOnly
        parallelism = job.options.parallelism
        logLevel = job.options.logLevel
        phase = job.options.testedPhase
        identityId = job.snapshot.settings.identity
        changes = job.changes
        warnings = job.warnings ?? 0
        truncated = job.truncated
        self.configSnapshot = configSnapshot
        executionMetadata = job.metadata
        errorMessage = job.errorMessage
        createdAt = job.createdAt
        claimedAt = job.claimedAt
        startedAt = job.startedAt
        completedAt = job.completedAt
        self.serverNow = serverNow
    }

    public mutating func add(_ run: RunProgress) {
        progress = run.total > 0 ? RunProgressResponse(left: run.left, total: run.total) : nil
        forecast = run.forecast.map { RunForecastResponse($0, at: serverNow) }
    }
}

/// A job in a list: without its snapshot and metadata, with its vine's name.
public struct JobListItem: Codable, Sendable {
    public var job: JobResponse
    public var vineTitle: String

    private enum CodingKeys: String, CodingKey { case vineTitle }

    public init(job: JobResponse, vineTitle: String) {
        self.job = job
        self.vineTitle = vineTitle
    }

    public init(from decoder: any Decoder) throws {
        job = try JobResponse(from: decoder)
        vineTitle = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .vineTitle)
    }

    public func encode(to encoder: any Encoder) throws {
        try job.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(vineTitle, forKey: .vineTitle)
    }
}

/// `GET /api/jobs/{id}/apply-check`: what Apply and Re-run would do now. Pages show it before the click.
public struct ApplyCheckResponse: Codable, ResponseMessage {
    /// The plan can be applied.
    public var valid: Bool
    /// Why it can't.
    public var reason: String?
    /// The vine or its state changed after the plan.
    public var outdated: Bool?
    /// How to get a plan that can be applied; nil if this one can, or none could.
    public var remedy: PlanValidity.Remedy?
    /// The DEPLOY that applied this plan.
    public var deployId: JobID?
    /// The serial of the state that the plan was made from; nil for none.
    public var stateSerial: Int64?
    public var changes: PlannedChanges?
    /// What Re-run would create, and a sentence about it; nil until the job has ended.
    public var rerun: JobType?
    public var rerunNote: String?
    /// The vine was deleted: there is nothing to apply or to run again.
    public var vineDeleted: Bool?
    /// The vine's configuration differs from the job's, so a re-run and a new plan would differ.
    public var vineChanged: Bool?

    public init(valid: Bool, changes: PlannedChanges?) {
        self.valid = valid
        self.changes = changes
    }
}
