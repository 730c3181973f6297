public import Domain
public import Foundation
internal import GRDB
public import Storage

// MARK: - Tokens

extension SQLiteStore {
    public func setToken(hash: Data, name: String, at now: Timestamp) async throws {
        try await write { db, _ in
            try db.run(
                "DELETE FROM api_tokens WHERE owner = ? AND name = ? OR hash = ?", User.administrator, name, hash)
            try db.run(
                "INSERT INTO api_tokens (hash, name, owner, created_at) VALUES (?, ?, ?, ?)", hash, name,
                User.administrator, now.milliseconds)
        }
    }

    public func createToken(_ token: NewToken, at now: Timestamp) async throws {
        try await write { db, _ in
            guard
                try !db.exists(
                    "SELECT 1 FROM api_tokens WHERE owner = ? AND name = ?", token.owner, token.name)
            else { throw Refusal.hasToken(token.name) }
            try db.run(
                """
                INSERT INTO api_tokens (hash, name, owner, scopes, created_at, expires_at)
                VALUES (?, ?, ?, ?, ?, ?)
                """, token.hash, token.name, token.owner, StoredScopes.encode(token.scopes), now.milliseconds,
                token.expiresAt?.milliseconds)
        }
    }

    public func account(ofToken hash: Data, at now: Timestamp) async throws -> Account? {
        try await read { db in
            try db.row(
                """
                SELECT t.owner, t.scopes, u.* FROM api_tokens AS t LEFT JOIN users AS u ON u.name = t.owner
                WHERE t.hash = ? AND (t.expires_at IS NULL OR t.expires_at > ?)
                """, hash, now.milliseconds
            ).flatMap { row in
                try Self.account(
                    row.text("owner"), scopes: StoredScopes.decode(row.optionalText("scopes")), row, at: now)
            }
        }
    }

    public func tokens(of owner: String?) async throws -> [AccessEntry] {
        try await read { db in
            try Self.entries("api_tokens", db).filter { owner == nil || $0.owner == owner }
        }
    }

    /// A user without an account yet, such as the administrator, needs none for a token or session to work.
    private static func account(
        _ name: String, scopes: Set<Permission>?, _ row: Row, at now: Timestamp
    ) throws -> Account? {
        guard row.optionalText("id") != nil else { return Account(name: name, scopes: scopes) }
        return try UserRow(stored: row).account(scopes: scopes, at: now)
    }
}

// MARK: - Links

extension SQLiteStore {
    public func createLink(_ link: NewLink) async throws {
        try await write { db, _ in
            try db.run(
                """
                INSERT INTO sign_in_links (hash, user_name, expires_at, kind, detail, created_by)
                VALUES (?, ?, ?, ?, ?, ?)
                """, link.hash, link.user, link.expiresAt.milliseconds, link.kind.rawValue, link.detail,
                link.createdBy)
        }
    }

    public func redeemSignInLink(hash: Data, newID: UserID, at now: Timestamp) async throws -> String? {
        try await write { db, _ in
            guard let link = try Self.takeLink(.link, hash: hash, at: now, db) else { return nil }
            return try UserRow.admitted(link.name, newID: newID, at: now, db)?.name
        }
    }

    public func invitation(hash: Data, at now: Timestamp) async throws -> AccessEntry? {
        try await read { db in
            try db.row(
                "SELECT * FROM sign_in_links WHERE hash = ? AND kind = 'invitation' AND expires_at > ?", hash,
                now.milliseconds
            ).map { try AccessEntry(stored: $0, in: "sign_in_links") }
        }
    }

    public func redeemInvitation(hash: Data, password: String, at now: Timestamp) async throws -> String? {
        try await write(completing: .signedIn) { db, _ in
            guard let link = try Self.takeLink(.invitation, hash: hash, at: now, db),
                let row = try UserRow.find(named: link.name, db), row.isActive
            else { return nil }
            try db.run("UPDATE users SET password = ? WHERE id = ?", password, row.id.rawValue)
            return row.name
        }
    }

    public func redeemLoginCode(
        hash: Data, detail: String, token: Data, at now: Timestamp
    ) async throws -> AccessEntry? {
        try await write(completing: .tokenMade) { db, _ in
            guard let link = try Self.takeLink(.login, hash: hash, detail: detail, at: now, db) else { return nil }
            let held = try db.rows("SELECT name FROM api_tokens WHERE owner = ?", link.owner) { try $0.text("name") }
            let name = UserNames.free(LoginDetail.tokenName(detail), taken: held)
            let expiry = now.advanced(by: LoginDetail.tokenLifetime)
            try db.run(
                "INSERT INTO api_tokens (hash, name, owner, created_at, expires_at) VALUES (?, ?, ?, ?, ?)", token,
                name, link.owner, now.milliseconds, expiry.milliseconds)
            return AccessEntry(
                kind: .token, hash: token, name: name, owner: link.owner, createdAt: now, expiresAt: expiry)
        }
    }

