public import Domain
public import Foundation
internal import Postgres
public import Storage

extension PostgresStore {
    public func createUser(_ user: User) async throws {
        let row = try UserRow(user)
        try await write { db, _ in
            do {
                try row.create(db)
            } catch let error as PostgresError where error.isUniqueViolation {
                throw Refusal.nameTaken(user.name)
            }
        }
    }

    public func user(_ id: UserID) async throws -> User? {
        try await readOnce { db in try UserRow.find(id, db) }?.user()
    }

    public func user(named name: String) async throws -> User? {
        let row = try await readOnce { db in try UserRow.find(named: name, db) }
        return row?.removedAt == nil ? try row?.user() : nil
    }

    public func users(
        matching text: String, kind: Account.Kind?, limit: Int, cursor: String?
    ) async throws -> Page<User> {
        let limit = PageLimit.clamped(limit)
        let after = try cursor.map { cursor in
            guard let id = UserID(cursor) else { throw Refusal.badCursor() }
            return id
        }
        let rows = try await read { db in
            var start = ""
            if let after {
                guard let row = try db.row("SELECT name_folded FROM users WHERE id = $1", after) else {
                    throw Refusal.badCursor()
                }
                start = try row.text("name_folded")
            }
            return try db.rows(
                """
                SELECT * FROM users WHERE removed_at IS NULL AND name_folded > $1 AND ($2 = '' OR kind = $2)
                AND strpos(name_folded, $3) > 0 ORDER BY name_folded LIMIT $4
                """, start, kind?.rawValue ?? "", UserRow.folded(text), limit + 1,
                make: UserRow.init(stored:))
        }
        let items = try rows.prefix(limit).map { try $0.user() }
        return Page(items: items, next: rows.count > limit ? items.last?.id.rawValue : nil)
    }

    public func overviews(of users: [User], at now: Timestamp) async throws -> [UserID: UserOverview] {
        let names = PostgresValue.texts(users.map(\.name))
        let groups = PostgresValue.texts(Set(users.flatMap { $0.groups(at: now) }).sorted())
        return try await read { db in
            let members = try db.rows("SELECT team, user_name FROM team_members WHERE user_name = ANY($1)", names) {
                row in
                (team: try row.text("team"), user: try row.text("user_name"))
            }
            let teams = try db.rows("SELECT name, idp_group FROM teams WHERE idp_group = ANY($1)", groups) { row in
                (team: try row.text("name"), group: try row.text("idp_group"))
            }
            let tokens = try db.rows(
                "SELECT owner, count(*) AS n FROM api_tokens WHERE owner = ANY($1) GROUP BY owner", names
            ) { row in (try row.text("owner"), try row.int("n")) }
            let invitations = try db.rows(
                """
                SELECT user_name, max(expires_at) AS expires_at FROM sign_in_links
                WHERE kind = 'invitation' AND user_name = ANY($1) AND expires_at > $2 GROUP BY user_name
                """, names, now
            ) { row in (try row.text("user_name"), try row.time("expires_at")) }
            return try UserOverview.of(
                users, at: now, members: members, groups: teams, tokens: Dictionary(uniqueKeysWithValues: tokens),
                invitations: Dictionary(uniqueKeysWithValues: invitations)
            ) { principals in
                try db.rows(
                    "SELECT * FROM grants WHERE principal = ANY($1) ORDER BY created_at, id",
                    PostgresValue.texts(principals.map(\.description)), make: Rights.Held.init(stored:))
            }
        }
    }

    public func signIn(
        _ identity: ExternalIdentity, names: [String], groups: [String], newID: UserID, at now: Timestamp
    ) async throws -> User {
        let groups = try StoredJSON.encode(groups)
        return try await write { db, _ in
            if var row = try UserRow.find(identity, db) {
                guard row.isActive else { throw Refusal.notAdmitted(isRemoved: row.removedAt != nil) }
                (row.groups, row.groupsAt, row.lastSeenAt) = (groups, now, now)
                db.run(
                    "UPDATE users SET groups = $1, groups_at = $2, last_seen_at = $3 WHERE id = $4", groups,
                    now, now, row.id)
                return try row.user()
            }
            UserRow.lockNames(db)
            // Another node may have created it meanwhile.
            if let row = try UserRow.find(identity, db), row.isActive { return try row.user() }
            for name in UserNames.candidates(names, subject: identity.subject)
            where try UserRow.find(named: name, db) == nil {
                let row = UserRow(
                    id: newID, name: name, kind: .user, issuer: identity.issuer, subject: identity.subject,
                    password: nil, groups: groups, groupsAt: now, createdBy: name, createdAt: now, lastSeenAt: now,
                    disabledAt: nil, removedAt: nil)
                try row.insert(db)
                return try row.user()
            }
            throw Refusal(.conflict, "No name is free for this account.")
        }
    }

