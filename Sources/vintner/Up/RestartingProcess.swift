internal import Logging
internal import Synchronization

/// Keeps one child process running until it is told to stop.
final class RestartingProcess: Sendable {
    private struct State {
        var child: ChildProcess?
        var isStopping = false
        var failures = 0
    }

    private let name: String
    private let logger: Logger
    /// How long it may take to end after it was asked to.
    private let patience: Duration
    private let start: @Sendable () throws -> ChildProcess
    /// Whether it is worth starting again.
    private let mayRestart: @Sendable () async -> Bool
    private let state = Mutex(State())
    private let done: (stream: AsyncStream<Void>, continuation: AsyncStream<Void>.Continuation) =
        AsyncStream.makeStream()

    init(
        name: String, logger: Logger, patience: Duration = UpService.patience,
        mayRestart: @escaping @Sendable () async -> Bool = { true },
        start: @escaping @Sendable () throws -> ChildProcess
    ) {
        self.mayRestart = mayRestart
        self.name = name
        self.patience = patience
        self.logger = logger
        self.start = start
    }

    /// How often the process ended by itself so far.
    var failures: Int { state.withLock { $0.failures } }

    /// Runs the process, again and again.
    func run() async throws {
        defer { done.continuation.finish() }
        while !state.withLock({ $0.isStopping }) {
            let begin = ContinuousClock.now
            let child = try start()
            let isLate = state.withLock { state in
                state.child = child
                return state.isStopping
            }
            if isLate { child.terminate() }
            var status: Int32 = 0
            for await end in child.ended { status = end }
            child.forget()
            let failures = state.withLock { state in
                state.child = nil
                // One that ran for a minute has earned a fresh start.
                state.failures = ContinuousClock.now - begin > .seconds(60) ? 1 : state.failures + 1
                return state.isStopping ? 0 : state.failures
            }
            guard failures > 0 else { return }
            guard await mayRestart() else { return }
            logger.error("\(name) ended; starting it again", metadata: ["status": "\(status)", "times": "\(failures)"])
            try await Task.sleep(for: .milliseconds(min(200 << min(failures, 5), 5000)))
        }
    }

    /// Asks the process to end, waits for it, and kills it where it takes too long.
    func stop() async {
        let child = state.withLock { state in
            state.isStopping = true
            return state.child
        }
        guard let child else { return }
        child.terminate()
        let killer = Task {
            try await Task.sleep(for: patience)
            child.kill9()
        }
        for await _ in done.stream {}
        killer.cancel()
    }
}
