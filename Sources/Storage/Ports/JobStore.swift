public import Domain

/// Jobs, their queue and their lifecycle.
public protocol JobStore: Sendable {
    /// Stores a new QUEUED job with the secrets of its snapshot (encrypted), and `systemLines` as the first SYSTEM lines of its
    /// log.
    ///
    /// Its vineyard is that of the vine, whatever ``Job/vineyard`` says.
    ///
    /// A DEPLOY needs what its plan ran with (``JobFields/engine``, ``JobFields/runRoot``): what its requirement leaves
    /// open is taken from there.
    ///
    /// - Throws: ``Refusal`` `.conflict` naming the first one, where `job` is a DEPLOY and its plan already has a
    ///   DEPLOY that is waiting, has run or is running (any but one cancelled before its start);
    ///   `.notFound` if the vine, plan or assigned Tendril does not exist; `.invalid` for a DEPLOY without a plan,
    ///   a plan of another vine, and a job that is not QUEUED; `.conflict` for an id that is taken, and an assigned
    ///   Tendril that does not serve the vineyard; `.forbidden` where two people are needed (``Vine/needsTwoPeople``).
    func createJob(_ job: Job, secrets: VineSecrets, systemLines: [String]) async throws

    func job(_ id: JobID) async throws -> Job?

    /// The job without its documents, which may be large: of its snapshot's settings there are the names of project and
    /// stage only, and its metadata is empty.
    func outline(of id: JobID) async throws -> Job?

    /// Reads these two columns and nothing else.
    func status(of id: JobID) async throws -> (status: JobStatus, errorMessage: String?)?

    /// Jobs whose id begins with `prefix` (lower case), newest first.
    func jobIDs(startingWith prefix: String, visible: VisibleVines, limit: Int) async throws -> [JobID]

    /// Jobs, newest first, as ``outline(of:)``.
    func jobs(_ query: JobQuery, limit: Int, cursor: String?) async throws -> Page<Job>

    /// Applies `events` to the job in this order, with `facts`, in one commit.
    ///
    /// Also writes each transition's line, and `facts.systemLines`, to the log as SYSTEM lines of Trellis (epoch 0), and
    /// sets the times that belong to the transition (`claimedAt`, `startedAt`, `completedAt`) to `now`. If no event
    /// changes anything, nothing is written but `facts` that are new. `.succeed` is decided with what is true in the
    /// commit: its `artifactStored` is replaced by whether the artifact is stored.
    ///
    /// A report that repeats what had happened (events, and none of them a change), or that comes after the job and its
    /// engine have ended, fills facts that are empty and rewrites none, except an outcome UNKNOWN, by one that is
    /// known. `changes`, `warnings` and `truncated` are written once. Metadata never grows beyond
    /// ``JobMetadata/storedBytes``. Who canceled is written once. Repeats write no lines.
    ///
    /// - Throws: ``Refusal`` where any of the events is refused: then none happened; `.notFound` without the job.
    func change(_ id: JobID, _ events: [JobEvent], facts: JobFields, at now: Timestamp) async throws -> JobChange

    /// Atomically grants `worker` a lease on the oldest job it may run; nil if there is none.
    ///
    /// It may run a job that is QUEUED, is in a vineyard that it serves, is assigned to it or to nobody, whose vine is neither held by another job
    /// (one that is CLAIMED, or whose ``EngineState/holdsVine``) nor locked by anybody, and whose requirement its
    /// offer meets; and only while it is ONLINE at `now` and has a free slot (leases held, and engines of its jobs
    /// that may still run, fewer than its slots). Writes "Claimed by NAME" to the job's log.
    func claim(by worker: TendrilID, at now: Timestamp) async throws -> Job?

    /// Whether ``claim(by:at:)`` would find something now. Cheap; may be outdated.
    func hasWork(for worker: TendrilID, at now: Timestamp) async throws -> Bool

    /// What the job waits for, for people; nil if it is not QUEUED.
    func waitReason(of id: JobID, at now: Timestamp) async throws -> WaitReason?

    /// Jobs whose lease `worker` holds, and jobs it may still have an engine running for; as ``outline(of:)``.
    func activeJobs(of worker: TendrilID) async throws -> [Job]

    /// Jobs that are CLAIMED or PROCESSING, or whose engine may still run; as ``outline(of:)``.
    func activeJobs() async throws -> [Job]

    /// How many jobs have not ended, by type and status.
    func unendedJobs() async throws -> UnendedJobs

    /// Changes which Tendril a QUEUED job is for (nil for any), with `systemLine` as a SYSTEM line of its log. Where it is
    /// for that one already, nothing is written.
    /// - Throws: ``Refusal`` `.conflict` if it is QUEUED no more, or the Tendril does not serve its vineyard; `.notFound`
    ///   without the job or the Tendril.
    func assign(_ id: JobID, to worker: TendrilID?, systemLine: String, at now: Timestamp) async throws

    /// The sensitive values of the job's snapshot.
    func secrets(of id: JobID) async throws -> VineSecrets

    /// Jobs that repeat this one, oldest first.
    func reruns(of id: JobID) async throws -> [JobID]

    /// What a Tendril needs to apply the plan `id`; nil if the job does not exist.
    func deployRequirement(of id: JobID) async throws -> EngineRequirement?

