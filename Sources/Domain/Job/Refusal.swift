/// Why something may not be done, as the one who asked is told.
public struct Refusal: Error, Hashable, Sendable {
    /// What kind of answer it is; each has its HTTP status in the API.
    public enum Kind: String, Sendable {
        /// The request makes no sense in any state (400).
        case invalid
        /// There is no such thing (404).
        case notFound
        /// The state does not allow it (409).
        case conflict
        /// The lease that it speaks for is not, or no longer, the job's (410).
        case leaseLost
        /// More than the limit (413).
        case tooLarge
        /// Somebody else holds the lock (423).
        case locked
        /// Too much at once (429).
        case tooMany
    }

    public var kind: Kind
    /// A whole sentence that says what stands in the way and, where there is one, the way out.
    public var reason: String

    public init(_ kind: Kind, _ reason: String) {
        self.kind = kind
        self.reason = reason
    }

    /// A request that names something that does not exist: "Job not found."
    public static func notFound(_ noun: String) -> Refusal {
        Refusal(.notFound, "\(noun.prefix(1).uppercased())\(noun.dropFirst()) not found.")
    }
}
