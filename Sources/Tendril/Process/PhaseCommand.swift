import SystemCalls

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
