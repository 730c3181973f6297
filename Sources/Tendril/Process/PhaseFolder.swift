import Domain
import Foundation
import SystemCalls

/// One phase's files: the command, and what its supervisor wrote about it.
struct PhaseFolder: Hashable, Sendable {
    let path: String
    let name: String

    /// What to run.
    var command: String { path + "/command.json" }
    /// Who runs it: written before the engine starts, and again with the engine's process.
    var started: String { path + "/started.json" }
    /// How it ended.
    var exit: String { path + "/exit.json" }
    /// A FIFO: a line `INT` or `KILL` for the supervisor.
    var control: String { path + "/control" }
    /// Locked for as long as the supervisor lives.
    var alive: String { path + "/alive" }
    /// The supervisor's own output.
    var supervisorLog: String { path + "/supervisor.log" }
    /// The processes that the engine left running: ``Leftover``s.
    var leftovers: String { path + "/leftovers.json" }
    /// The recorded stages of a stop: ``StopJournal``.
    var stop: String { path + "/stop" }

    func create() throws {
        try Posix.makeFolder(path)
        try Posix.makeFIFO(control)
    }

    /// Once this is true, the phase never starts again.
    var hasBegun: Bool { Posix.exists(started) }

    /// Not started, and no process is about to start it.
    func isUntouched() throws -> Bool {
        guard Posix.exists(alive) else { return true }
        return try OpenFile(alive, .append).lock(wait: false) && !hasBegun
    }

    /// How it ended; nil if unknown.
    func end() throws -> PhaseExit? { try Self.read(PhaseExit.self, exit) }

    /// Who runs it; nil if it has not started.
    func start() throws -> PhaseStart? { try Self.read(PhaseStart.self, started) }

    /// The processes that the engine left running; none if that is not recorded.
    func leftBehind() -> [Leftover] { (try? Self.read([Leftover].self, leftovers)) ?? [] }

    private static func read<Record: Decodable>(_ type: Record.Type, _ path: String) throws -> Record? {
        guard let bytes = try SmallFile.read(path) else { return nil }
        return try JSONDecoder().decode(type, from: Data(bytes))
    }

    static func write(_ record: some Encodable, to path: String, durably: Bool) throws {
        try SmallFile.write([UInt8](try JSONEncoder().encode(record)), to: path, durably: durably)
    }
}

/// `started.json`: who runs the phase.
struct PhaseStart: Codable, Hashable, Sendable {
    var supervisor: ProcessIdentity
    /// nil until the engine starts, or if the supervisor died before that.
    var engine: ProcessIdentity?
    /// When the engine's executable had taken over; milliseconds since 1970.
    var execAt: Int64?
    /// The engine's own cgroup, if it has one.
    var cgroup: String?
}

/// `exit.json`: how the engine ended.
struct PhaseExit: Codable, Hashable, Sendable {
    var code: Int?
    var signal: Int?
    /// Milliseconds since 1970.
    var endedAt: Int64

    init(_ end: PhaseEnd, endedAt: Timestamp) {
        switch end {
        case .exited(let code): self.code = code
        case .signaled(let signal): self.signal = signal
        case .unknown: break
        }
        self.endedAt = endedAt.milliseconds
    }

    var phaseEnd: PhaseEnd {
        if let code { return .exited(code: code) }
        if let signal { return .signaled(signal) }
        return .unknown
    }
}

/// One run of the engine: what to execute, where, and with which environment.
struct PhaseCommand: Codable, Hashable, Sendable {
    /// `init`, `plan`, `show`, `apply`: unique within the job.
    var name: String
    /// Absolute path of the executable.
    var executable: String
    /// Without the executable itself.
    var arguments: [String]
    /// Absolute path.
    var workingDirectory: String
    /// The whole environment; nothing is inherited.
    var environment: [String: String]
    /// Where stdout goes instead of the log (`show -json`); nil for the log.
    var stdoutFile: String?
    /// As whom it runs; nil for the supervisor's own user.
    var user: EngineUser? = nil
}

/// How a phase ended.
enum PhaseEnd: Hashable, Sendable {
    case exited(code: Int)
    case signaled(Int)
    /// The process is gone and left no exit status: a reboot, or a killed supervisor.
    case unknown

    init(_ status: ExitStatus) {
        switch status {
        case .exited(let code): self = .exited(code: code)
        case .signaled(let signal): self = .signaled(signal)
        }
    }

    var succeeded: Bool { self == .exited(code: 0) }
}

/// Why a phase could not be run.
enum PhaseError: Error, CustomStringConvertible {
    case alreadyStarted(String)
    /// The supervisor ended before the phase started; the engine did not run.
    case supervisorFailed(phase: String, output: String)
    /// The stop was requested before the phase started; the engine did not run.
    case stopped(phase: String)

    var description: String {
        switch self {
        case .alreadyStarted(let phase): "The phase \(phase) has already started; phases never run twice."
        case .supervisorFailed(let phase, let output):
            "The phase \(phase) failed to start under its supervisor: \(output)"
        case .stopped(let phase): "The phase \(phase) was not started: a stop was requested."
        }
    }
}