    /// One statement finds and deletes it, so only one of two concurrent attempts succeeds.
    private static func takeLink(
        _ kind: AccessEntry.Kind, hash: Data, detail: String? = nil, at now: Timestamp, _ db: Database
    ) throws -> AccessEntry? {
        try db.rows(
            """
            DELETE FROM sign_in_links WHERE hash = ? AND kind = ? AND (detail IS NULL OR detail = ?)
            AND expires_at > ? RETURNING *
            """, hash, kind.rawValue, detail, now.milliseconds
        ) { try AccessEntry(stored: $0, in: "sign_in_links") }.first
    }
}

// MARK: - Sessions

extension SQLiteStore {
    public func createSession(_ session: NewSession) async throws {
        let refresh = try session.refreshToken.map { token in
            try vault.encrypt(Data(token.utf8), for: .refreshToken(session: AccessEntry.id(of: session.hash)))
        }
        try await write { db, _ in
            try db.run(
                """
                INSERT INTO sessions (hash, user_name, expires_at, method, address, agent, created_at, last_used_at,
                    refresh, refreshed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """, session.hash, session.user, session.expiresAt.milliseconds, session.method.rawValue,
                session.address, session.agent, session.createdAt.milliseconds, session.createdAt.milliseconds,
                refresh, session.createdAt.milliseconds)
            try db.run(
                "UPDATE users SET last_seen_at = ? WHERE name = ?", session.createdAt.milliseconds, session.user)
        }
    }

    public func account(ofSession hash: Data, at now: Timestamp) async throws -> Account? {
        try await read { db in
            try db.row(
                """
                SELECT s.user_name, u.* FROM sessions AS s LEFT JOIN users AS u ON u.name = s.user_name
                WHERE s.hash = ? AND s.expires_at > ?
                """, hash, now.milliseconds
            ).flatMap { row in try Self.account(row.text("user_name"), scopes: nil, row, at: now) }
        }
    }

    public func deleteSession(hash: Data) async throws {
        try await write { db, _ in try db.run("DELETE FROM sessions WHERE hash = ?", hash) }
    }

    public func sessions(at now: Timestamp) async throws -> [AccessEntry] {
        try await read { db in
            try (Self.entries("sessions", db) + Self.entries("sign_in_links", db))
                .filter { $0.expiresAt.map { $0 > now } ?? true }
        }
    }

    public func sessionsToRefresh(before time: Timestamp, limit: Int) async throws -> [RefreshableSession] {
        let vault = vault
        return try await read { db in
            try db.rows(
                """
                SELECT s.hash, s.user_name, s.refresh, s.refreshed_at, u.issuer, u.subject FROM sessions AS s
                JOIN users AS u ON u.name = s.user_name
                WHERE s.refresh IS NOT NULL AND s.refreshed_at < ? AND u.issuer IS NOT NULL
                ORDER BY s.refreshed_at LIMIT ?
                """, time.milliseconds, limit
            ) { row in
                let hash = try row.blob("hash")
                let token = try vault.decrypt(
                    row.blob("refresh"), for: .refreshToken(session: AccessEntry.id(of: hash)))
                return RefreshableSession(
                    hash: hash, user: try row.text("user_name"),
                    identity: ExternalIdentity(issuer: try row.text("issuer"), subject: try row.text("subject")),
                    refreshToken: String(decoding: token, as: UTF8.self), refreshedAt: try row.time("refreshed_at"))
            }
        }
    }

    public func recordRefresh(
        ofSession hash: Data, refreshToken: String, groups: [String], at now: Timestamp
    ) async throws {
        let refresh = try vault.encrypt(
            Data(refreshToken.utf8), for: .refreshToken(session: AccessEntry.id(of: hash)))
        let groups = try StoredJSON.encode(groups)
        try await write { db, _ in
            try db.run(
                "UPDATE sessions SET refresh = ?, refreshed_at = ? WHERE hash = ?", refresh, now.milliseconds, hash)
            try db.run(
                """
                UPDATE users SET groups = ?, groups_at = ?
                WHERE name = (SELECT user_name FROM sessions WHERE hash = ?)
                """, groups, now.milliseconds, hash)
        }
    }

    public func endRefusedSession(hash: Data) async throws {
        try await write { db, _ in
            try db.run(
                """
                UPDATE users SET groups = '[]', groups_at = NULL
                WHERE name = (SELECT user_name FROM sessions WHERE hash = ?)
                """, hash)
            try db.run("DELETE FROM sessions WHERE hash = ?", hash)
        }
    }

