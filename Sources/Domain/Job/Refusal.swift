/// An expected error, with a message for the caller.
public struct Refusal: Error, Hashable, Sendable {
    /// What kind of answer it is; each has its HTTP status in the API.
    public enum Kind: String, Sendable {
        /// The request makes no sense in any state (400).
        case invalid
        /// This person may not (403).
        case forbidden
        /// Not found (404).
        case notFound
        /// The state does not allow it (409).
        case conflict
        /// The lease was lost (410).
        case leaseLost
        /// What the caller has seen is out of date (412).
        case outdated
        /// More than the limit (413).
        case tooLarge
        /// Somebody else holds the lock (423).
        case locked
        /// Too much at once (429).
        case tooMany
    }

    public var kind: Kind
    /// A full sentence: the reason and, if possible, what to do.
    public var reason: String
    /// The right that is missing to see something that exists. For the audit log only: the caller is answered as if it
    /// did not exist.
    public var hidden: Permission?

    public init(_ kind: Kind, _ reason: String) {
        self.kind = kind
        self.reason = reason
    }

    /// A request that names something that does not exist: "Job not found."
    public static func notFound(_ noun: String) -> Refusal {
        Refusal(.notFound, "\(noun.prefix(1).uppercased())\(noun.dropFirst()) not found.")
    }

    /// The same words for something that the caller may not know of.
    public static func hidden(_ noun: String, missing permission: Permission) -> Refusal {
        var refusal = notFound(noun)
        refusal.hidden = permission
        return refusal
    }
}
