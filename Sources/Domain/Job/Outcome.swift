/// What the engine did in the end, whatever the status says: an apply may finish after its cancel.
public struct Outcome: Hashable, Codable, Sendable {
    /// How the work on the vine ended.
    public enum Result: String, CaseIterable, Codable, Sendable {
        case succeeded = "SUCCEEDED"
        case failed = "FAILED"
        case interrupted = "INTERRUPTED"
        /// No exit status was found.
        case unknown = "UNKNOWN"
    }

    public var result: Result
    /// The phase in which it ended: `init`, `plan`, `show`, `apply`.
    public var phase: String?
    /// The engine's exit status, if it exited by itself.
    public var exitCode: Int?
    /// The signal that ended the engine, if any.
    public var signal: Int?
    /// The state's serial when the job started, and at its end; nil if there is none or it can't be known.
    public var serialBefore: Int64?
    public var serialAfter: Int64?
    /// Whether the state lock was released.
    public var lockReleased: Bool?
    /// Addresses of resources that an apply began and did not finish, if it was interrupted.
    public var unfinished: [String]?
    /// The engine's first error, if an engine failed.
    public var diagnostic: Diagnostic?
    /// One sentence for people.
    public var summary: String

    /// Addresses in ``unfinished``, their bytes together, and the bytes of ``summary``.
    public static let unfinishedCount = 100
    public static let unfinishedBytes = 64 << 10
    public static let summaryBytes = 8 << 10

    public init(
        result: Result,
        phase: String? = nil,
        exitCode: Int? = nil,
        signal: Int? = nil,
        serialBefore: Int64? = nil,
        serialAfter: Int64? = nil,
        lockReleased: Bool? = nil,
        unfinished: [String]? = nil,
        diagnostic: Diagnostic? = nil,
        summary: String
    ) {
        self.result = result
        self.phase = phase
        self.exitCode = exitCode
        self.signal = signal
        self.serialBefore = serialBefore
        self.serialAfter = serialAfter
        self.lockReleased = lockReleased
        self.unfinished = unfinished
        self.diagnostic = diagnostic
        self.summary = summary
    }

    /// The same within its bounds, and whether addresses were left out for that.
    public func fitted() -> (outcome: Outcome, isCut: Bool) {
        var fitted = self
        fitted.summary = summary.shortened(toBytes: Self.summaryBytes)
        fitted.phase = phase?.shortened(toBytes: 64)
        fitted.diagnostic = diagnostic?.fitted()
        guard let unfinished else { return (fitted, false) }
        var left = Self.unfinishedBytes
        let kept = unfinished.prefix(Self.unfinishedCount).prefix { address in
            left -= address.utf8.count + 3
            return left >= 0
        }
        fitted.unfinished = Array(kept)
        return (fitted, kept.count < unfinished.count)
    }
}