    /// What decides whether the plan `id` may be applied now; nil if the job does not exist.
    /// The planned state is the one recorded by ``JobFields/plannedState``; the vine's own digest is the snapshot's
    /// where the revision is the same, else ``Vault/configurationDigest(of:secrets:)``.
    func planFacts(_ id: JobID) async throws -> PlanValidity.Facts?
}

extension JobStore {
    public func jobIDs(startingWith prefix: String, limit: Int) async throws -> [JobID] {
        try await jobIDs(startingWith: prefix, visible: .all, limit: limit)
    }
}

/// Which jobs a list shows; nil fields do not matter.
public struct JobQuery: Hashable, Sendable {
    public var status: JobStatus?
    public var type: JobType?
    public var vine: VineID?
    public var worker: TendrilID?
    /// Only jobs of these vines. Costs the same however many jobs of other vines are stored.
    public var visible: VisibleVines
    /// A page of such a search may have fewer jobs than its limit, even none, although another page follows: the rows
    /// that are checked for one page are bounded.
    ///
    /// Matches a beginning of the job's id, or a part of the Tendril's name or of the vine's `project / stage`,
    /// whatever the case.
    /// (The Tendril of a job is, here and in ``worker``, the one that has it, else the one that it is assigned to.)
    public var text: String?

    public init(
        status: JobStatus? = nil, type: JobType? = nil, vine: VineID? = nil, worker: TendrilID? = nil,
        text: String? = nil, visible: VisibleVines = .all
    ) {
        self.visible = visible
        self.status = status
        self.type = type
        self.vine = vine
        self.worker = worker
        self.text = text
    }
}

/// Fields that change together with the state; nil fields are unchanged.
public struct JobFields: Hashable, Sendable {
    public var cancelledBy: String?
    public var errorMessage: String?
    public var outcome: Outcome?
    public var changes: PlannedChanges?
    public var warnings: Int?
    /// The engine's commands so far; a shorter list than the stored one is ignored.
    public var phases: [JobPhase]?
    public var truncated: [String]?
    /// With the end of a job that failed: its errors (``ErrorStore``); kept once.
    public var errors: [StoredError]?
    /// Merged into the job's metadata (``JSONValue/merging(_:)``).
    public var metadata: JSONValue?
    /// The engine that runs the job; a DEPLOY of this plan needs the same.
    public var engine: Engine?
    public var runRoot: String?
    /// The commit of the snapshot's git ref; written once, then kept.
    public var resolvedCommit: String?
    /// The state that a PLAN was made against: `.some(nil)` says "there was none".
    public var plannedState: StatePosition??
    /// Lines of Trellis for the log.
    public var systemLines: [String]
    /// Closes the log after the events: the verdict is made in the commit.
    public var closing: LogClosing?

    public init(
        cancelledBy: String? = nil, errorMessage: String? = nil, outcome: Outcome? = nil,
        changes: PlannedChanges? = nil, warnings: Int? = nil, phases: [JobPhase]? = nil, truncated: [String]? = nil,
        errors: [StoredError]? = nil, metadata: JSONValue? = nil,
        engine: Engine? = nil, runRoot: String? = nil, resolvedCommit: String? = nil,
        plannedState: StatePosition?? = nil, systemLines: [String] = [], closing: LogClosing? = nil
    ) {
        self.cancelledBy = cancelledBy
        self.errorMessage = errorMessage
        self.outcome = outcome
        self.changes = changes
        self.warnings = warnings
        self.phases = phases
        self.truncated = truncated
        self.errors = errors
        self.metadata = metadata
        self.engine = engine
        self.runRoot = runRoot
        self.resolvedCommit = resolvedCommit
        self.plannedState = plannedState
        self.systemLines = systemLines
        self.closing = closing
    }
}

/// What a Tendril says about the end of the log that it captured.
public struct LogClosing: Hashable, Sendable {
    public enum Capture: Hashable, Sendable {
        /// The whole capture; the log is COMPLETE if the stored rows are the same.
        case captured(LogDigest)
        case incomplete(reason: String)
    }

    public var epoch: Int
    public var capture: Capture

    public init(epoch: Int, _ capture: Capture) {
        self.epoch = epoch
        self.capture = capture
    }
}

/// Jobs that have not ended.
public struct UnendedJobs: Hashable, Sendable {
    public struct Kind: Hashable, Sendable {
        public var type: JobType
        public var status: JobStatus

        public init(_ type: JobType, _ status: JobStatus) {
            self.type = type
            self.status = status
        }
    }

    /// Kinds without jobs are absent.
    public var counts: [Kind: Int] = [:]
    /// When the oldest queued job was created.
    public var oldestQueued: Timestamp?

    public init() {}

    package mutating func add(_ kind: Kind, count: Int, oldest: Timestamp) {
        counts[kind] = count
        if kind.status == .queued { oldestQueued = min(oldestQueued ?? oldest, oldest) }
    }

    package static let sql = """
        SELECT job_type, status, count(*) AS jobs, min(created_at) AS oldest FROM provision_jobs
        WHERE status IN ('QUEUED', 'CLAIMED', 'PROCESSING') GROUP BY job_type, status
        """
}

/// A job after a change, and the actions to perform.
public struct JobChange: Sendable {
    public var job: Job
    /// The actions of the events, in order, without `.none`.
    public var actions: [JobLifecycle.Action]
    /// False if nothing changed.
    public var isChange: Bool

    public init(job: Job, actions: [JobLifecycle.Action], isChange: Bool) {
        self.job = job
        self.actions = actions
        self.isChange = isChange
    }
}
