internal import Dispatch
internal import Foundation

extension PostgresPool {
    /// Runs `body` on one state of the database, in a transaction that can't write. Runs it again where the connection
    /// was lost. Ends when the calling task is cancelled.
    public func read<Value: Sendable>(
        _ body: @escaping @Sendable (PostgresConnection) throws -> Value
    ) async throws -> Value {
        let deadline = ContinuousClock.now.advanced(by: settings.callTimeout)
        return try await retrying(until: deadline, isCancellable: true) {
            try await self.withConnection(until: deadline, isCancellable: true) { connection in
                connection.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", [])
                do {
                    let value = try body(connection)
                    try connection.query("COMMIT", [])
                    return value
                } catch {
                    connection.rollBack()
                    throw error
                }
            }
        }
    }

    /// Runs `body`, which reads with one statement, without a transaction around it: one round trip.
    public func readOnce<Value: Sendable>(
        _ body: @escaping @Sendable (PostgresConnection) throws -> Value
    ) async throws -> Value {
        // Behind a pooler, settings hold only within a transaction.
        guard !settings.isPooled else { return try await read(body) }
        let deadline = ContinuousClock.now.advanced(by: settings.callTimeout)
        return try await retrying(until: deadline, isCancellable: true) {
            try await self.withConnection(until: deadline, isCancellable: true, body)
        }
    }

    /// Runs `body` in a transaction and commits it: once and durably, or not at all.
    ///
    /// `body` runs again after a deadlock, a serialization failure, or a connection that was lost before the commit, so
    /// it changes nothing but the database. Cancelling the calling task changes nothing.
    ///
    /// Where the answer to COMMIT is lost, the key that every transaction stores (``CommitKeys``) tells whether it
    /// happened.
    ///
    /// - Parameter limit: for the whole call; ``PostgresSettings/callTimeout`` if it is not given.
    public func write<Value: Sendable>(
        within limit: Duration? = nil, _ body: @escaping @Sendable (PostgresConnection) throws -> Value
    ) async throws -> Value {
        let deadline = ContinuousClock.now.advanced(by: limit ?? settings.callTimeout)
        return try await retrying(until: deadline, isCancellable: false) {
            let key = UUID().uuidString.lowercased()
            let attempt = try await self.withConnection(until: deadline, isCancellable: false) { connection in
                try connection.attempt(key: key, body)
            }
            switch attempt {
            case .committed(let value): return value
            case .unknown(let value):
                if try await self.resolve(key, until: deadline) { return value }
                throw PostgresError(.connection, "The transaction did not happen.")
            }
        }
    }

    /// Runs `body`, which may change the schema, in a transaction without a key: it must be able to run again where its
    /// commit got lost. It may wait for a lock, and take, as long as `limit`.
    public func migrate(
        within limit: Duration = .seconds(600), _ body: @escaping @Sendable (PostgresConnection) throws -> Void
    ) async throws {
        let deadline = ContinuousClock.now.advanced(by: limit)
        var patient = settings
        (patient.statementTimeout, patient.lockTimeout, patient.exchangeTimeout) = (limit, limit, limit)
        let session = PostgresSession(patient)
        let result: Result<Void, any Error>
        do {
            try await retrying(until: deadline, isCancellable: false) {
                try await session.run(until: deadline, isCancellable: false) { connection in
                    connection.begin("BEGIN")
                    do {
                        try body(connection)
                        try connection.query("COMMIT", [])
                    } catch {
                        connection.rollBack()
                        throw error
                    }
                }.result.get()
            }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await session.close()
        try result.get()
    }

    /// Finds out whether the transaction with this key was committed; once this returns, that can't change any more.
    private func resolve(_ key: String, until deadline: ContinuousClock.Instant) async throws -> Bool {
        do {
            return try await retrying(until: deadline, isCancellable: false) {
                do {
                    return try await self.withConnection(until: deadline, isCancellable: false) { connection in
                        try CommitKeys.resolve(key, connection)
                    }
                } catch let error as PostgresError where error.isTimeLimit {
                    // The transaction may still wait for its standby: ask again.
                    throw PostgresError(.connection, error.message)
                }
            }
        } catch let error as PostgresError {
            throw PostgresError(
                .unknownCommit, "Whether a change was stored can't be found out now: \(error.message)")
        }
    }

    /// Tries `body` until it succeeds, fails for good, or the time is over.
    private func retrying<Value: Sendable>(
        until deadline: ContinuousClock.Instant, isCancellable: Bool,
        _ body: @Sendable () async throws -> Value
    ) async throws -> Value {
        var failures = 0
        var lost: PostgresError?
        while true {
            do {
                return try await body()
            } catch let found as PostgresError {
                failures += 1
                // That the time is over says less than why there was no connection.
                let error = found.kind == .timeout ? lost ?? found : found
                if found.kind == .connection { lost = found }
                let delay: Duration
                switch found.remedy(isReadOnly: isCancellable) {
                case .none: throw error
                case .retry:
                    guard failures < 20 else { throw error }
                    delay = .milliseconds(Int.random(in: 1...(8 * failures)))
                case .reconnect:
                    // The first time at once: the connection may only have been an old one.
                    delay = failures == 1 ? .zero : .milliseconds(min(1000, 50 << min(failures, 5)))
                }
                guard ContinuousClock.now.advanced(by: delay) < deadline else { throw error }
                if isCancellable {
                    try await Task.sleep(for: delay)
                } else {
                    await Self.pause(delay)
                }
            }
        }
    }

    /// Sleeps even in a cancelled task.
    private static func pause(_ delay: Duration) async {
        guard delay > .zero else { return }
        await withCheckedContinuation { continuation in
            DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(Int(delay.milliseconds))) {
                continuation.resume()
            }
        }
    }
}

