public import Domain
internal import Foundation
public import Postgres
public import Storage

/// The store on a PostgreSQL database, which several nodes may share.
///
/// Transactions run concurrently, at READ COMMITTED. On SQLite, one writer orders all changes; here, each change first
/// locks the rows that its rules read. Locks are taken in the order vine, Tendril, job, log; where a rule
/// needs another order, PostgreSQL finds the deadlock, and the transaction runs again.
public final class PostgresStore: Store {
    let pool: PostgresPool
    let vault: Vault
    let appender: LogAppender
    private let reporter: ChangeReporter
    private let hold: PostgresHold?
    /// Whose changes other nodes are told of; nil for a store that is alone.
    private let node: String?
    /// What each change also records.
    private let event: AuditEvent?
    /// The duty for which everything is written.
    private let term: DutyTerm?

    /// Connects, and creates or migrates the database if needed: one node at a time, the others wait.
    ///
    /// - Parameters:
    ///   - isAlone: refuses a database that anybody else has open.
    ///   - node: of several nodes, this one's ``PostgresNodes/id``.
    ///   - vault: encrypts secrets, states and artifacts. A database opens only with its original key.
    ///   - onChange: called after each commit of this node that changed something, in the order of the commits.
    /// - Throws: ``StorageError`` `.newer` for a database that a newer program has written, `.key` for another key.
    public static func open(
        _ settings: PostgresSettings, isAlone: Bool = false, node: String? = nil, vault: Vault,
        onChange: @escaping ChangeObserver
    ) async throws -> PostgresStore {
        try await open(settings, isAlone: isAlone, node: node, vault: vault, isKeyed: true, onChange: onChange)
    }

    /// - Parameter isKeyed: whether the database must have been encrypted with the key of `vault`.
    static func open(
        _ settings: PostgresSettings, isAlone: Bool, node: String? = nil, vault: Vault, isKeyed: Bool,
        onChange: @escaping ChangeObserver
    ) async throws -> PostgresStore {
        let hold = try await takeHold(settings, isAlone: isAlone, node: node)
        let store = PostgresStore(
            pool: PostgresPool(settings), hold: hold, node: node, vault: vault, onChange: onChange)
        do {
            try await store.migrate()
            if isKeyed { try await store.verifyKey() }
        } catch {
            try? await store.close()
            throw error
        }
        return store
    }

    /// Keeps a Trellis that must be alone, or a migration, from using the database beside others.
    private static func takeHold(
        _ settings: PostgresSettings, isAlone: Bool, node: String?
    ) async throws -> PostgresHold? {
        do {
            try settings.validate()
            guard isAlone || node != nil else { return nil }
            guard !settings.isPooled else {
                // The lock would be the pooler's. Nodes do without it.
                guard isAlone else { return nil }
                throw StorageError(
                    .failed, "Only nodes with --secret-key-file can share a pooler (pooler=transaction).")
            }
            // "trel" in ASCII.
            if let hold = try await PostgresHold.take(1953654124, isShared: !isAlone, settings) { return hold }
        } catch {
            throw StorageError.mapped(error)
        }
        throw StorageError(.unavailable, "Another Trellis uses this database. Stop it first.")
    }

    private init(
        pool: PostgresPool, hold: PostgresHold?, node: String?, vault: Vault, onChange: @escaping ChangeObserver
    ) {
        self.pool = pool
        self.hold = hold
        self.node = node
        self.vault = vault
        reporter = ChangeReporter(onChange)
        appender = LogAppender(pool: pool, reporter: reporter)
        event = nil
        term = nil
    }

    private init(_ store: PostgresStore, event: AuditEvent?, term: DutyTerm?) {
        pool = store.pool
        hold = store.hold
        node = store.node
        vault = store.vault
        reporter = store.reporter
        appender = store.appender
        self.event = event
        self.term = term
    }

    public func recording(_ event: AuditEvent) -> PostgresStore { PostgresStore(self, event: event, term: term) }

    public func bound(to term: DutyTerm) -> PostgresStore {
        // A store that is alone has every duty.
        node == nil ? self : PostgresStore(self, event: event, term: term)
    }

    public func check() async throws {
        // A load balancer does not wait long.
        try await write(within: .seconds(3)) { db, _ in
            db.run("UPDATE store SET checks = checks + 1 WHERE id = 1")
        }
    }

    public func close() async throws {
        await appender.close()
        await pool.close()
        await hold?.release()
    }

    // MARK: - Database access

    /// Runs `body` in a transaction of its own, again where PostgreSQL asks for that. Returns once that is durable;
    /// cancelling the caller changes nothing.
    ///
    /// `body` appends what it changed, for the observer. It blocks a thread of the pool: no waiting in it but for the
    /// database.
    /// - Parameters:
    ///   - limit: for the whole call.
    ///   - isShared: whether other nodes must learn of the changes, also where a hint is lost.
    ///   - completion: completes the event that is recorded with it (``AuditStore/recording(_:)``).
    func write<Value: Sendable>(
        within limit: Duration? = nil, isShared: Bool = true,
        completing completion: AuditCompletion<Value> = .always,
        _ body: @escaping @Sendable (Database, inout [StoreChange]) throws -> Value
    ) async throws -> Value {
        let number = ChangeNumber(reporter)
        let begun = ContinuousClock.now
        do {
            let (value, changes) = try await pool.write(within: limit) { [event, term, node, vault] db in
                var changes: [StoreChange] = []
                if let term { try NodeRows.require(term, db) }
                let value = try body(db, &changes)
                if isShared, let node, let stored = ChangeText.stored(changes) {
                    db.run(
                        "INSERT INTO store_changes (node, changes) VALUES ($1, $2)", PostgresValue.uuid(node), stored)
                }
                if var event, completion.complete(value, &event) {
                    try event.insert(vault, db)
                    try event.onceOnly?.insert(db)
                }
                number.take()
                return (value, changes)
            }
            CommitTimer.record(since: begun)
            await number.report(changes)
            return value
        } catch let error as PostgresError where error.kind == .unknownCommit {
            // It may have been stored; this node's own changes reach its readers only from here.
            await number.report([.everything])
            throw StorageError.mapped(error)
        } catch {
            number.drop()
            throw StorageError.mapped(error)
        }
    }

    /// Runs `body` on one state of the database.
    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        do {
            return try await pool.read(body)
        } catch {
            throw StorageError.mapped(error)
        }
    }

    /// Runs `body`, which reads with one statement.
    func readOnce<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        do {
            return try await pool.readOnce(body)
        } catch {
            throw StorageError.mapped(error)
        }
    }

    private func migrate() async throws {
        do {
            try await PostgresSchema.migrate(pool)
        } catch {
            throw StorageError.mapped(error)
        }
    }

    // MARK: - The key

    /// Throws where the database was made with another key; marks a new one with this.
    private func verifyKey() async throws {
        let mark = try vault.encrypt(EncryptionPurpose.keyMark, for: .store)
        let stored = try await write { db, _ in
            db.run("UPDATE store SET key_mark = $1 WHERE id = 1 AND key_mark IS NULL", mark)
            return try db.row("SELECT key_mark FROM store WHERE id = 1")?.blob("key_mark")
        }
        if let stored, CopyMark.isUnfinished(stored) { throw CopyMark.error }
        guard let stored, (try? vault.decrypt(stored, for: .store)) == EncryptionPurpose.keyMark else {
            throw StorageError(.key, "The database was encrypted with a different key. All nodes need the same one.")
        }
    }
}
