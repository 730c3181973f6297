public import Domain
internal import Synchronization

/// A committed change. It says where to look; the store says what is there.
public enum StoreChange: Hashable, Sendable {
    /// A job was created (`isNew`), or any of its fields changed.
    case job(JobID, isNew: Bool = false)
    /// A job's log grew up to `seq`.
    case log(JobID, seq: Int64)
    /// A Tendril was created (`isNew`), sent a heartbeat, or changed.
    case tendril(TendrilID, isNew: Bool = false)
    /// A vine was created (`isNew`), or its settings, its lock or its newest state changed, or it was deleted.
    case vine(VineID, isNew: Bool = false)
    /// A queued job may have become claimable: ``JobLifecycle/Action/notifyQueue`` and
    /// ``JobLifecycle/Action/releaseVine``, a new job, a released lock.
    case queue
    /// A Tendril is asked to stop an engine: ``JobLifecycle/Action/stopEngine(worker:)`` and
    /// ``JobLifecycle/Action/forceStop(worker:)``.
    case stop(TendrilID)
    /// Anything may have changed: changes of another node were missed.
    case everything
}

/// Called after each commit, in commit order, with what it changed. It must not block, nor call the store.
public typealias ChangeObserver = @Sendable ([StoreChange]) -> Void

/// Carries changes from the store to those who read it.
///
/// Changes are hints. An observer may miss one (a connection between nodes can break) or see one twice, so every
/// reader also looks again by itself from time to time, and takes what it shows from the store. One bus serves one
/// node; between nodes, an implementation sends the hints on after the commit, never inside it.
public protocol ChangeBus: Sendable {
    /// Passes on what one commit changed. Called in commit order; never blocks.
    func publish(_ changes: [StoreChange])

    /// Calls `observer` with all changes from now on.
    func subscribe(_ observer: @escaping ChangeObserver)
}

/// A bus within one process: observers are called at once, on the thread that publishes.
public final class LocalChangeBus: ChangeBus {
    private let observers = Mutex<[ChangeObserver]>([])

    public init() {}

    public func publish(_ changes: [StoreChange]) {
        for observer in observers.withLock({ $0 }) { observer(changes) }
    }

    public func subscribe(_ observer: @escaping ChangeObserver) {
        observers.withLock { $0.append(observer) }
    }
}
