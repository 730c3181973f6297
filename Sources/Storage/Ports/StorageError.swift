/// A database failure, independent of the engine. Caller errors are `Refusal`s.
public struct StorageError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Kind: String, Sendable {
        /// Not reachable or not writable now; the same call may succeed later.
        case unavailable
        /// No space is left; the same call may succeed later.
        case full
        /// What is stored can't be read.
        case corrupt
        /// The database was written by a newer version of the program.
        case newer
        /// The database was encrypted with a different key.
        case key
        /// Another node has the duty for which this was to be written (``Store/bound(to:)``).
        case fenced
        /// The store was closed.
        case closed
        /// Anything else: a defect of the program.
        case failed
    }

    public var kind: Kind
    /// A short sentence for the operator; never contains user data.
    public var reason: String

    public init(_ kind: Kind, _ reason: String) {
        self.kind = kind
        self.reason = reason
    }

    public var description: String { "storage (\(kind.rawValue)): \(reason)" }
}
