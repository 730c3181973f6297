public import Domain
public import Foundation
internal import Postgres
public import Storage

// MARK: - Tokens

extension PostgresStore {
    public func setToken(hash: Data, name: String, at now: Timestamp) async throws {
        try await write { db, _ in
            db.run(
                "DELETE FROM api_tokens WHERE owner = $1 AND name = $2 OR hash = $3", User.administrator, name, hash)
            db.run(
                """
                INSERT INTO api_tokens (hash, name, owner, created_at) VALUES ($1, $2, $3, $4)
                ON CONFLICT (owner, name) DO UPDATE SET hash = excluded.hash
                """, hash, name, User.administrator, now)
        }
    }

    public func createToken(_ token: NewToken, at now: Timestamp) async throws {
        try await write { db, _ in
            do {
                try db.execute(
                    """
                    INSERT INTO api_tokens (hash, name, owner, scopes, created_at, expires_at)
                    VALUES ($1, $2, $3, $4, $5, $6)
                    """, token.hash, token.name, token.owner, try StoredScopes.encode(token.scopes), now,
                    token.expiresAt)
            } catch let error as PostgresError where error.isUniqueViolation {
                throw Refusal.hasToken(token.name)
            }
        }
    }

    public func account(ofToken hash: Data, at now: Timestamp) async throws -> Account? {
        try await readOnce { db in
            try db.row(
                """
                SELECT t.owner, t.scopes, u.* FROM api_tokens AS t LEFT JOIN users AS u ON u.name = t.owner
                WHERE t.hash = $1 AND (t.expires_at IS NULL OR t.expires_at > $2)
                """, hash, now
            ).flatMap { row in
                try UserRow.account(
                    row.text("owner"), scopes: StoredScopes.decode(row.optionalText("scopes")), row, at: now)
            }
        }
    }

    public func tokens(of owner: String?) async throws -> [AccessEntry] {
        try await readOnce { db in try Self.entries(.tokens, of: owner, db) }
    }
}

// MARK: - Links

