internal import Dispatch
internal import Synchronization

/// Several connections, opened when they are needed and kept for the next caller. Callers are served in order.
public final class PostgresPool: Sendable {
    public let settings: PostgresSettings
    private let state: Mutex<State>

    private struct State {
        var idle: [PostgresSession] = []
        var open = 0
        var waiters: [Waiter] = []
        var lastWaiter = 0
        var isClosed = false
        var closing: [CheckedContinuation<Void, Never>] = []
    }

    private struct Waiter {
        var number: Int
        var continuation: CheckedContinuation<PostgresSession, any Error>
    }

    public init(_ settings: PostgresSettings) {
        self.settings = settings
        state = Mutex(State())
    }

    /// Runs `body` with a connection of its own.
    ///
    /// - Parameters:
    ///   - isCancellable: gives up when the calling task is cancelled, and cancels the statement under way.
    /// - Throws: what `body` throws; ``PostgresError`` `.timeout` where no connection got free in time.
    func withConnection<Value: Sendable>(
        until deadline: ContinuousClock.Instant, isCancellable: Bool,
        _ body: @escaping @Sendable (PostgresConnection) throws -> Value
    ) async throws -> Value {
        let session = try await acquire(until: deadline, isCancellable: isCancellable)
        let outcome = await session.run(until: deadline, isCancellable: isCancellable, body)
        await release(session, isUsable: outcome.isUsable)
        return try outcome.result.get()
    }

    /// Closes every connection, once those in use are given back.
    public func close() async {
        let idle = state.withLock { state in
            state.isClosed = true
            defer { state.idle = [] }
            state.open -= state.idle.count
            return state.idle
        }
        for session in idle { await session.close() }
        await withCheckedContinuation { continuation in
            let isDone = state.withLock { state in
                guard state.open > 0 else { return true }
                state.closing.append(continuation)
                return false
            }
            if isDone { continuation.resume() }
        }
    }

    // MARK: - Waiting for a connection

    private func acquire(until deadline: ContinuousClock.Instant, isCancellable: Bool) async throws -> PostgresSession {
        let number = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                wait(as: number, continuation, until: deadline, isCancellable: isCancellable)
            }
        } onCancel: {
            if isCancellable { fail(number, CancellationError()) }
        }
    }

    private func wait(
        as number: Int, _ continuation: CheckedContinuation<PostgresSession, any Error>,
        until deadline: ContinuousClock.Instant, isCancellable: Bool
    ) {
        let answer: Result<PostgresSession, any Error>? = state.withLock { state in
            if state.isClosed { return .failure(PostgresError(.closed, "The database was closed.")) }
            if isCancellable, Task.isCancelled { return .failure(CancellationError()) }
            if let session = state.idle.popLast() { return .success(session) }
            if state.open < settings.maxConnections {
                state.open += 1
                return .success(PostgresSession(settings))
            }
            state.waiters.append(Waiter(number: number, continuation: continuation))
            return nil
        }
        if let answer { return continuation.resume(with: answer) }
        // The task may have been cancelled just before it was among the waiters.
        if isCancellable, Task.isCancelled { fail(number, CancellationError()) }
        let remaining = ContinuousClock.now.duration(to: deadline).milliseconds
        DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(Int(max(0, remaining)))) { [weak self] in
            self?.fail(number, PostgresError(.timeout, "No connection to the database got free in time."))
        }
    }

    private func fail(_ number: Int, _ error: any Error) {
        let waiter = state.withLock { state -> Waiter? in
            guard let index = state.waiters.firstIndex(where: { $0.number == number }) else { return nil }
            return state.waiters.remove(at: index)
        }
        waiter?.continuation.resume(throwing: error)
    }

    private func release(_ session: PostgresSession, isUsable: Bool) async {
        let next = state.withLock { state -> (waiter: Waiter?, closing: [CheckedContinuation<Void, Never>]) in
            let session = isUsable ? session : PostgresSession(settings)
            if let waiter = state.waiters.first {
                state.waiters.removeFirst()
                waiter.continuation.resume(returning: session)
                return (waiter, [])
            }
            if isUsable, !state.isClosed {
                state.idle.append(session)
                return (nil, [])
            }
            state.open -= 1
            guard state.isClosed, state.open == 0 else { return (nil, []) }
            defer { state.closing = [] }
            return (nil, state.closing)
        }
        if next.waiter == nil, state.withLock(\.isClosed) { await session.close() }
        for continuation in next.closing { continuation.resume() }
    }
}
