public import Domain
internal import Foundation
internal import Postgres
internal import Storage

extension PostgresStore {
    public func earlierRequest(like request: RepeatableRequest) async throws -> EarlierRequest? {
        let vault = vault
        return try await readOnce { db in
            guard
                let row = try db.row(
                    "SELECT digest, request_id, answer FROM idempotency_keys WHERE owner = $1 AND key = $2",
                    request.owner, request.key)
            else { return nil }
            return try vault.earlierRequest(
                digest: try row.text("digest"), id: try row.id("request_id"), answer: try row.optionalBytes("answer"),
                like: request)
        }
    }

    public func saveAnswer(status: Int, body: [UInt8], to request: RepeatableRequest) async throws {
        let answer = try vault.encryptAnswer(status: status, body: body, to: request)
        try await write { db, _ in
            try request.insert(db)
            db.run(
                "UPDATE idempotency_keys SET answer = $1 WHERE owner = $2 AND key = $3", answer, request.owner,
                request.key)
        }
    }

    public func deleteRepeatableRequests(before moment: Timestamp, limit: Int) async throws -> Int {
        try await write { db, _ in
            try db.rows(
                """
                DELETE FROM idempotency_keys WHERE (owner, key) IN (
                    SELECT owner, key FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2)
                RETURNING created_at
                """, moment, limit
            ) { try $0.integer("created_at") }.count
        }
    }
}

extension RepeatableRequest {
    /// Waits for a request with the same key that is being carried out.
    ///
    /// - Throws: ``Refusal`` `.conflict` if another request has the key.
    func insert(_ db: Database) throws {
        db.run(
            """
            INSERT INTO idempotency_keys (owner, key, digest, request_id, created_at) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT DO NOTHING
            """, owner, key, digest, id, at)
        let stored = try db.row("SELECT request_id FROM idempotency_keys WHERE owner = $1 AND key = $2", owner, key)
        guard try stored?.id("request_id") as Identifier<RepeatableRequest>? == id else { throw Refusal.repeated }
    }
}
