/// Why a connection could not do what it was asked.
public struct PostgresError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Kind: Hashable, Sendable {
        /// The server refused a statement. The connection can still be used.
        case server
        /// There is no connection, or it was lost. What was under way may have happened or not.
        case connection
        /// Nothing came from the server within the time allowed; the connection was given up.
        case timeout
        /// The outcome of a commit could not be found out within the time allowed.
        case unknownCommit
        /// libpq is missing or too old.
        case library
        /// The settings can't be read.
        case settings
        /// A column holds another type than was asked for.
        case decoding
        /// The pool was closed.
        case closed
    }

    public var kind: Kind
    /// The server's five characters; nil for an error that is not the server's.
    public var sqlState: String?
    /// The server's message alone: details and hints may quote values.
    public var message: String
    /// The constraint that was violated.
    public var constraint: String?

    public init(_ kind: Kind, _ message: String, sqlState: String? = nil, constraint: String? = nil) {
        self.kind = kind
        self.message = message
        self.sqlState = sqlState
        self.constraint = constraint
    }

    public var description: String {
        "PostgreSQL\(sqlState.map { " (\($0))" } ?? ""): \(message)"
    }
}

extension PostgresError {
    /// Codes that decide what happens next (PostgreSQL's manual, appendix A).
    public enum SQLState {
        public static let uniqueViolation = "23505"
        public static let foreignKeyViolation = "23503"
        public static let queryCanceled = "57014"
        public static let lockNotAvailable = "55P03"
        static let serializationFailure = "40001"
        static let deadlockDetected = "40P01"
        static let cachedPlanChanged = "0A000"
        static let readOnly = "25006"
        static let tooManyConnections = "53300"
    }

    /// Whether something merely took too long.
    var isTimeLimit: Bool {
        kind == .timeout || sqlState == SQLState.lockNotAvailable || sqlState == SQLState.queryCanceled
    }

    /// What a caller may do about an error.
    enum Remedy {
        /// Run the transaction again on the same connection.
        case retry
        /// Run the transaction again on another connection.
        case reconnect
        case none
    }

    /// - Note: an error during COMMIT is not for this: whether it happened must be found out first.
    /// - Parameter isReadOnly: a read that tries to write is a mistake; a write that is refused has met a standby.
    func remedy(isReadOnly: Bool) -> Remedy {
        switch kind {
        case .connection: .reconnect
        case .server where isReadOnly && sqlState == SQLState.readOnly: .none
        case .server: Self.remedy(for: sqlState ?? "")
        case .timeout, .unknownCommit, .library, .settings, .decoding, .closed: .none
        }
    }

    private static func remedy(for sqlState: String) -> Remedy {
        switch sqlState {
        case SQLState.serializationFailure, SQLState.deadlockDetected, SQLState.cachedPlanChanged: .retry
        case SQLState.readOnly, SQLState.tooManyConnections: .reconnect
        case _ where sqlState.hasPrefix("08") || sqlState.hasPrefix("57P0"): .reconnect
        default: .none
        }
    }
}
