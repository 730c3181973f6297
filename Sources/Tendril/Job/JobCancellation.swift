import Synchronization

/// A user's wish that the job stop, which may come at any time. (Not the cancelling of the task: that lets go of the
/// job, and its engine runs on.)
final class JobCancellation: Sendable {
    private struct State {
        var isRequested = false
        var nextKey = 0
        var handlers: [Int: @Sendable () -> Void] = [:]
    }

    private let state = Mutex(State())

    var isRequested: Bool { state.withLock { $0.isRequested } }

    /// Calls the handlers that stand; false where it was requested before.
    @discardableResult
    func request() -> Bool {
        let handlers = state.withLock { state -> [@Sendable () -> Void]? in
            guard !state.isRequested else { return nil }
            state.isRequested = true
            return Array(state.handlers.values)
        }
        guard let handlers else { return false }
        for handler in handlers { handler() }
        return true
    }

    /// Runs `body`; `handler` is called once if the job is to stop before it returns, at once if that stood before.
    func handling<Result: Sendable>(
        _ handler: @escaping @Sendable () -> Void, isolation: isolated (any Actor)? = #isolation,
        during body: () async throws -> Result
    ) async rethrows -> Result {
        let key = state.withLock { state -> Int? in
            guard !state.isRequested else { return nil }
            state.nextKey += 1
            state.handlers[state.nextKey] = handler
            return state.nextKey
        }
        if key == nil { handler() }
        defer { if let key { state.withLock { _ = $0.handlers.removeValue(forKey: key) } } }
        return try await body()
    }

    /// Runs `body` in a task that is cancelled when the job is to stop.
    func interrupting<Result: Sendable>(
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        let task = Task { try await body() }
        return try await withTaskCancellationHandler {
            try await handling({ task.cancel() }, during: { try await task.value })
        } onCancel: {
            task.cancel()
        }
    }
}
