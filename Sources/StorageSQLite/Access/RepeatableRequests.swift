public import Domain
internal import Foundation
internal import GRDB
internal import Storage

extension SQLiteStore {
    public func earlierRequest(like request: RepeatableRequest) async throws -> EarlierRequest? {
        let vault = vault
        return try await read { db in
            guard
                let row = try db.row(
                    "SELECT digest, request_id, answer FROM idempotency_keys WHERE owner = ? AND key = ?",
                    request.owner, request.key)
            else { return nil }
            return try vault.earlierRequest(
                digest: try row.text("digest"), id: try row.id("request_id"), answer: row["answer"], like: request)
        }
    }

    public func saveAnswer(status: Int, body: [UInt8], to request: RepeatableRequest) async throws {
        let answer = try vault.encryptAnswer(status: status, body: body, to: request)
        try await write { db, _ in
            try request.insert(db)
            try db.run(
                "UPDATE idempotency_keys SET answer = ? WHERE owner = ? AND key = ?", answer, request.owner,
                request.key)
        }
    }

    public func deleteRepeatableRequests(before moment: Timestamp, limit: Int) async throws -> Int {
        try await write { db, _ in
            try db.run(
                """
                DELETE FROM idempotency_keys WHERE (owner, key) IN (
                    SELECT owner, key FROM idempotency_keys WHERE created_at < ? ORDER BY created_at LIMIT ?)
                """, moment.milliseconds, limit)
            return db.changesCount
        }
    }
}

extension RepeatableRequest {
    /// - Throws: ``Refusal`` `.conflict` if another request has the key.
    func insert(_ db: Database) throws {
        try db.run(
            """
            INSERT INTO idempotency_keys (owner, key, digest, request_id, created_at) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT DO NOTHING
            """, owner, key, digest, id.rawValue, at.milliseconds)
        let stored = try db.row("SELECT request_id FROM idempotency_keys WHERE owner = ? AND key = ?", owner, key)
        guard try stored?.text("request_id") == id.rawValue else { throw Refusal.repeated }
    }
}