    public func recordUse(tokens: [Data: Timestamp], sessions: [Data: Timestamp]) async throws {
        try await write { db, _ in
            for (hash, time) in tokens {
                try db.run(
                    "UPDATE api_tokens SET last_used_at = ? WHERE hash = ? AND coalesce(last_used_at, 0) < ?",
                    time.milliseconds, hash, time.milliseconds)
                try db.run(
                    """
                    UPDATE users SET last_seen_at = ? WHERE coalesce(last_seen_at, 0) < ?
                    AND name = (SELECT owner FROM api_tokens WHERE hash = ?)
                    """, time.milliseconds, time.milliseconds, hash)
            }
            for (hash, time) in sessions {
                try db.run(
                    "UPDATE sessions SET last_used_at = ? WHERE hash = ? AND coalesce(last_used_at, 0) < ?",
                    time.milliseconds, hash, time.milliseconds)
                try db.run(
                    """
                    UPDATE users SET last_seen_at = ? WHERE coalesce(last_seen_at, 0) < ?
                    AND name = (SELECT user_name FROM sessions WHERE hash = ?)
                    """, time.milliseconds, time.milliseconds, hash)
            }
        }
    }
}

// MARK: - Revocation

extension SQLiteStore {
    public func revokeAccess(_ id: String) async throws -> AccessEntry? {
        try await write(completing: AuditCompletion { entry, _ in entry != nil }) { db, _ in
            guard let entry = try Self.allEntries(db).first(where: { $0.id == id }) else { return nil }
            try Self.delete(entry, db)
            return entry
        }
    }

    public func revokeAllAccess(exceptToken name: String, keeping ids: Set<String>) async throws -> [AccessEntry] {
        try await write { db, _ in
            let entries = try Self.allEntries(db).filter { entry in
                entry.kind != .token
                    || !ids.contains(entry.id) && (entry.name != name || entry.owner != User.administrator)
            }
            for entry in entries { try Self.delete(entry, db) }
            return entries
        }
    }

    public func deleteExpiredAccess(at now: Timestamp) async throws {
        try await write { db, _ in
            try db.run("DELETE FROM sign_in_links WHERE expires_at <= ?", now.milliseconds)
            try db.run("DELETE FROM sessions WHERE expires_at <= ?", now.milliseconds)
        }
    }

    /// Deletes what a user can get in with.
    static func endAccess(
        of user: String, _ kinds: [AccessEntry.Kind], keeping session: Data?, _ db: Database
    ) throws -> [AccessEntry] {
        let entries = try allEntries(db).filter { entry in
            entry.owner == user && kinds.contains(entry.kind) && (session == nil || entry.hash != session)
        }
        for entry in entries { try delete(entry, db) }
        return entries
    }

    private static func delete(_ entry: AccessEntry, _ db: Database) throws {
        let table =
            switch entry.kind {
            case .token: "api_tokens"
            case .session: "sessions"
            case .link, .invitation, .login: "sign_in_links"
            }
        try db.run("DELETE FROM \(table) WHERE hash = ?", entry.hash)
    }

    private static func allEntries(_ db: Database) throws -> [AccessEntry] {
        try ["api_tokens", "sessions", "sign_in_links"].flatMap { try entries($0, db) }
    }

    private static func entries(_ table: String, _ db: Database) throws -> [AccessEntry] {
        let order = table == "api_tokens" ? "name, owner" : "expires_at, hash"
        return try db.rows("SELECT * FROM \(table) ORDER BY \(order)") { try AccessEntry(stored: $0, in: table) }
    }
}

extension AccessEntry {
    fileprivate init(stored row: Row, in table: String) throws {
        switch table {
        case "api_tokens":
            self.init(
                kind: .token, hash: try row.blob("hash"), name: try row.text("name"), owner: try row.text("owner"),
                createdAt: try row.time("created_at"), expiresAt: row.optionalTime("expires_at"),
                lastUsedAt: row.optionalTime("last_used_at"),
                scopes: try StoredScopes.decode(row.optionalText("scopes")))
        case "sessions":
            self.init(
                kind: .session, hash: try row.blob("hash"), name: try row.text("user_name"),
                createdAt: row.optionalTime("created_at"), expiresAt: try row.time("expires_at"),
                lastUsedAt: row.optionalTime("last_used_at"), method: try row.name("method"),
                address: try row.text("address"), agent: try row.text("agent"))
        default:
            self.init(
                kind: try row.name("kind"), hash: try row.blob("hash"), name: try row.text("user_name"),
                createdBy: row.optionalText("created_by"), expiresAt: try row.time("expires_at"))
        }
    }
}
