import Synchronization

/// A result that is set once and awaited by any number of tasks, before or after.
final class OneShotResult<Value: Sendable>: Sendable {
    private struct State {
        var result: Result<Value, any Error>?
        var waiting: [Int: CheckedContinuation<Value, any Error>] = [:]
        /// Waiters whose task was canceled before they waited.
        var canceled: Set<Int> = []
        var nextKey = 0
    }

    private let state = Mutex(State())

    var isSet: Bool { state.withLock { $0.result != nil } }

    /// Sets the result. Only the first call has an effect.
    func set(_ result: Result<Value, any Error>) {
        let waiting = state.withLock { state -> [CheckedContinuation<Value, any Error>] in
            guard state.result == nil else { return [] }
            state.result = result
            defer { state.waiting = [:] }
            return Array(state.waiting.values)
        }
        for continuation in waiting { continuation.resume(with: result) }
    }

    /// Returns the result as soon as it is set.
    ///
    /// - Throws: the error that was set; `CancellationError` if the task is canceled first.
    func wait() async throws -> Value {
        let key = state.withLock { state in
            state.nextKey += 1
            return state.nextKey
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result = state.withLock { state -> Result<Value, any Error>? in
                    if state.canceled.remove(key) != nil { return .failure(CancellationError()) }
                    if state.result == nil { state.waiting[key] = continuation }
                    return state.result
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            let continuation = state.withLock { state in
                let continuation = state.waiting.removeValue(forKey: key)
                if continuation == nil, state.result == nil { state.canceled.insert(key) }
                return continuation
            }
            continuation?.resume(throwing: CancellationError())
        }
    }
}

extension OneShotResult where Value == Void {
    func set() { set(.success(())) }
}
