/// What a job does to its vine.
public enum JobType: String, Codable, CaseIterable, Sendable {
    /// Finds out what would change, and saves the plan.
    case plan = "PLAN"
    /// Applies exactly one saved plan.
    case deploy = "DEPLOY"
    /// Plans the destruction of everything in the vine, and applies exactly that.
    case destroy = "DESTROY"
    /// Tries the vine's cloud identity out; runs no engine and changes nothing.
    case connectionTest = "CONNECTION_TEST"
}

/// The status that users see. `docs/lifecycle.md` draws the transitions.
public enum JobStatus: String, Codable, CaseIterable, Sendable {
    case queued = "QUEUED"
    case claimed = "CLAIMED"
    case processing = "PROCESSING"
    case success = "SUCCESS"
    case failed = "FAILED"
    case cancelled = "CANCELLED"

    /// Whether the status is final.
    public var isTerminal: Bool { self == .success || self == .failed || self == .cancelled }
}

/// What is known of the engine's process, beside the status: a job can be CANCELLED while it still stops.
public enum EngineState: String, Codable, CaseIterable, Sendable {
    /// Never started.
    case none = "NONE"
    /// May be running: set when the start is acknowledged, before the process exists.
    case running = "RUNNING"
    /// Stopping; the process may still run.
    case stopping = "STOPPING"
    /// Known to be gone.
    case gone = "GONE"
    /// Not known: the job was given up, or there is no exit status.
    case unknown = "UNKNOWN"

    /// True while a process may be working on the vine, so no other job may start.
    public var holdsVine: Bool { self == .running || self == .stopping }
}

/// Whether the log can still grow, and whether what is stored is known to be all there was.
public enum LogState: Hashable, Sendable {
    case open
    /// Ended, and equal to what was captured.
    case complete
    /// Closed with missing or unverified text, for this reason.
    case incomplete(reason: String)

    /// The state's name in the database and the API.
    public var name: String {
        switch self {
        case .open: "OPEN"
        case .complete: "COMPLETE"
        case .incomplete: "INCOMPLETE"
        }
    }

    /// Why the log is incomplete; nil if it is not.
    public var reason: String? {
        if case .incomplete(let reason) = self { reason } else { nil }
    }

    /// Reads a stored state back; nil for an unknown name.
    public init?(name: String, reason: String?) {
        switch name {
        case "OPEN": self = .open
        case "COMPLETE": self = .complete
        case "INCOMPLETE": self = .incomplete(reason: reason ?? "unknown reason")
        default: return nil
        }
    }
}
