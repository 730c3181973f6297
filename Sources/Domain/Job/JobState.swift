/// The part of a job that its lifecycle changes.
public struct JobState: Hashable, Sendable {
    public var status: JobStatus
    public var engine: EngineState
    public var log: LogState
    /// The Tendril of the last claim; nil before the first, and after a lease was lost before the start.
    public var worker: TendrilID?
    /// The number of claims so far.
    public var epoch: Int
    /// Whether the last claim's lease still holds. Without it, its holder may add log and outcome, nothing else.
    public var leaseHeld: Bool
    /// The cancel was forced: the engine is killed.
    public var isForced: Bool

    public init(
        status: JobStatus = .queued,
        engine: EngineState = .none,
        log: LogState = .open,
        worker: TendrilID? = nil,
        epoch: Int = 0,
        leaseHeld: Bool = false,
        isForced: Bool = false
    ) {
        self.status = status
        self.engine = engine
        self.log = log
        self.worker = worker
        self.epoch = epoch
        self.leaseHeld = leaseHeld
        self.isForced = isForced
    }

    /// The invariants of every state. The database repeats them as CHECK constraints.
    public var isConsistent: Bool {
        guard !isForced || status == .cancelled && engine != .none else { return false }
        return switch status {
        case .queued:
            engine == .none && log == .open && !leaseHeld && worker == nil
        case .claimed:
            engine == .none && log == .open && leaseHeld && worker != nil && epoch > 0
        case .processing:
            engine == .running && log == .open && leaseHeld && worker != nil && epoch > 0
        case .success:
            engine == .gone && !leaseHeld && worker != nil && epoch > 0
        case .failed:
            (engine == .gone || engine == .unknown) && !leaseHeld && worker != nil && epoch > 0
        case .cancelled:
            !leaseHeld && engine != .running && (engine != .none || log == .complete)
                && (engine != .stopping || log == .open)
        }
    }
}

/// The right to run one job, given by a claim.
///
/// The epoch grows with every claim of the job, so messages from an earlier holder are recognized
/// (a fencing token, as in Kleppmann, "How to do distributed locking").
public struct Lease: Hashable, Codable, Sendable {
    public var job: JobID
    public var worker: TendrilID
    /// Counts the claims of this job, from 1.
    public var epoch: Int

    public init(job: JobID, worker: TendrilID, epoch: Int) {
        self.job = job
        self.worker = worker
        self.epoch = epoch
    }
}
