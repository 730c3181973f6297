/// What a running phase can be told; the raw value is the line in its control FIFO.
enum StopSignal: String, Sendable {
    /// SIGINT to the engine's process: it finishes what is in flight, saves the state, and ends.
    case interrupt = "INT"
    /// SIGKILL to its whole process group.
    case kill = "KILL"
}

/// Why a phase could not be run.
enum PhaseError: Error, CustomStringConvertible {
    case alreadyBegun(String)
    /// The supervisor ended before it began; the engine did not run.
    case supervisorFailed(phase: String, said: String)
    /// The job was to stop before this phase began; the engine did not run.
    case stopped(phase: String)

    var description: String {
        switch self {
        case .alreadyBegun(let phase): "The phase \(phase) has begun already; nothing is run twice."
        case .supervisorFailed(let phase, let said): "The phase \(phase) could not be supervised: \(said)"
        case .stopped(let phase): "The phase \(phase) was not started: the job is to stop."
        }
    }
}
