/// One operation on a vine.
public struct Job: Hashable, Sendable, Identifiable {
    public var id: JobID
    public var type: JobType
    public var vine: VineID
    /// The vine's vineyard.
    public var vineyard: VineyardID
    public var state: JobState
    /// The Tendril that the user selected; nil for any.
    public var assignedWorker: TendrilID?
    /// The PLAN that a DEPLOY applies.
    public var plan: JobID?
    /// The job that this one repeats.
    public var rerunOf: JobID?
    /// The vine as it was when the job was made.
    public var snapshot: Snapshot
    /// What a Tendril must have to run it.
    public var requirement: EngineRequirement
    /// How its creator wants the engine run.
    public var options: RunOptions
    public var createdBy: String
    public var cancelledBy: String?
    public var errorMessage: String?
    public var outcome: Outcome?
    /// What its plan does; nil until the job has reported its end, and without a plan.
    public var changes: PlannedChanges?
    /// Warnings of the engine, failed checks included; nil until the job has reported its end.
    public var warnings: Int?
    /// The engine's commands so far, in order.
    public var phases: [JobPhase]
    /// What was cut from the metadata or the outcome to fit, by name: `outputs.kubeconfig`.
    public var truncated: [String]
    /// Results of the job: outputs, counts, timing. A JSON object.
    public var metadata: JSONValue
    public var createdAt: Timestamp
    public var claimedAt: Timestamp?
    public var startedAt: Timestamp?
    /// When the status became terminal.
    public var completedAt: Timestamp?
    /// When a person wanted the engine of the canceled job killed.
    public var forcedAt: Timestamp?
    /// When the lease was taken from a Tendril that could not be reached.
    public var givenUpAt: Timestamp?

    public init(
        id: JobID,
        type: JobType,
        vine: VineID,
        state: JobState = JobState(),
        assignedWorker: TendrilID? = nil,
        plan: JobID? = nil,
        rerunOf: JobID? = nil,
        snapshot: Snapshot,
        requirement: EngineRequirement = EngineRequirement(),
        options: RunOptions = RunOptions(),
        createdBy: String,
        cancelledBy: String? = nil,
        errorMessage: String? = nil,
        outcome: Outcome? = nil,
        changes: PlannedChanges? = nil,
        warnings: Int? = nil,
        phases: [JobPhase] = [],
        truncated: [String] = [],
        metadata: JSONValue = .object([:]),
        createdAt: Timestamp,
        claimedAt: Timestamp? = nil,
        startedAt: Timestamp? = nil,
        completedAt: Timestamp? = nil,
        forcedAt: Timestamp? = nil,
        givenUpAt: Timestamp? = nil,
        vineyard: VineyardID = Vineyard.defaultID
    ) {
        self.id = id
        self.vineyard = vineyard
        self.type = type
        self.vine = vine
        self.state = state
        self.assignedWorker = assignedWorker
        self.plan = plan
        self.rerunOf = rerunOf
        self.snapshot = snapshot
        self.requirement = requirement
        self.options = options
        self.createdBy = createdBy
        self.cancelledBy = cancelledBy
        self.errorMessage = errorMessage
        self.outcome = outcome
        self.changes = changes
        self.warnings = warnings
        self.phases = phases
        self.truncated = truncated
        self.metadata = metadata
        self.createdAt = createdAt
        self.claimedAt = claimedAt
        self.startedAt = startedAt
        self.completedAt = completedAt
        self.forcedAt = forcedAt
        self.givenUpAt = givenUpAt
    }

    public var status: JobStatus { state.status }

    /// Whether its creator needs the right to apply.
    public var needsApply: Bool {
        switch type {
        case .plan: false
        case .connectionTest: options.testedPhase != .plan
        case .deploy, .destroy: true
        }
    }

    /// The lease of the latest claim, even if it is no longer held.
    public var lease: Lease? {
        state.worker.map { Lease(job: id, worker: $0, epoch: state.epoch) }
    }
}
