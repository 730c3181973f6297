internal import Domain
internal import GRDB
public import Storage

/// The store on one SQLite file: one writer that commits in groups, and several readers beside it.
///
/// Each protocol has its own file; see `SQLiteSchema` for the tables.
public final class SQLiteStore: Store {
    let pool: DatabasePool
    let batcher: WriteBatcher
    let vault: Vault
    /// What each change also records.
    private let event: AuditEvent?

    /// Opens the database at `path`; creates or migrates it if needed.
    ///
    /// - Parameters:
    ///   - vault: encrypts secrets, states and artifacts. A database opens only with its original key.
    ///   - onChange: called after each commit that changed something, in commit order, on the writer's queue.
    /// - Throws: ``StorageError`` `.newer` for a database that a newer program has written, `.key` for another key.
    public static func open(
        path: String, vault: Vault, onChange: @escaping ChangeObserver
    ) async throws -> SQLiteStore {
        let pool = try await SQLiteDatabase.open(path: path)
        let store = SQLiteStore(pool: pool, vault: vault, onChange: onChange)
        do {
            try await store.verifyKey()
        } catch {
            try? await store.close()
            throw error
        }
        return store
    }

    convenience init(pool: DatabasePool, vault: Vault, onChange: @escaping ChangeObserver) {
        self.init(pool: pool, vault: vault, batcher: WriteBatcher(pool: pool, onChange: onChange), event: nil)
    }

    init(pool: DatabasePool, vault: Vault, batcher: WriteBatcher, event: AuditEvent?) {
        self.pool = pool
        self.vault = vault
        self.batcher = batcher
        self.event = event
    }

    /// One process has the file, so it has every duty.
    public func bound(to term: DutyTerm) -> SQLiteStore { self }

    public func check() async throws {
        try await write { db, _ in
            try db.run("UPDATE store SET checks = checks + 1 WHERE id = 1")
        }
        _ = try await read { db in try Int64.fetchOne(db, sql: "SELECT checks FROM store WHERE id = 1") }
    }

    public func close() async throws {
        await batcher.close()
        try await SQLiteDatabase.close(pool)
    }

    // MARK: - Database access

    /// Makes `body` part of the next commit. Returns once that is durable; cancelling the caller changes nothing.
    ///
    /// `body` appends what it changed, for the observer. It runs on the writer's queue: it must not block.
    /// - Parameters:
    ///   - cost: about how many bytes it writes, if that is many.
    ///   - completing: completes the event that is recorded with it (``AuditStore/recording(_:)``).
    func write<Value: Sendable>(
        cost: Int = 0, completing completion: AuditCompletion<Value> = .always,
        _ body: @escaping @Sendable (Database, inout [StoreChange]) throws -> Value
    ) async throws -> Value {
        do {
            return try await batcher.write(cost: cost) { [event, vault] db, changes in
                let value = try body(db, &changes)
                if var event, completion.complete(value, &event) {
                    try event.insert(vault, db)
                    try event.onceOnly?.insert(db)
                }
                return value
            }
        } catch {
            throw StorageError.mapped(error)
        }
    }

    /// Runs `body` on one of the readers, on one state of the database.
    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        do {
            return try await pool.read(body)
        } catch {
            throw StorageError.mapped(error)
        }
    }

    // MARK: - The key

    /// Throws where the database was made with another key; marks a new one with this.
    private func verifyKey() async throws {
        let mark = try vault.encrypt(EncryptionPurpose.keyMark, for: .store)
        let stored = try await write { db, _ in
            try db.run("UPDATE store SET key_mark = ifnull(key_mark, ?) WHERE id = 1", mark)
            return try Row.fetchOne(db, sql: "SELECT key_mark FROM store WHERE id = 1")?.blob("key_mark")
        }
        if let stored, CopyMark.isUnfinished(stored) { throw CopyMark.error }
        guard let stored, (try? vault.decrypt(stored, for: .store)) == EncryptionPurpose.keyMark else {
            throw StorageError(.key, "The database was encrypted with a different key.")
        }
    }
}
