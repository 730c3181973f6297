public import Domain

/// `POST /api/workers`.
public struct RegisterWorkerRequest: Codable, RequestMessage {
    public var name: String
    /// The vineyards whose jobs it runs; all if absent or empty.
    public var vineyards: [VineyardID]?

    public init(name: String, vineyards: [VineyardID]? = nil) {
        self.name = name
        self.vineyards = vineyards
    }
}

/// `PATCH /api/workers/{id}`.
public struct PatchWorkerRequest: Codable, RequestMessage {
    /// The vineyards whose jobs it runs; empty for all. A job that it runs goes on.
    public var vineyards: [VineyardID]

    public init(vineyards: [VineyardID]) { self.vineyards = vineyards }
}

/// The response; the token is shown only once.
public struct RegisterWorkerResponse: Codable, ResponseMessage {
    public var workerId: TendrilID
    public var workerToken: String
    /// Where the other Tendrils run their jobs. Only under the same path (`--run-root`) can one Tendril apply what
    /// another planned.
    public var runRoots: [String]?

    public init(workerId: TendrilID, workerToken: String, runRoots: [String]? = nil) {
        self.workerId = workerId
        self.workerToken = workerToken
        self.runRoots = runRoots
    }
}

/// A Tendril as the API shows it.
public struct WorkerResponse: Codable, ResponseMessage {
    public var id: TendrilID
    public var name: String
    public var status: Tendril.Status
    /// Its last word was that it takes nothing new: an OFFLINE one was stopped, not lost.
    public var draining: Bool
    public var version: String
    public var slots: Int
    public var engines: [Engine]
    public var runRoot: String
    /// Jobs it holds a lease for now.
    public var activeJobs: [JobID]
    public var lastSeenAt: Timestamp?
    public var createdAt: Timestamp
    /// The vineyards that it is bound to; empty for all.
    public var vineyards: [VineyardID]
    /// For a list that was requested for a job: what the Tendril lacks, as a predicate (`has no tofu`).
    public var shortfall: String?

    public init(
        _ agent: Tendril, activeJobs: [JobID], requirement: EngineRequirement? = nil,
        now: Timestamp
    ) {
        id = agent.id
        name = agent.name
        status = agent.status(at: now)
        draining = agent.draining
        version = agent.offer.version
        slots = agent.offer.slots
        engines = agent.offer.engines
        runRoot = agent.offer.runRoot
        self.activeJobs = activeJobs
        lastSeenAt = agent.lastSeenAt
        createdAt = agent.createdAt
        vineyards = agent.vineyards.sorted { $0.rawValue < $1.rawValue }
        shortfall = requirement.flatMap(agent.offer.missingCapability)
    }
}

/// A lease, as both sides list it.
public struct LeaseMessage: Codable, Hashable, Sendable {
    public var jobId: JobID
    public var epoch: Int

    public init(jobId: JobID, epoch: Int) {
        self.jobId = jobId
        self.epoch = epoch
    }
}

/// `POST /api/workers/heartbeat`, every 10 s and at the start.
public struct HeartbeatRequest: Codable, RequestMessage {
    public var version: String
    public var slots: Int
    public var draining: Bool
    public var engines: [Engine]
    public var runRoot: String
    /// The leases that the Tendril believes it holds.
    public var leases: [LeaseMessage]

    public init(
        version: String, slots: Int, draining: Bool, engines: [Engine], runRoot: String, leases: [LeaseMessage]
    ) {
        self.version = version
        self.slots = slots
        self.draining = draining
        self.engines = engines
        self.runRoot = runRoot
        self.leases = leases
    }
}

/// The response, with Trellis' view, so that both sides can reconcile.
public struct HeartbeatResponse: Codable, ResponseMessage {
    public var serverNow: Timestamp
    /// There may be a job to claim.
    public var work: Bool
    /// Jobs of this Tendril whose engine must stop.
    public var stop: [JobID]
    /// The subset whose cancel was forced.
    public var kill: [JobID]?
    /// Leases in the heartbeat that the Tendril does not hold.
    public var lost: [LeaseMessage]
    /// The Tendril's own name.
    public var name: String?
    /// Where other Tendrils run their jobs, if not under the run root of the heartbeat.
    public var otherRunRoots: [String]?

    public init(
        serverNow: Timestamp, work: Bool, stop: [JobID], kill: [JobID]? = nil, lost: [LeaseMessage],
        name: String? = nil, otherRunRoots: [String]? = nil
    ) {
        self.serverNow = serverNow
        self.work = work
        self.stop = stop
        self.kill = kill
        self.lost = lost
        self.name = name
        self.otherRunRoots = otherRunRoots
    }
}

/// The events of `GET /api/workers/stream` (Server-Sent Events): hints that replace polling.
/// The store is authoritative; the heartbeat carries the same information.
public enum WorkerEvent {
    /// There may be a job to claim. Data: `{}`.
    public static let work = "work"
    /// A job's engine must stop. Data: ``StopMessage``.
    public static let stop = "stop"
}

