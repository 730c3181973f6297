/// Where the database is, and how long anything may take.
public struct PostgresSettings: Sendable {
    /// A URL (`postgres://user@host1,host2/name?sslmode=verify-full`) or `keyword=value` pairs, as libpq reads them. What
    /// it leaves open comes from libpq's environment variables and password file.
    public var address: String
    public var applicationName = "vintner"
    /// Connections of a pool.
    public var maxConnections = 8
    /// For each host of the address.
    public var connectTimeout: Duration = .seconds(3)
    /// For one statement, enforced by the server.
    public var statementTimeout: Duration = .seconds(10)
    /// For a row that somebody else holds, enforced by the server.
    public var lockTimeout: Duration = .seconds(5)
    /// How long the server keeps a transaction whose client says nothing.
    public var idleTransactionTimeout: Duration = .seconds(30)
    /// For one exchange with the server, a commit included. Above ``statementTimeout``, so that the server is the first
    /// to give up.
    public var exchangeTimeout: Duration = .seconds(15)
    /// For a whole call, with waiting for a connection and every retry.
    public var callTimeout: Duration = .seconds(30)
    /// Whether a pooler in transaction mode stands in between (PgBouncer): each transaction may have another session. So
    /// no statement is prepared, settings are made in each transaction, and nothing is heard of other sessions' NOTIFY.
    public var isPooled = false

    public init(address: String) { self.address = address }

    /// Checks the address's form. - Throws: ``PostgresError`` `.settings`, and `.library` without libpq.
    public func validate() throws(PostgresError) { _ = try parsed() }

    /// Whether the address itself holds a password.
    public func holdsPassword() throws(PostgresError) -> Bool { try parsed()["password"] != nil }

    /// The keywords that the address gives.
    private func parsed() throws(PostgresError) -> [String: String] {
        let libpq = try Libpq.shared()
        var message: UnsafeMutablePointer<CChar>?
        guard let options = libpq.parseSettings(address, &message) else {
            // libpq's message quotes the address, which may hold a password.
            if let message { libpq.freeMemory(message) }
            throw PostgresError(.settings, "The database address is not one that PostgreSQL understands.")
        }
        defer { libpq.freeSettings(options) }
        var found: [String: String] = [:]
        var option = UnsafeRawPointer(options).assumingMemoryBound(to: Option.self)
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.value { found[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        return found
    }

    /// libpq's `PQconninfoOption`.
    private struct Option {
        var keyword: UnsafePointer<CChar>?
        var environmentVariable: UnsafePointer<CChar>?
        var builtIn: UnsafePointer<CChar>?
        var value: UnsafePointer<CChar>?
        var label: UnsafePointer<CChar>?
        var display: UnsafePointer<CChar>?
        var displaySize: Int32
    }

    /// libpq's keywords. The first group can be overridden by the address, which comes as `dbname`; the last can't.
    var keywords: [(String, String)] {
        [
            ("gssencmode", "disable"),
            ("target_session_attrs", "read-write"),
            ("keepalives_idle", "10"), ("keepalives_interval", "3"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "15000"),
            ("connect_timeout", String(max(2, connectTimeout.components.seconds))),
            ("fallback_application_name", applicationName),
            ("dbname", address),
            ("client_encoding", "UTF8"),
        ]
    }

    /// The statement that sets up a new session, with its parameters; behind a pooler, a transaction.
    var sessionSetup: (sql: String, values: [PostgresValue]) {
        let all: [(String, String)] = [
            ("statement_timeout", "\(statementTimeout.milliseconds)"),
            ("lock_timeout", "\(lockTimeout.milliseconds)"),
            ("idle_in_transaction_session_timeout", "\(idleTransactionTimeout.milliseconds)"),
            // A server process whose client is gone ends soon, and lets go of its locks.
            ("client_connection_check_interval", "1000"),
            ("synchronous_commit", "on"),
            ("default_transaction_isolation", "read committed"),
            ("bytea_output", "hex"),
        ]
        // BEGIN names the isolation level itself.
        let limits = isPooled ? all.filter { $0.0 != "default_transaction_isolation" } : all
        let calls = limits.indices.map { "set_config($\($0 * 2 + 1), $\($0 * 2 + 2), \(isPooled))" }
        return (
            "SELECT " + calls.joined(separator: ", "), limits.flatMap { [.text($0.0), .text($0.1)] }
        )
    }
}

extension Duration {
    var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