    public func password(ofUser name: String) async throws -> (name: String, encoded: String)? {
        let row = try await readOnce { db in try UserRow.find(named: name, db) }
        guard let row, row.isActive, row.kind == .user, let password = row.password else { return nil }
        return (row.name, password)
    }

    public func setPassword(
        _ encoded: String?, ofUser name: String, keepingSession session: Data?
    ) async throws -> [AccessEntry] {
        try await write { db, _ in
            guard let row = try UserRow.find(named: name, db), row.isActive, row.kind == .user else {
                throw Refusal.noUser()
            }
            db.run("UPDATE users SET password = $1 WHERE id = $2", encoded, row.id)
            return try Self.endAccess(of: row.name, .newPassword(keeping: session), db)
        }
    }

    public func setDisabled(_ isDisabled: Bool, user id: UserID, at now: Timestamp) async throws -> [AccessEntry] {
        try await write { db, _ in
            let row = try UserRow.require(id, db)
            guard !isDisabled || row.nameFolded != User.administrator else {
                throw Refusal.keepsAdministrator("disabled")
            }
            db.run(
                "UPDATE users SET disabled_at = $1 WHERE id = $2", isDisabled ? now : Timestamp?.none, id)
            return isDisabled ? try Self.endAccess(of: row.name, .disabled, db) : []
        }
    }

    public func removeUser(_ id: UserID, at now: Timestamp) async throws -> [AccessEntry] {
        try await write { db, _ in
            let row = try UserRow.require(id, db)
            guard row.nameFolded != User.administrator else { throw Refusal.keepsAdministrator("removed") }
            db.run(
                "UPDATE users SET removed_at = $1, password = NULL, groups = '[]', groups_at = NULL WHERE id = $2",
                now, id)
            return try Self.endAccess(of: row.name, .removed, db)
        }
    }
}

extension UserRow {
    /// nil for an unknown or removed user.
    static func find(_ id: UserID, _ db: Database) throws -> UserRow? {
        try db.row("SELECT * FROM users WHERE id = $1 AND removed_at IS NULL", id).map(UserRow.init(stored:))
    }

    static func require(_ id: UserID, _ db: Database) throws -> UserRow {
        guard let row = try find(id, db) else { throw Refusal.noUser() }
        return row
    }

    /// Also a removed one.
    static func find(named name: String, _ db: Database) throws -> UserRow? {
        try db.row("SELECT * FROM users WHERE name_folded = $1", folded(name)).map(UserRow.init(stored:))
    }

    /// Also a removed one.
    static func find(_ identity: ExternalIdentity, _ db: Database) throws -> UserRow? {
        try db.row("SELECT * FROM users WHERE issuer = $1 AND subject = $2", identity.issuer, identity.subject)
            .map(UserRow.init(stored:))
    }

    /// Creates a local user, or brings back a removed one of this name.
    func create(_ db: Database) throws {
        if let other = try Self.find(named: name, db) {
            guard other.removedAt != nil, other.issuer == nil, issuer == nil else { throw Refusal.nameTaken(name) }
            db.run("DELETE FROM users WHERE id = $1", other.id)
        }
        try insert(db)
    }

    func insert(_ db: Database) throws {
        try db.execute(
            """
            INSERT INTO users (id, name, name_folded, kind, issuer, subject, password, groups, groups_at, created_by,
                created_at, last_seen_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
            """, id, name, nameFolded, kind.rawValue, issuer, subject, password, groups,
            groupsAt, createdBy, createdAt, lastSeenAt)
    }

    /// The user of that name, who is created if there is none; nil if the account does not work.
    static func admitted(_ name: String, newID: UserID, at now: Timestamp, _ db: Database) throws -> UserRow? {
        if let row = try find(named: name, db) { return row.isActive ? row : nil }
        lockNames(db)
        if let row = try find(named: name, db) { return row.isActive ? row : nil }
        let row = first(name, id: newID, at: now)
        try row.insert(db)
        return row
    }

    /// Lets one transaction at a time choose a name. The commit gives the lock back.
    static func lockNames(_ db: Database) {
        // "users" in ASCII.
        db.run("SELECT pg_advisory_xact_lock(504984760947)")
    }
}
