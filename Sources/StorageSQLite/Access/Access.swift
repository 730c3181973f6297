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
                try UserRow.account(
                    row.text("owner"), scopes: StoredScopes.decode(row.optionalText("scopes")), row, at: now)
            }
        }
    }

    public func tokens(of owner: String?) async throws -> [AccessEntry] {
        try await read { db in try Self.entries(.tokens, of: owner, db) }
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
            ).map { try AccessEntry(stored: $0, in: .links) }
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
        ) { try AccessEntry(stored: $0, in: .links) }.first
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
            ).flatMap { row in try UserRow.account(row.text("user_name"), scopes: nil, row, at: now) }
        }
    }

    public func deleteSession(hash: Data) async throws {
        try await write { db, _ in try db.run("DELETE FROM sessions WHERE hash = ?", hash) }
    }

    public func sessions(at now: Timestamp) async throws -> [AccessEntry] {
        try await read { db in
            try (Self.entries(.sessions, db) + Self.entries(.links, db))
                .filter { $0.expiresAt.map { $0 > now } ?? true }
        }
    }

    /// A session with its user's identity, and a refresh token.
    private static let refreshableSQL = """
        SELECT s.hash, s.user_name, s.refresh, s.refreshed_at, u.issuer, u.subject FROM sessions AS s
        JOIN users AS u ON u.name = s.user_name AND u.issuer IS NOT NULL AND s.refresh IS NOT NULL
        """

    private static func refreshable(_ row: Row, _ vault: Vault) throws -> RefreshableSession {
        try RefreshableSession(stored: row) { try vault.decrypt($0, for: .refreshToken(session: $1)) }
    }

    public func sessionsToRefresh(before time: Timestamp, limit: Int) async throws -> [RefreshableSession] {
        try await read { [vault] db in
            try db.rows(
                Self.refreshableSQL + " WHERE s.refreshed_at < ? ORDER BY s.refreshed_at LIMIT ?", time.milliseconds,
                limit
            ) {
                try Self.refreshable($0, vault)
            }
        }
    }

    public func refreshableSession(ofSession hash: Data) async throws -> RefreshableSession? {
        try await read { [vault] db in
            try db.row(Self.refreshableSQL + " WHERE s.hash = ?", hash).map { try Self.refreshable($0, vault) }
        }
    }

    public func refreshableSession(ofToken hash: Data) async throws -> RefreshableSession? {
        try await read { [vault] db in
            try db.row(
                Self.refreshableSQL + " JOIN api_tokens AS t ON t.owner = s.user_name WHERE t.hash = ? "
                    + "ORDER BY s.refreshed_at DESC LIMIT 1", hash
            ).map { try Self.refreshable($0, vault) }
        }
    }

    public func claimRefresh(ofSession hash: Data, since time: Timestamp, at now: Timestamp) async throws -> Bool {
        let lapsed = now.advanced(by: -RefreshableSession.claimLifetime)
        return try await write { db, _ in
            try !db.rows(
                """
                UPDATE sessions SET refresh_claimed_at = ? WHERE hash = ? AND refresh IS NOT NULL
                AND refreshed_at <= ? AND coalesce(refresh_claimed_at, 0) <= ? RETURNING user_name
                """, now.milliseconds, hash, time.milliseconds, lapsed.milliseconds
            ) { try $0.text("user_name") }.isEmpty
        }
    }

    public func releaseRefresh(ofSession hash: Data, claim: Timestamp) async throws {
        try await write { db, _ in
            try db.run(
                "UPDATE sessions SET refresh_claimed_at = NULL WHERE hash = ? AND refresh_claimed_at = ?", hash,
                claim.milliseconds)
        }
    }

    @discardableResult
    public func recordRefresh(
        ofSession hash: Data, claim: Timestamp, refreshToken: String, groups: [String], at now: Timestamp
    ) async throws -> GroupsChange {
        let refresh = try vault.encrypt(
            Data(refreshToken.utf8), for: .refreshToken(session: AccessEntry.id(of: hash)))
        let stored = try StoredJSON.encode(groups)
        return try await write(completing: .groupsChanged) { db, _ in
            let before = try db.row(
                """
                SELECT u.* FROM users AS u JOIN sessions AS s ON s.user_name = u.name
                WHERE s.hash = ? AND s.refresh_claimed_at = ?
                """, hash, claim.milliseconds
            ).map { try UserRow(stored: $0) }
            // The session ended meanwhile, or another node has claimed it.
            guard let before else { return GroupsChange() }
            try db.run(
                "UPDATE sessions SET refresh = ?, refreshed_at = ?, refresh_claimed_at = NULL WHERE hash = ?",
                refresh, now.milliseconds, hash)
            try db.run(
                "UPDATE users SET groups = ?, groups_at = ? WHERE id = ?", stored, now.milliseconds, before.id.rawValue)
            return GroupsChange(from: try before.user().groups, to: groups)
        }
    }

    public func endRefusedSession(hash: Data, claim: Timestamp?) async throws -> Bool {
        try await write { db, _ in
            let session = try db.row("SELECT user_name, refresh_claimed_at FROM sessions WHERE hash = ?", hash)
            guard let session else { return false }
            if let claim, session.optionalTime("refresh_claimed_at") != claim { return false }
            try db.run(
                "UPDATE users SET groups = '[]', groups_at = NULL WHERE name = ?", session.text("user_name"))
            try db.run("DELETE FROM sessions WHERE hash = ?", hash)
            return true
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
    public func accessEntry(_ id: String) async throws -> AccessEntry? {
        try await read { db in try Self.entry(id, db) }
    }

    public func revokeAccess(_ id: String) async throws -> AccessEntry? {
        try await write(completing: AuditCompletion { entry, _ in entry != nil }) { db, _ in
            guard let entry = try Self.entry(id, db) else { return nil }
            try Self.delete(entry, db)
            return entry
        }
    }

    public func revokeAllAccess(exceptToken name: String, keeping ids: Set<String>) async throws -> [AccessEntry] {
        try await write { db, _ in
            let entries = try AccessTable.allCases.flatMap { try Self.entries($0, db) }
                .filter { !$0.outlivesRevocation(exceptToken: name, keeping: ids) }
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
    static func endAccess(of user: String, _ ended: EndedAccess, _ db: Database) throws -> [AccessEntry] {
        let entries = try AccessTable.allCases.flatMap { try Self.entries($0, of: user, db) }.filter(ended.includes)
        for entry in entries { try delete(entry, db) }
        return entries
    }

    private static func delete(_ entry: AccessEntry, _ db: Database) throws {
        try db.run("DELETE FROM \(AccessTable(entry.kind).rawValue) WHERE hash = ?", entry.hash)
    }

    private static func entry(_ id: String, _ db: Database) throws -> AccessEntry? {
        guard let hashes = AccessEntry.hashes(ofID: id) else { return nil }
        for table in AccessTable.allCases {
            let row = try db.row(
                "SELECT * FROM \(table.rawValue) WHERE hash BETWEEN ? AND ? LIMIT 1", hashes.first, hashes.last)
            if let row { return try AccessEntry(stored: row, in: table) }
        }
        return nil
    }

    /// All credentials of a table, or those of one user.
    private static func entries(
        _ table: AccessTable, of user: String? = nil, _ db: Database
    ) throws -> [AccessEntry] {
        let make = { (row: Row) in try AccessEntry(stored: row, in: table) }
        guard let user else {
            return try db.rows("SELECT * FROM \(table.rawValue) ORDER BY \(table.order)", make: make)
        }
        return try db.rows(
            "SELECT * FROM \(table.rawValue) WHERE \(table.owner) = ? ORDER BY \(table.order)", user, make: make)
    }
}
