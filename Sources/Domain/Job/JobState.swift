/// The part of a job that its lifecycle decides about.
public struct JobState: Hashable, Sendable {
    public var status: JobStatus
    public var engine: EngineState
    public var log: LogState
    /// The Tendril of the last claim; nil before the first, and after a lease was lost before the start.
    public var worker: TendrilID?
    /// Counts the claims; 0 before the first.
    public var epoch: Int
    /// Whether the last claim's lease still holds. Without it, its holder may add log and outcome, nothing else.
    public var leaseHeld: Bool
    /// A person did not want to wait for a cancelled engine to end by itself: it is killed.
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

    /// What no state may break; the database repeats these as CHECKs.
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
