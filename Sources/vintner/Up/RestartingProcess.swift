internal import Domain
internal import Foundation
internal import Logging
internal import Synchronization
internal import SystemCalls

/// Restarts one child process until stopped.
final class RestartingProcess: Sendable {
    private struct State {
        var child: ServerProcess?
        var isStopping = false
        var backoff = Backoff(first: .milliseconds(400), limit: .seconds(5))
    }

    private let name: String
    private let logger: Logger
    /// How long it may take to end after the request.
    private let patience: Duration
    private let start: @Sendable () throws -> ServerProcess
    /// Whether it may be started again.
    private let mayRestart: @Sendable () async -> Bool
    private let state = Mutex(State())
    private let done: (stream: AsyncStream<Void>, continuation: AsyncStream<Void>.Continuation) =
        AsyncStream.makeStream()

    init(
        name: String, logger: Logger, patience: Duration = UpService.patience,
        mayRestart: @escaping @Sendable () async -> Bool = { true },
        start: @escaping @Sendable () throws -> ServerProcess
    ) {
        self.mayRestart = mayRestart
        self.name = name
        self.patience = patience
        self.logger = logger
        self.start = start
    }

    /// How often the process ended by itself so far.
    var failures: Int { state.withLock { $0.backoff.failures } }

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
            var status = 0
            for await end in child.ended { status = end }
            child.removePidFile()
            let pause = state.withLock { state -> Duration? in
                state.child = nil
                if ContinuousClock.now - begin > .seconds(60) { state.backoff.reset() }
                return state.isStopping ? nil : state.backoff.next()
            }
            guard let pause else { return }
            guard await mayRestart() else { return }
            logger.error("\(name) exited; restarting", metadata: ["status": "\(status)", "times": "\(failures)"])
            try await Task.sleep(for: pause)
        }
    }

    /// Asks the process to end, waits for it, and kills it if that takes too long.
    func stop() async {
        let child = state.withLock { state in
            state.isStopping = true
            return state.child
        }
        guard let child else { return }
        child.terminate()
        let killer = Task {
            try await Task.sleep(for: patience)
            child.kill()
        }
        for await _ in done.stream {}
        killer.cancel()
    }
}

/// A Trellis or a Tendril, running as a child process.
final class ServerProcess: Sendable {
    let name: String
    /// Yields the exit status once the process has ended.
    let ended: AsyncStream<Int>
    private let child: ChildProcess
    private let pidFile: PidFile

    /// Starts this executable again with `arguments`. Its output goes where this process's output goes.
    init(
        _ name: String, arguments: [String], environment: [String: String], pidFile: PidFile
    ) throws {
        let (stdout, stderr) = (OpenFile(copying: 1, path: "stdout"), OpenFile(copying: 2, path: "stderr"))
        let descriptors = [(stdout, 1), (stderr, 2)].compactMap { file, number -> ChildProcess.Descriptor? in
            file.map { ($0, Int32(number)) }
        }
        let child = try ChildProcess(
            Files.real("/proc/self/exe") ?? "/proc/self/exe", arguments, environment: environment,
            descriptors: descriptors)
        let (ended, end) = AsyncStream<Int>.makeStream()
        Thread.detachNewThread {
            switch child.wait() {
            case .exited(let code): end.yield(code)
            case .signaled(let signal): end.yield(128 + signal)
            case nil: end.yield(255)
            }
            end.finish()
        }
        self.name = name
        self.ended = ended
        self.child = child
        self.pidFile = pidFile
        try pidFile.write(child.pid)
    }

    /// Asks it to end (SIGTERM).
    func terminate() { child.send(.terminate) }

    /// Ends it immediately (SIGKILL).
    func kill() { child.send(.kill) }

    /// Removes its pid file, once it has ended.
    func removePidFile() { pidFile.remove() }
}
