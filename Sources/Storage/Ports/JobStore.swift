public import Domain

/// Jobs, their queue and their lifecycle.
public protocol JobStore: Sendable {
    /// Stores a new QUEUED job with the secrets of its snapshot (sealed), and `notes` as the first SYSTEM lines of its
    /// log.
    ///
    /// A DEPLOY needs what its plan ran with (``JobFields/engine``, ``JobFields/runRoot``): what its requirement leaves
    /// open is taken from there.
    ///
    /// - Throws: ``Refusal`` `.conflict` naming the first one, where `job` is a DEPLOY and its plan already has a
    ///   DEPLOY that is waiting, has run or is running (any but one cancelled before its start);
    ///   `.notFound` where the vine, plan or assigned Tendril does not exist; `.invalid` for a DEPLOY without a plan,
    ///   a plan of another vine, and a job that is not QUEUED; `.conflict` for an id that is taken.
    func createJob(_ job: Job, secrets: VineSecrets, notes: [String]) async throws

    func job(_ id: JobID) async throws -> Job?

    /// The job without its documents, which may be large: of its snapshot's settings there are the names of project and
    /// stage only, and its metadata is empty.
    func outline(of id: JobID) async throws -> Job?

    /// Reads these two columns and nothing else.
    func status(of id: JobID) async throws -> (status: JobStatus, errorMessage: String?)?

    /// Jobs whose id begins with `prefix` (lower case), newest first.
    func jobIDs(startingWith prefix: String, limit: Int) async throws -> [JobID]

    /// Jobs, newest first, as ``outline(of:)``.
    func jobs(_ query: JobQuery, limit: Int, cursor: String?) async throws -> Page<Job>

    /// Makes `events` happen to the job, in this order and in one commit, together with `facts`.
    ///
    /// Also writes each transition's note, and `facts.notes`, to the log as SYSTEM lines of Trellis (epoch 0), and
    /// sets the times that belong to the transition (`claimedAt`, `startedAt`, `completedAt`) to `now`. Where no event
    /// changes anything, nothing is written but `facts` that are new. `.succeed` is decided with what is true in the
    /// commit: its `artifactStored` is replaced by whether the artifact is stored.
    ///
    /// A report that repeats what had happened (events, and none of them a change), or that comes after the job and its
    /// engine have ended, fills facts that are empty and rewrites none, except an outcome UNKNOWN, by one that is known.
    /// `changes`, `warnings` and `truncated` are written once. Metadata never grows beyond ``JobMetadata/storedBytes``. Who cancelled is written once. Notes are written with what they tell of, not once more.
    ///
    /// - Throws: ``Refusal`` where any of the events is refused: then none happened; `.notFound` without the job.
    func change(_ id: JobID, _ events: [JobEvent], facts: JobFields, at now: Timestamp) async throws -> JobChange

    /// Gives the oldest job that `worker` may run a lease to it, atomically; nil where there is none.
    ///
    /// It may run a job that is QUEUED, is assigned to it or to nobody, whose vine is neither held by another job
    /// (one that is CLAIMED, or whose ``EngineState/holdsVine``) nor locked by anybody, and whose requirement its
    /// offer meets; and only while it is ONLINE at `now` and has a free slot (leases held, and engines of its jobs
    /// that may still run, fewer than its slots). Writes "Claimed by NAME" to the job's log.
    func claim(by worker: TendrilID, at now: Timestamp) async throws -> Job?

    /// Whether ``claim(by:at:)`` would find something now. Cheap; a hint only.
    func hasWork(for worker: TendrilID, at now: Timestamp) async throws -> Bool

    /// What the job waits for, for people; nil where it is not QUEUED.
    func waitReason(of id: JobID, at now: Timestamp) async throws -> WaitReason?

    /// Jobs whose lease `worker` holds, and jobs it may still have an engine running for; as ``outline(of:)``.
    func activeJobs(of worker: TendrilID) async throws -> [Job]

    /// Jobs that are CLAIMED or PROCESSING, or whose engine may still run; as ``outline(of:)``.
    func activeJobs() async throws -> [Job]

