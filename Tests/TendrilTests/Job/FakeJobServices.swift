import Domain
import Foundation
import Synchronization
import SystemCalls
import Wire

@testable import Tendril

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Equipment whose phases are what a test says, and which remembers how they ended, as a supervisor does.
final class FakeJobServices: JobServicesFactory, PhaseRunning, JobLogging, TextMasking {
    typealias Engine = @Sendable (PhaseCommand) async throws -> PhaseEnd

    private struct State {
        var notes: [String] = []
        var hidden: [String] = []
        var commands: [PhaseCommand] = []
        var runs: [String: Task<PhaseEnd, any Error>] = [:]
        var stops = 0
        var forces = 0
        var finishes = 0
        var secrets: [VineSecrets?] = []
    }

    private let state = Mutex(State())
    private let engine: Engine
    private let onStop: @Sendable () -> Void
    let errorSummary: String?
    let warnings: Int
    let word: String

    init(
        masking word: String = "hush-hush", errorSummary: String? = nil, warnings: Int = 0,
        onStop: @escaping @Sendable () -> Void = {},
        engine: @escaping Engine
    ) {
        self.word = word
        self.errorSummary = errorSummary
        self.warnings = warnings
        self.onStop = onStop
        self.engine = engine
    }

    /// What is masked besides the job's secrets, in order.
    var hidden: [String] { state.withLock { $0.hidden } }
    var notes: [String] { state.withLock { $0.notes } }
    var commands: [PhaseCommand] { state.withLock { $0.commands } }
    var phases: [String] { commands.map(\.name) }
    var stops: Int { state.withLock { $0.stops } }
    var forces: Int { state.withLock { $0.forces } }
    var finishes: Int { state.withLock { $0.finishes } }
    var secrets: [VineSecrets?] { state.withLock { $0.secrets } }

    func open(_ lease: LeaseMessage, secrets: VineSecrets?, in folder: JobFolder) async throws -> JobServices {
        state.withLock { $0.secrets.append(secrets) }
        return JobServices(phases: self, log: self, masker: self)
    }

    func run(_ command: PhaseCommand, in folder: JobFolder, stop: StopRequest) async throws -> PhaseEnd {
        let stopping = Task {
            try await stop.waitUntilRequested()
            state.withLock { $0.stops += 1 }
            onStop()
            try await stop.waitUntilForced()
            state.withLock { $0.forces += 1 }
        }
        defer { stopping.cancel() }
        let task = state.withLock { state in
            let key = "\(folder.path) \(command.name)"
            if let begun = state.runs[key] { return begun }
            state.commands.append(command)
            let task = Task { [engine] in try await engine(command) }
            state.runs[key] = task
            return task
        }
        // Who waits may be cancelled; what runs is not.
        let (ends, end) = AsyncThrowingStream.makeStream(of: PhaseEnd.self)
        Task {
            switch await task.result {
            case .success(let value):
                end.yield(value)
                end.finish()
            case .failure(let error): end.finish(throwing: error)
            }
        }
        for try await value in ends { return value }
        throw CancellationError()
    }

    func note(_ text: String) async { state.withLock { $0.notes.append(mask(text)) } }

    func hide(_ texts: [String]) async { state.withLock { $0.hidden += texts } }

    func diagnostics(errorsFrom start: EngineDiagnostics.Position) async -> EngineDiagnostics {
        EngineDiagnostics(message: errorSummary, errors: errorSummary == nil ? 0 : 1, warnings: warnings)
    }

    func finish() async -> LogClosingMessage {
        state.withLock { $0.finishes += 1 }
        return LogClosingMessage(digest: LogDigest())
    }

    func mask(_ text: String) -> String { text.replacingOccurrences(of: word, with: "***") }
}

/// Real processes, without a supervisor.
enum DirectEngine {
    static func run(
        _ command: PhaseCommand, log: String = "/dev/null", _ started: @Sendable (ChildProcess) -> Void = { _ in }
    ) async throws -> PhaseEnd {
        let output = try open(command.stdoutFile ?? log)
        let errors = try open(log)
        let child = try ChildProcess(
            "/bin/sh",
            ["-c", #"cd "$0" && exec "$@""#, command.workingDirectory, command.executable] + command.arguments,
            environment: command.environment, descriptors: [(output, 1), (errors, 2)])
        started(child)
        let status = await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: child.wait()) }
        }
        return status.map(PhaseEnd.init) ?? .unknown
    }

    private static func open(_ path: String) throws -> OpenFile {
        // A device, too, unlike OpenFile's own way.
        let number = systemOpen(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard number >= 0 else { throw PosixError("open", path) }
        return OpenFile(adopting: number, path: path)
    }
}

/// Outside of ``DirectEngine``, whose own `open` would hide the system's.
private func systemOpen(_ path: String, _ flags: Int32, _ mode: mode_t) -> Int32 { open(path, flags, mode) }
