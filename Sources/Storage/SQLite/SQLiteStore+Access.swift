public import Domain
public import Foundation
internal import GRDB

extension SQLiteStore {
    public func setToken(hash: Data, name: String, at now: Timestamp) async throws {
        try await write { db, _ in
            try db.run("DELETE FROM api_tokens WHERE name = ? OR hash = ?", name, hash)
            try db.run("INSERT INTO api_tokens VALUES (?, ?, ?)", hash, name, now.milliseconds)
        }
    }

    public func tokenName(hash: Data) async throws -> String? {
        try await read { db in try db.row("SELECT name FROM api_tokens WHERE hash = ?", hash)?.text("name") }
    }

    public func createSignInLink(hash: Data, user: String, expiresAt: Timestamp) async throws {
        try await write { db, _ in
            try db.run("INSERT INTO sign_in_links VALUES (?, ?, ?)", hash, user, expiresAt.milliseconds)
        }
    }

    public func redeemSignInLink(hash: Data, at now: Timestamp) async throws -> String? {
        try await write { db, _ in
            // Found and gone in one statement: of two who try at once, one gets it.
            try db.rows(
                "DELETE FROM sign_in_links WHERE hash = ? AND expires_at > ? RETURNING user_name", hash,
                now.milliseconds
            ) { try $0.text("user_name") }.first
        }
    }

    public func createSession(hash: Data, user: String, expiresAt: Timestamp) async throws {
        try await write { db, _ in
            try db.run("INSERT INTO sessions VALUES (?, ?, ?)", hash, user, expiresAt.milliseconds)
        }
    }

    public func sessionUser(hash: Data, at now: Timestamp) async throws -> String? {
        try await read { db in
            try db.row(
                "SELECT user_name FROM sessions WHERE hash = ? AND expires_at > ?", hash, now.milliseconds
            )?.text("user_name")
        }
    }

    public func deleteSession(hash: Data) async throws {
        try await write { db, _ in try db.run("DELETE FROM sessions WHERE hash = ?", hash) }
    }

    public func deleteExpiredAccess(at now: Timestamp) async throws {
        try await write { db, _ in
            try db.run("DELETE FROM sign_in_links WHERE expires_at <= ?", now.milliseconds)
            try db.run("DELETE FROM sessions WHERE expires_at <= ?", now.milliseconds)
        }
    }
}