extension PostgresStore {
    public func createLink(_ link: NewLink) async throws {
        try await write { db, _ in
            db.run(
                """
                INSERT INTO sign_in_links (hash, user_name, expires_at, kind, detail, created_by)
                VALUES ($1, $2, $3, $4, $5, $6)
                """, link.hash, link.user, link.expiresAt, link.kind.rawValue, link.detail,
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
        try await readOnce { db in
            try db.row(
                "SELECT * FROM sign_in_links WHERE hash = $1 AND kind = 'invitation' AND expires_at > $2", hash,
                now
            ).map { try AccessEntry(stored: $0, in: .links) }
        }
    }

    public func redeemInvitation(hash: Data, password: String, at now: Timestamp) async throws -> String? {
        try await write(completing: .signedIn) { db, _ in
            guard let link = try Self.takeLink(.invitation, hash: hash, at: now, db),
                let row = try UserRow.find(named: link.name, db), row.isActive
            else { return nil }
            db.run("UPDATE users SET password = $1 WHERE id = $2", password, row.id)
            return row.name
        }
    }

    public func redeemLoginCode(
        hash: Data, detail: String, token: Data, at now: Timestamp
    ) async throws -> AccessEntry? {
        try await write(completing: .tokenMade) { db, _ in
            guard let link = try Self.takeLink(.login, hash: hash, detail: detail, at: now, db) else { return nil }
            let held = try db.rows("SELECT name FROM api_tokens WHERE owner = $1", link.owner) { try $0.text("name") }
            let name = UserNames.free(LoginDetail.tokenName(detail), taken: held)
            let expiry = now.advanced(by: LoginDetail.tokenLifetime)
            db.run(
                "INSERT INTO api_tokens (hash, name, owner, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)", token,
                name, link.owner, now, expiry.milliseconds)
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
            DELETE FROM sign_in_links WHERE hash = $1 AND kind = $2 AND (detail IS NULL OR detail = $3)
            AND expires_at > $4 RETURNING *
            """, hash, kind.rawValue, detail, now
        ) { try AccessEntry(stored: $0, in: .links) }.first
    }
}

// MARK: - Sessions

extension PostgresStore {
    public func createSession(_ session: NewSession) async throws {
        let refresh = try session.refreshToken.map { token in
            try vault.encrypt(Data(token.utf8), for: .refreshToken(session: AccessEntry.id(of: session.hash)))
        }
        try await write { db, _ in
            db.run(
                """
                INSERT INTO sessions (hash, user_name, expires_at, method, address, agent, created_at, last_used_at,
                    refresh, refreshed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                """, session.hash, session.user, session.expiresAt, session.method.rawValue,
                session.address, session.agent, session.createdAt, session.createdAt,
                refresh, session.createdAt)
            db.run(
                "UPDATE users SET last_seen_at = $1 WHERE name = $2", session.createdAt, session.user)
        }
    }

    public func account(ofSession hash: Data, at now: Timestamp) async throws -> Account? {
        try await readOnce { db in
            try db.row(
                """
                SELECT s.user_name, u.* FROM sessions AS s LEFT JOIN users AS u ON u.name = s.user_name
                WHERE s.hash = $1 AND s.expires_at > $2
                """, hash, now
            ).flatMap { row in try UserRow.account(row.text("user_name"), scopes: nil, row, at: now) }
        }
    }

    public func deleteSession(hash: Data) async throws {
        try await write { db, _ in db.run("DELETE FROM sessions WHERE hash = $1", hash) }
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
        try await readOnce { [vault] db in
            try db.rows(
                Self.refreshableSQL + " WHERE s.refreshed_at < $1 ORDER BY s.refreshed_at LIMIT $2", time, limit
            ) {
                try Self.refreshable($0, vault)
            }
        }
    }

    public func refreshableSession(ofSession hash: Data) async throws -> RefreshableSession? {
        try await readOnce { [vault] db in
            try db.row(Self.refreshableSQL + " WHERE s.hash = $1", hash).map { try Self.refreshable($0, vault) }
        }
    }

    public func refreshableSession(ofToken hash: Data) async throws -> RefreshableSession? {
        try await readOnce { [vault] db in
            try db.row(
                Self.refreshableSQL + " JOIN api_tokens AS t ON t.owner = s.user_name WHERE t.hash = $1 "
                    + "ORDER BY s.refreshed_at DESC LIMIT 1", hash
            ).map { try Self.refreshable($0, vault) }
        }
    }

    public func claimRefresh(ofSession hash: Data, since time: Timestamp, at now: Timestamp) async throws -> Bool {
        let lapsed = now.advanced(by: -RefreshableSession.claimLifetime)
        return try await write { db, _ in
            try !db.rows(
                """
                UPDATE sessions SET refresh_claimed_at = $1 WHERE hash = $2 AND refresh IS NOT NULL
                AND refreshed_at <= $3 AND coalesce(refresh_claimed_at, 0) <= $4 RETURNING user_name
                """, now, hash, time, lapsed
            ) { try $0.text("user_name") }.isEmpty
        }
    }

    public func releaseRefresh(ofSession hash: Data, claim: Timestamp) async throws {
        try await write { db, _ in
            db.run(
                "UPDATE sessions SET refresh_claimed_at = NULL WHERE hash = $1 AND refresh_claimed_at = $2", hash,
                claim)
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
                WHERE s.hash = $1 AND s.refresh_claimed_at = $2 FOR UPDATE
                """, hash, claim
            ).map { try UserRow(stored: $0) }
            // The session ended meanwhile, or another node has claimed it.
            guard let before else { return GroupsChange() }
            db.run(
                "UPDATE sessions SET refresh = $1, refreshed_at = $2, refresh_claimed_at = NULL WHERE hash = $3",
                refresh, now, hash)
            db.run("UPDATE users SET groups = $1, groups_at = $2 WHERE id = $3", stored, now, before.id)
            return GroupsChange(from: try before.user().groups, to: groups)
        }
    }

    public func endRefusedSession(hash: Data, claim: Timestamp?) async throws -> Bool {
        try await write { db, _ in
            let session = try db.row(
                "SELECT user_name, refresh_claimed_at FROM sessions WHERE hash = $1 FOR UPDATE", hash)
            guard let session else { return false }
            if let claim, try session.optionalTime("refresh_claimed_at") != claim { return false }
            db.run(
                "UPDATE users SET groups = '[]', groups_at = NULL WHERE name = $1", try session.text("user_name"))
            db.run("DELETE FROM sessions WHERE hash = $1", hash)
            return true
        }
    }

    public func recordUse(tokens: [Data: Timestamp], sessions: [Data: Timestamp]) async throws {
        try await write { db, _ in
            // In one order, so that two nodes don't wait for each other.
            for (hash, time) in tokens.sorted(by: { $0.key.hexadecimal < $1.key.hexadecimal }) {
                db.run(
                    "UPDATE api_tokens SET last_used_at = $1 WHERE hash = $2 AND coalesce(last_used_at, 0) < $1", time,
                    hash)
                db.run(
                    """
                    UPDATE users SET last_seen_at = $1 WHERE coalesce(last_seen_at, 0) < $1
                    AND name = (SELECT owner FROM api_tokens WHERE hash = $2)
                    """, time, hash)
            }
            for (hash, time) in sessions.sorted(by: { $0.key.hexadecimal < $1.key.hexadecimal }) {
                db.run(
                    "UPDATE sessions SET last_used_at = $1 WHERE hash = $2 AND coalesce(last_used_at, 0) < $1", time,
                    hash)
                db.run(
                    """
                    UPDATE users SET last_seen_at = $1 WHERE coalesce(last_seen_at, 0) < $1
                    AND name = (SELECT user_name FROM sessions WHERE hash = $2)
                    """, time, hash)
            }
        }
    }
}

// MARK: - Revocation

extension PostgresStore {
    public func accessEntry(_ id: String) async throws -> AccessEntry? {
        try await read { db in try Self.entry(id, db) }
    }

    public func revokeAccess(_ id: String) async throws -> AccessEntry? {
        try await write(completing: AuditCompletion { entry, _ in entry != nil }) { db, _ in
            guard let entry = try Self.entry(id, db) else { return nil }
            Self.delete(entry, db)
            return entry
        }
    }

    public func revokeAllAccess(exceptToken name: String, keeping ids: Set<String>) async throws -> [AccessEntry] {
        try await write { db, _ in
            let entries = try AccessTable.allCases.flatMap { try Self.entries($0, db) }
                .filter { !$0.outlivesRevocation(exceptToken: name, keeping: ids) }
            for entry in entries { Self.delete(entry, db) }
            return entries
        }
    }

    public func deleteExpiredAccess(at now: Timestamp) async throws {
        try await write { db, _ in
            db.run("DELETE FROM sign_in_links WHERE expires_at <= $1", now)
            db.run("DELETE FROM sessions WHERE expires_at <= $1", now)
            CommitKeys.deleteOld(db)
            NodeRows.deleteOld(db)
        }
    }

    /// Deletes what a user can get in with.
    static func endAccess(of user: String, _ ended: EndedAccess, _ db: Database) throws -> [AccessEntry] {
        let entries = try AccessTable.allCases.flatMap { try Self.entries($0, of: user, db) }.filter(ended.includes)
        for entry in entries { delete(entry, db) }
        return entries
    }

    private static func delete(_ entry: AccessEntry, _ db: Database) {
        db.run("DELETE FROM \(AccessTable(entry.kind).rawValue) WHERE hash = $1", entry.hash)
    }

    private static func entry(_ id: String, _ db: Database) throws -> AccessEntry? {
        guard let hashes = AccessEntry.hashes(ofID: id) else { return nil }
        for table in AccessTable.allCases {
            let row = try db.row(
                "SELECT * FROM \(table.rawValue) WHERE hash BETWEEN $1 AND $2 LIMIT 1", hashes.first, hashes.last)
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
            "SELECT * FROM \(table.rawValue) WHERE \(table.owner) = $1 ORDER BY \(table.order)", user, make: make)
    }
}
