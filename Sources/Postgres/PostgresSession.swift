internal import Dispatch
internal import Synchronization

/// A connection and the one thread that may touch it: blocking calls stay off Swift's cooperative threads.
final class PostgresSession: @unchecked Sendable {
    private let settings: PostgresSettings
    private let queue = DispatchQueue(label: "vintner.postgres")
    /// Touched on `queue` only.
    private var connection: PostgresConnection?

    init(_ settings: PostgresSettings) { self.settings = settings }

    /// What a body did, and whether the connection outlived it.
    struct Outcome<Value: Sendable>: Sendable {
        var result: Result<Value, any Error>
        var isUsable: Bool
    }

    /// Runs `body` on the session's thread, connecting first where needed.
    ///
    /// - Parameter isCancellable: cancels the statement under way when the calling task is cancelled. Never for a
    ///   write: PostgreSQL acknowledges a commit whose wait for a standby was cancelled.
    func run<Value: Sendable>(
        until deadline: ContinuousClock.Instant, isCancellable: Bool,
        _ body: @escaping @Sendable (PostgresConnection) throws -> Value
    ) async -> Outcome<Value> {
        let relay = CancelRelay()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                queue.async { [self] in
                    continuation.resume(returning: runBlocking(until: deadline, isCancellable ? relay : nil, body))
                }
            }
        } onCancel: {
            if isCancellable { relay.cancel() }
        }
    }

    private func runBlocking<Value: Sendable>(
        until deadline: ContinuousClock.Instant, _ relay: CancelRelay?, _ body: (PostgresConnection) throws -> Value
    ) -> Outcome<Value> {
        do {
            guard ContinuousClock.now < deadline else {
                throw PostgresError(.timeout, "The database was busy for too long.")
            }
            let connection = try connection ?? PostgresConnection(settings)
            self.connection = connection
            connection.deadline = deadline
            if let relay { relay.attach(connection.canceler) }
            let result = Result { try body(connection) }
            connection.discardQueue()
            let isSettled = relay == nil || connection.canceler.settle(within: 5)
            let isUsable = connection.isUsable && isSettled
            if !isUsable { self.connection = nil }
            return Outcome(result: relay?.isCancelled == true ? cancelled(result) : result, isUsable: isUsable)
        } catch {
            return Outcome(result: .failure(error), isUsable: false)
        }
    }

    private func cancelled<Value>(_ result: Result<Value, any Error>) -> Result<Value, any Error> {
        if case .failure = result { .failure(CancellationError()) } else { result }
    }

    /// Closes the connection, after what is under way.
    func close() async {
        await withCheckedContinuation { continuation in
            queue.async { [self] in
                connection = nil
                continuation.resume()
            }
        }
    }
}

/// Takes a task's cancellation to the connection that works for it, whichever comes first.
private final class CancelRelay: Sendable {
    private struct State {
        var isCancelled = false
        var canceler: Canceler?
    }

    private let state = Mutex(State())

    var isCancelled: Bool { state.withLock(\.isCancelled) }

    func attach(_ canceler: Canceler) {
        canceler.arm()
        let isCancelled = state.withLock { state in
            state.canceler = canceler
            return state.isCancelled
        }
        if isCancelled { canceler.cancelStatement() }
    }

    func cancel() {
        let canceler = state.withLock { state in
            state.isCancelled = true
            return state.canceler
        }
        canceler?.cancelStatement()
    }
}
