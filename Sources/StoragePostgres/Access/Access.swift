public import Domain
public import Foundation
internal import Postgres
public import Storage

extension PostgresStore {
    public func setToken(hash: Data, name: String, at now: Timestamp) async throws {
        try await write { db, _ in
            db.run("DELETE FROM api_tokens WHERE name = $1 OR hash = $2", name, hash)
            db.run(
                "INSERT INTO api_tokens VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE SET hash = excluded.hash",
                hash,
                name, now)
        }
    }

    public func tokenName(hash: Data) async throws -> String? {
        try await readOnce { db in try db.row("SELECT name FROM api_tokens WHERE hash = $1", hash)?.text("name") }
    }

    public func createSignInLink(hash: Data, user: String, expiresAt: Timestamp) async throws {
        try await write { db, _ in
            db.run("INSERT INTO sign_in_links VALUES ($1, $2, $3)", hash, user, expiresAt)
        }
    }

    public func redeemSignInLink(hash: Data, at now: Timestamp) async throws -> String? {
        try await write(completing: AuditCompletion { user, _ in user != nil }) { db, _ in
            // One statement finds and deletes it, so only one of two concurrent attempts succeeds.
            try db.rows(
                "DELETE FROM sign_in_links WHERE hash = $1 AND expires_at > $2 RETURNING user_name", hash,
                now
            ) { try $0.text("user_name") }.first
        }
    }

    public func createSession(hash: Data, user: String, expiresAt: Timestamp) async throws {
        try await write { db, _ in
            db.run("INSERT INTO sessions VALUES ($1, $2, $3)", hash, user, expiresAt)
        }
    }

    public func sessionUser(hash: Data, at now: Timestamp) async throws -> String? {
        try await readOnce { db in
            try db.row(
                "SELECT user_name FROM sessions WHERE hash = $1 AND expires_at > $2", hash, now
            )?.text("user_name")
        }
    }

    public func deleteSession(hash: Data) async throws {
        try await write { db, _ in db.run("DELETE FROM sessions WHERE hash = $1", hash) }
    }

    public func tokens() async throws -> [AccessEntry] {
        try await readOnce { db in try Self.entries(of: .token, db) }
    }

    public func sessions(at now: Timestamp) async throws -> [AccessEntry] {
        try await read { db in
            try (Self.entries(of: .session, db) + Self.entries(of: .link, db))
                .filter { $0.expiresAt.map { $0 > now } ?? true }
        }
    }

    public func revokeAccess(_ id: String) async throws -> AccessEntry? {
        try await write(completing: AuditCompletion { entry, _ in entry != nil }) { db, _ in
            let entries = try AccessEntry.Kind.allCases.flatMap { try Self.entries(of: $0, db) }
            guard let entry = entries.first(where: { $0.id == id }) else { return nil }
            db.run("DELETE FROM \(Self.table(of: entry.kind)) WHERE hash = $1", entry.hash)
            return entry
        }
    }

    public func revokeAllAccess(exceptToken name: String, keeping ids: Set<String>) async throws -> [AccessEntry] {
        try await write { db, _ in
            let entries = try AccessEntry.Kind.allCases.flatMap { try Self.entries(of: $0, db) }
                .filter { $0.kind != .token || $0.name != name && !ids.contains($0.id) }
            for entry in entries {
                db.run("DELETE FROM \(Self.table(of: entry.kind)) WHERE hash = $1", entry.hash)
            }
            return entries
        }
    }

    private static func table(of kind: AccessEntry.Kind) -> String {
        switch kind {
        case .token: "api_tokens"
        case .session: "sessions"
        case .link: "sign_in_links"
        }
    }

    private static func entries(of kind: AccessEntry.Kind, _ db: Database) throws -> [AccessEntry] {
        switch kind {
        case .token:
            try db.rows("SELECT * FROM api_tokens ORDER BY name") { row in
                AccessEntry(
                    kind: .token, hash: try row.blob("hash"), name: try row.text("name"),
                    createdAt: try row.time("created_at"))
            }
        case .session, .link:
            try db.rows("SELECT * FROM \(table(of: kind)) ORDER BY expires_at, hash") { row in
                AccessEntry(
                    kind: kind, hash: try row.blob("hash"), name: try row.text("user_name"),
                    expiresAt: try row.time("expires_at"))
            }
        }
    }

    public func deleteExpiredAccess(at now: Timestamp) async throws {
        try await write { db, _ in
            db.run("DELETE FROM sign_in_links WHERE expires_at <= $1", now)
            db.run("DELETE FROM sessions WHERE expires_at <= $1", now)
            CommitKeys.deleteOld(db)
        }
    }
}
