/// A user's request that a job stop, and later perhaps that it stop immediately.
///
/// (Canceling the job's task is something else: that detaches from the job, and its engine runs on.)
final class StopRequest: Sendable {
    private let requested = OneShotResult<Void>()
    private let forced = OneShotResult<Void>()

    var isRequested: Bool { requested.isSet }
    var isForced: Bool { forced.isSet }

    /// Requests the stop. Repeating it changes nothing.
    func request() { requested.set() }

    /// Requests the stop, without waiting for the engine to exit by itself. Repeating it changes nothing.
    func force() {
        forced.set()
        requested.set()
    }

    /// Returns once the stop is requested.
    ///
    /// - Throws: `CancellationError`.
    func waitUntilRequested() async throws { try await requested.wait() }

    /// Returns once the stop is forced.
    ///
    /// - Throws: `CancellationError`.
    func waitUntilForced() async throws { try await forced.wait() }

    /// Runs `body` in a task that is canceled when the stop is requested.
    func interrupting<Result: Sendable>(
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        let task = Task { try await body() }
        if isRequested { task.cancel() }
        let watching = Task {
            try await waitUntilRequested()
            task.cancel()
        }
        defer { watching.cancel() }
        return try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    }
}
