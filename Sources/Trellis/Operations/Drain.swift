internal import Synchronization

/// Whether the server is about to stop. It then says so to load balancers, and serves on for a while.
final class Drain: Sendable {
    private let state = Mutex(false)

    var hasBegun: Bool { state.withLock { $0 } }

    func begin() { state.withLock { $0 = true } }
}