/// The data of a `stop` event.
public struct StopMessage: Codable, Sendable {
    public var jobId: JobID
    /// The cancel was forced.
    public var kill: Bool?

    public init(jobId: JobID, kill: Bool = false) {
        self.jobId = jobId
        self.kill = kill ? true : nil
    }
}

/// The answer to `POST /api/jobs/claim` (200; 204 with no body where there is nothing to claim), and to
/// `GET /api/jobs/{id}/work?epoch=E` for a restarted Tendril: everything the lease holder needs.
public struct ClaimResponse: Codable, ResponseMessage {
    public var jobId: JobID
    public var epoch: Int
    public var jobType: JobType
    public var vineId: VineID
    public var vineTitle: String
    public var snapshot: Snapshot
    /// The sensitive values; never log these, or write them to a file that others can read.
    public var secrets: VineSecrets
    public var requirement: EngineRequirement
    /// How the engine is run; absent for its defaults.
    public var options: RunOptions?
    /// For a DEPLOY: the plan to apply.
    public var plan: PlanReference?
    public var createdAt: Timestamp

    public init(
        jobId: JobID, epoch: Int, jobType: JobType, vineId: VineID, vineTitle: String, snapshot: Snapshot,
        secrets: VineSecrets, requirement: EngineRequirement, options: RunOptions? = nil, plan: PlanReference?,
        createdAt: Timestamp
    ) {
        self.jobId = jobId
        self.epoch = epoch
        self.jobType = jobType
        self.vineId = vineId
        self.vineTitle = vineTitle
        self.snapshot = snapshot
        self.secrets = secrets
        self.requirement = requirement
        self.options = options
        self.plan = plan
        self.createdAt = createdAt
    }
}

/// The saved plan that a DEPLOY applies. Its artifact: `GET /api/jobs/{job_id}/artifact?for=DEPLOY_JOB&epoch=E`.
public struct PlanReference: Codable, Sendable {
    public var jobId: JobID
    /// SHA-256 of the artifact's bytes, in hexadecimal digits.
    public var artifactSha256: String
    /// The state that was planned against; nil for none.
    public var state: StatePosition?
    /// What the plan does.
    public var changes: PlannedChanges?

    public init(jobId: JobID, artifactSha256: String, state: StatePosition?, changes: PlannedChanges?) {
        self.jobId = jobId
        self.artifactSha256 = artifactSha256
        self.state = state
        self.changes = changes
    }
}

/// `PUT /api/jobs/{id}/status`: what the lease holder reports. Fields that are absent stay as they are.
public struct ReportStatusRequest: Codable, RequestMessage {
    public var epoch: Int
    /// PROCESSING (the start, acknowledged before anything runs), SUCCESS or FAILED; absent for a report of facts
    /// only, as after a cancel.
    public var status: JobStatus?
    /// GONE or UNKNOWN, once the engine has exited.
    public var engineState: EngineState?
    public var outcome: Outcome?
    public var errorMessage: String?
    /// Merged into the job's metadata.
    public var executionMetadata: JSONValue?
    /// With the end: what the plan does, the engine's warnings, and what was cut from this report to fit, by name.
    public var changes: PlannedChanges?
    public var warnings: Int?
    public var truncated: [String]?
    /// With FAILED: the errors of the command that failed, as the log shows them.
    public var errors: [Diagnostic]?
    /// The engine's commands so far, in order.
    public var phases: [JobPhase]?
    /// The engine that runs the job, with the start.
    public var engine: Engine?
    public var runRoot: String?
    /// When the job's first engine process was executed, on the Tendril's clock.
    public var engineStartedAt: Timestamp?
    /// The commit that the snapshot's git ref stands for, once.
    public var resolvedCommit: String?
    /// With a PLAN's SUCCESS: the state it was planned against, if any.
    public var plannedState: StatePosition?
    /// Ends the log: what was captured, for Trellis to compare with what it stored.
    public var log: LogClosingMessage?

    public init(epoch: Int) { self.epoch = epoch }
}

/// The response to a report: the current state.
public struct ReportStatusResponse: Codable, ResponseMessage {
    public var status: JobStatus
    public var engineState: EngineState
    public var logState: String

    public init(status: JobStatus, engineState: EngineState, logState: String) {
        self.status = status
        self.engineState = engineState
        self.logState = logState
    }
}

/// How a log ends.
public struct LogClosingMessage: Codable, Sendable {
    /// What the whole capture hashes to.
    public var digest: LogDigest?
    /// Why text is missing, if the Tendril knows.
    public var incomplete: String?

    public init(digest: LogDigest?, incomplete: String? = nil) {
        self.digest = digest
        self.incomplete = incomplete
    }
}

/// Headers of the Tendril's calls.
public enum WorkerHeader {
    public static let id = "X-Worker-ID"
    public static let token = "X-Worker-Token"
}