extension PostgresConnection {
    enum Attempt<Value: Sendable>: Sendable {
        case committed(Value)
        /// COMMIT was sent, and its answer is not known.
        case unknown(Value)
    }

    fileprivate func attempt<Value: Sendable>(
        key: String, _ body: (PostgresConnection) throws -> Value
    ) throws -> Attempt<Value> {
        let value: Value
        _ = takeWarnings()
        do {
            begin("BEGIN")
            run(CommitKeys.insertSQL, [.uuid(key)])
            value = try body(self)
        } catch {
            rollBack()
            throw error
        }
        do {
            let result = try query("COMMIT", [])
            guard result.commandTag == "COMMIT" else {
                throw PostgresError(.server, "The transaction had failed before its commit.", sqlState: "25P02")
            }
            // Stored here, and perhaps not on the standby that was to confirm it.
            let wasCutShort = takeWarnings().contains { $0 == "01000" || $0 == "57P01" }
            return wasCutShort ? .unknown(value) : .committed(value)
        } catch let error as PostgresError where error.kind == .server {
            rollBack()
            throw error
        } catch let error as PostgresError where error.kind == .connection || error.kind == .timeout {
            return .unknown(value)
        }
    }

    /// Ends a transaction that failed, where the connection still lives.
    fileprivate func rollBack() {
        discardQueue()
        guard isUsable else { return }
        // Where even this fails, the connection is not usable any more, and the server rolls back by itself.
        _ = try? query("ROLLBACK", [])
    }
}

/// The keys of transactions: each stores one of its own, so that it can be asked later whether it was committed.
public enum CommitKeys {
    /// The table; part of the schema of whoever uses ``PostgresPool/write(_:)``.
    public static let schema = [
        """
        CREATE TABLE commit_keys (
            key uuid PRIMARY KEY,
            committed boolean NOT NULL DEFAULT true,
            created_at timestamptz NOT NULL DEFAULT now(),
            asked_at timestamptz
        )
        """,
        "CREATE INDEX commit_keys_age ON commit_keys USING brin (created_at)",
    ]

    static let insertSQL = "INSERT INTO commit_keys (key) VALUES ($1)"

    /// Whether the key's transaction was committed.
    ///
    /// Storing the key again settles it: where that transaction is still under way, this waits for its end; where it has
    /// not come so far, it will fail. The row is written in either case, so this commit, too, waits for the standby that
    /// the other one may not have waited for.
    static func resolve(_ key: String, _ connection: PostgresConnection) throws -> Bool {
        _ = connection.takeWarnings()
        let result = try connection.query(
            """
            INSERT INTO commit_keys (key, committed) VALUES ($1, false)
            ON CONFLICT (key) DO UPDATE SET asked_at = now() RETURNING committed
            """, [.uuid(key)])
        guard !connection.takeWarnings().contains(where: { $0 == "01000" || $0 == "57P01" }) else {
            throw PostgresError(.connection, "The standby did not confirm the change.")
        }
        return try result.first?.optionalFlag("committed") ?? false
    }

    /// Deletes keys that nobody asks about any more: a call is over long before.
    public static func deleteOld(_ connection: PostgresConnection) {
        connection.run("DELETE FROM commit_keys WHERE created_at < now() - interval '1 hour'", [])
    }
}
