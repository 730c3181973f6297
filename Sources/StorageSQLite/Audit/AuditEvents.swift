public import Domain
internal import GRDB
public import Storage

extension SQLiteStore {
    public func recording(_ event: AuditEvent) -> SQLiteStore {
        SQLiteStore(pool: pool, vault: vault, batcher: batcher, event: event)
    }

    public func record(_ event: AuditEvent) async throws {
        try await recording(event).write { _, _ in }
    }

    public func sealAuditEvents(limit: Int) async throws -> Int {
        let vault = vault
        let isNeeded = try await read { db in try db.exists("SELECT 1 FROM audit_events WHERE number IS NULL") }
        guard isNeeded else { return 0 }
        return try await write { db, _ in
            var ends = try AuditChainEnds.find(vault, db)
            let records = try db.rows(
                "SELECT * FROM audit_events WHERE number IS NULL ORDER BY position LIMIT ?", limit
            ) { try AuditRecord(stored: $0, vault) }
            for record in records {
                let (seal, mac) = vault.seal(record, after: ends.head)
                try db.run(
                    "UPDATE audit_events SET number = ?, prev_hash = ?, hash = ?, mac = ? WHERE position = ?",
                    seal.number, seal.previousHash, seal.hash, mac, record.position)
                ends.head = AuditEnd(number: seal.number, hash: seal.hash)
            }
            if !records.isEmpty { try ends.save(vault, db) }
            return records.count
        }
    }

    public func auditRecords(
        _ key: AuditKey, before: AuditPosition?, since: Timestamp?, limit: Int
    ) async throws -> [AuditRecord] {
        let vault = vault
        let key = (sql: Self.auditSQL(key), value: key.column?.value)
        let bounds: [Int64] = [
            before?.at.milliseconds ?? Int64.max, before?.position ?? Int64.max, since?.milliseconds ?? Int64.min,
            Int64(limit),
        ]
        return try await read { db in
            let arguments = StatementArguments(key.value.map { [$0] } ?? []) + StatementArguments(bounds)
            return try db.rows(key.sql, arguments: arguments) { try AuditRecord(stored: $0, vault) }
        }
    }

    static func auditSQL(_ key: AuditKey) -> String {
        """
        SELECT * FROM audit_events WHERE \(key.column.map { "\($0.name) = ? AND " } ?? "")(at, position) < (?, ?)
        AND at >= ? ORDER BY at DESC, position DESC LIMIT ?
        """
    }

    public func sealedRecords(after number: Int64, limit: Int) async throws -> [AuditRecord] {
        let vault = vault
        return try await read { db in
            try db.rows("SELECT * FROM audit_events WHERE number > ? ORDER BY number LIMIT ?", number, limit) {
                try AuditRecord(stored: $0, vault)
            }
        }
    }

    public func auditChainEnds() async throws -> AuditChainEnds {
        let vault = vault
        return try await read { db in try AuditChainEnds.find(vault, db) }
    }

    public func hasUnsealedEvents(of job: JobID) async throws -> Bool {
        try await read { db in
            try db.exists("SELECT 1 FROM audit_events WHERE job_id = ? AND number IS NULL", job.rawValue)
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
            var ends = try AuditChainEnds.find(vault, db)
            let oldest = try db.rows(
                "SELECT number, hash, at FROM audit_events WHERE number > ? ORDER BY number LIMIT ?", ends.base.number,
                limit
            ) { (end: AuditEnd(number: try $0.integer("number"), hash: try $0.text("hash")), at: try $0.time("at")) }
            let old = oldest.prefix { $0.at < moment }
            guard let last = old.last else { return 0 }
            try db.run("DELETE FROM audit_events WHERE number <= ?", last.end.number)
            ends.base = last.end
            try ends.save(vault, db)
            return old.count
        }
    }
}
