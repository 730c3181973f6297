public import Domain
internal import Postgres
public import Storage

extension PostgresStore {
    public func record(_ event: AuditEvent) async throws {
        try await recording(event).write { _, _ in }
    }

    /// Events get their numbers in the order in which they were inserted, as far as their commits can be seen. An event
    /// whose transaction began after another one's commit always comes after it.
    public func sealAuditEvents(limit: Int) async throws -> Int {
        let vault = vault
        let isNeeded = try await readOnce { db in try db.exists("SELECT 1 FROM audit_events WHERE number IS NULL") }
        guard isNeeded else { return 0 }
        return try await write { db, _ in
            // "audit" in ASCII: two sealers must not give one number twice, also before there is a chain to lock.
            try db.execute("SELECT pg_advisory_xact_lock(418430873972)")
            var ends = try AuditChainEnds.find(vault, locking: true, db)
            let records = try db.rows(
                "SELECT * FROM audit_events WHERE number IS NULL ORDER BY position LIMIT $1", limit
            ) { try AuditRecord(stored: $0, vault) }
            for record in records {
                let (seal, mac) = vault.seal(record, after: ends.head)
                db.run(
                    "UPDATE audit_events SET number = $1, prev_hash = $2, hash = $3, mac = $4 WHERE position = $5",
                    seal.number, seal.previousHash, seal.hash, mac, record.position)
                ends.head = AuditEnd(number: seal.number, hash: seal.hash)
            }
            if !records.isEmpty { ends.save(vault, db) }
            return records.count
        }
    }

    public func auditRecords(
        _ key: AuditKey, before: AuditPosition?, since: Timestamp?, limit: Int
    ) async throws -> [AuditRecord] {
        let vault = vault
        let values: [PostgresValue] = [
            .int(before?.at.milliseconds ?? Int64.max), .int(before?.position ?? Int64.max),
            .int(since?.milliseconds ?? Int64.min),
            .int(Int64(limit)),
        ]
        return try await readOnce { db in
            try db.query(Self.auditSQL(key), values + key.values).map { try AuditRecord(stored: $0, vault) }
        }
    }

    static func auditSQL(_ key: AuditKey) -> String {
        """
        SELECT * FROM audit_events WHERE \(key.column.map { "\($0.name) = $5 AND " } ?? "")(at, position) < ($1, $2)
        AND at >= $3 ORDER BY at DESC, position DESC LIMIT $4
        """
    }

    public func sealedRecords(after number: Int64, limit: Int) async throws -> [AuditRecord] {
        let vault = vault
        return try await readOnce { db in
            try db.rows("SELECT * FROM audit_events WHERE number > $1 ORDER BY number LIMIT $2", number, limit) {
                try AuditRecord(stored: $0, vault)
            }
        }
    }

    public func auditChainEnds() async throws -> AuditChainEnds {
        let vault = vault
        return try await readOnce { db in try AuditChainEnds.find(vault, db) }
    }

    public func hasUnsealedEvents(of job: JobID) async throws -> Bool {
        try await readOnce { db in
            try db.exists("SELECT 1 FROM audit_events WHERE job_id = $1 AND number IS NULL", job)
        }
    }

    public func deleteAuditEvents(before moment: Timestamp, limit: Int) async throws -> Int {
        let vault = vault
        return try await write(
            completing: AuditCompletion { count, event in
                event.changes["count"] = .integer(Int64(count))
                return count > 0
            }
        ) { db, _ in
            var ends = try AuditChainEnds.find(vault, locking: true, db)
            let oldest = try db.rows(
                "SELECT number, hash, at FROM audit_events WHERE number > $1 ORDER BY number LIMIT $2",
                ends.base.number, limit
            ) { (end: AuditEnd(number: try $0.integer("number"), hash: try $0.text("hash")), at: try $0.time("at")) }
            let old = oldest.prefix { $0.at < moment }
            guard let last = old.last else { return 0 }
            db.run("DELETE FROM audit_events WHERE number <= $1", last.end.number)
            ends.base = last.end
            ends.save(vault, db)
            return old.count
        }
    }
}

extension AuditKey {
    fileprivate var values: [PostgresValue] {
        switch self {
        case .job(let id): [id.postgresValue]
        case .vine(let id): [id.postgresValue]
        default: column.map { [.text($0.value)] } ?? []
        }
    }
}
