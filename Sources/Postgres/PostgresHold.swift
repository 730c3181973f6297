/// A lock that a connection of its own holds for as long as it lives.
///
/// It keeps out a second process by mistake. It is no proof that there is none: the server gives the lock away when it
/// takes the connection for dead.
public final class PostgresHold: Sendable {
    private let session: PostgresSession

    private init(_ session: PostgresSession) { self.session = session }

    /// Takes the lock `key` of the schema that is used; nil if another process has it.
    ///
    /// - Parameter isShared: several may have the lock like this, as long as nobody has it alone.
    public static func take(
        _ key: Int32, isShared: Bool = false, _ settings: PostgresSettings
    ) async throws -> PostgresHold? {
        let function = isShared ? "pg_try_advisory_lock_shared" : "pg_try_advisory_lock"
        let session = PostgresSession(settings)
        let deadline = ContinuousClock.now.advanced(by: settings.callTimeout)
        let isTaken = try await session.run(until: deadline, isCancellable: false) { connection in
            try connection.query(
                "SELECT \(function)($1::bigint::integer, hashtext(current_schema())) AS taken",
                [.int(Int64(key))]
            ).first?.optionalFlag("taken")
        }.result.get()
        return isTaken == true ? PostgresHold(session) : nil
    }

    public func release() async { await session.close() }
}