    /// Changes which Tendril a QUEUED job is for (nil for any), with `note` as a SYSTEM line of its log. Where it is
    /// for that one already, nothing is written.
    /// - Throws: ``Refusal`` `.conflict` where it is QUEUED no more; `.notFound` without the job or the Tendril.
    func assign(_ id: JobID, to worker: TendrilID?, note: String, at now: Timestamp) async throws

    /// The sensitive values of the job's snapshot.
    func secrets(of id: JobID) async throws -> VineSecrets

    /// Jobs that repeat this one, oldest first.
    func reruns(of id: JobID) async throws -> [JobID]

    /// What a Tendril must have to apply the plan `id`: what it was made with. nil where there is no such job.
    func deployRequirement(of id: JobID) async throws -> EngineRequirement?

    /// What decides whether the plan `id` may be applied now; nil where there is no such job.
    /// The planned state is the one recorded by ``JobFields/plannedState``; the vine's own digest is the snapshot's
    /// where the revision is the same, else ``Vault/configurationDigest(of:secrets:)``.
    func planFacts(_ id: JobID) async throws -> PlanValidity.Facts?
}

/// Which jobs a list shows; nil fields do not matter.
public struct JobQuery: Hashable, Sendable {
    public var status: JobStatus?
    public var type: JobType?
    public var vine: VineID?
    public var worker: TendrilID?
    /// Matches a beginning of the job's id, or a part of the Tendril's name or of the vine's `project / stage`,
    /// whatever the case.
    /// (The Tendril of a job is, here and in ``worker``, the one that has it, else the one that it is assigned to.)
    public var text: String?

    public init(
        status: JobStatus? = nil, type: JobType? = nil, vine: VineID? = nil, worker: TendrilID? = nil,
        text: String? = nil
    ) {
        self.status = status
        self.type = type
        self.vine = vine
        self.worker = worker
        self.text = text
    }
}

/// What a change brings along beside the state. nil fields stay as they are.
public struct JobFields: Hashable, Sendable {
    public var cancelledBy: String?
    public var errorMessage: String?
    public var outcome: Outcome?
    public var changes: PlannedChanges?
    public var warnings: Int?
    /// The engine's commands so far; a shorter list than the stored one is ignored.
    public var phases: [JobPhase]?
    public var truncated: [String]?
    /// Merged into the job's metadata (``JSONValue/merging(_:)``).
    public var metadata: JSONValue?
    /// What the job runs with; a DEPLOY of this plan will need the same.
    public var engine: Engine?
    public var runRoot: String?
    /// The commit of the snapshot's git ref; written once, then kept.
    public var resolvedCommit: String?
    /// The state that a PLAN was made against: `.some(nil)` says "there was none".
    public var plannedState: StatePosition??
    /// Lines of Trellis for the log.
    public var notes: [String]

    public init(
        cancelledBy: String? = nil, errorMessage: String? = nil, outcome: Outcome? = nil,
        changes: PlannedChanges? = nil, warnings: Int? = nil, phases: [JobPhase]? = nil, truncated: [String]? = nil,
        metadata: JSONValue? = nil,
        engine: Engine? = nil, runRoot: String? = nil, resolvedCommit: String? = nil,
        plannedState: StatePosition?? = nil, notes: [String] = []
    ) {
        self.cancelledBy = cancelledBy
        self.errorMessage = errorMessage
        self.outcome = outcome
        self.changes = changes
        self.warnings = warnings
        self.phases = phases
        self.truncated = truncated
        self.metadata = metadata
        self.engine = engine
        self.runRoot = runRoot
        self.resolvedCommit = resolvedCommit
        self.plannedState = plannedState
        self.notes = notes
    }
}

/// A job after a change, and what is left to do.
public struct JobChange: Sendable {
    public var job: Job
    /// The actions of the events, in order, without `.doNothing`.
    public var actions: [JobLifecycle.Action]
    /// False where everything had happened before.
    public var isChange: Bool

    public init(job: Job, actions: [JobLifecycle.Action], isChange: Bool) {
        self.job = job
        self.actions = actions
        self.isChange = isChange
    }
}
