public import Domain
public import Foundation
internal import GRDB
public import Storage

extension SQLiteStore {
    public func createUser(_ user: User) async throws {
        try await write { db, _ in try UserRow(user).create(db) }
    }

    public func user(_ id: UserID) async throws -> User? {
        try await read { db in try UserRow.find(id, db) }?.user()
    }

    public func user(named name: String) async throws -> User? {
        let row = try await read { db in try UserRow.find(named: name, db) }
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
                guard let row = try db.row("SELECT name_folded FROM users WHERE id = ?", after.rawValue) else {
                    throw Refusal.badCursor()
                }
                start = try row.text("name_folded")
            }
            return try db.rows(
                """
                SELECT * FROM users WHERE removed_at IS NULL AND name_folded > ? AND (? = '' OR kind = ?)
                AND instr(name_folded, ?) > 0 ORDER BY name_folded LIMIT ?
                """, start, kind?.rawValue ?? "", kind?.rawValue ?? "", UserRow.folded(text), limit + 1,
                make: UserRow.init(stored:))
        }
        let items = try rows.prefix(limit).map { try $0.user() }
        return Page(items: items, next: rows.count > limit ? items.last?.id.rawValue : nil)
    }

    public func overviews(of users: [User], at now: Timestamp) async throws -> [UserID: UserOverview] {
        let names = try StoredJSON.encode(users.map(\.name))
        let groups = try StoredJSON.encode(Set(users.flatMap { $0.groups(at: now) }).sorted())
        return try await read { db in
            let members = try db.rows(
                "SELECT team, user_name FROM team_members WHERE user_name IN (SELECT value FROM json_each(?))", names
            ) { row in
                (team: try row.text("team"), user: try row.text("user_name"))
            }
            let teams = try db.rows(
                "SELECT name, idp_group FROM teams WHERE idp_group IN (SELECT value FROM json_each(?))", groups
            ) { row in
                (team: try row.text("name"), group: try row.text("idp_group"))
            }
            let tokens = try db.rows(
                "SELECT owner, count(*) AS n FROM api_tokens WHERE owner IN (SELECT value FROM json_each(?)) GROUP BY owner",
                names
            ) { row in (try row.text("owner"), try row.int("n")) }
            let invitations = try db.rows(
                """
                SELECT user_name, max(expires_at) AS expires_at FROM sign_in_links
                WHERE kind = 'invitation' AND user_name IN (SELECT value FROM json_each(?)) AND expires_at > ? GROUP BY user_name
                """, names, now.milliseconds
            ) { row in (try row.text("user_name"), try row.time("expires_at")) }
            return try UserOverview.of(
                users, at: now, members: members, groups: teams, tokens: Dictionary(uniqueKeysWithValues: tokens),
                invitations: Dictionary(uniqueKeysWithValues: invitations)
            ) { principals in
                try db.rows(
                    "SELECT * FROM grants WHERE principal IN (SELECT value FROM json_each(?)) ORDER BY created_at, id",
                    StoredJSON.encode(principals.map(\.description)), make: Rights.Held.init(stored:))
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
                try db.run(
                    "UPDATE users SET groups = ?, groups_at = ?, last_seen_at = ? WHERE id = ?", groups,
                    now.milliseconds, now.milliseconds, row.id.rawValue)
                return try row.user()
            }
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
        let row = try await read { db in try UserRow.find(named: name, db) }
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
            try db.run("UPDATE users SET password = ? WHERE id = ?", encoded, row.id.rawValue)
            return try Self.endAccess(of: row.name, .newPassword(keeping: session), db)
        }
    }

    public func setDisabled(_ isDisabled: Bool, user id: UserID, at now: Timestamp) async throws -> [AccessEntry] {
        try await write { db, _ in
            let row = try UserRow.require(id, db)
            guard !isDisabled || row.nameFolded != User.administrator else {
                throw Refusal.keepsAdministrator("disabled")
            }
            try db.run(
                "UPDATE users SET disabled_at = ? WHERE id = ?", isDisabled ? now.milliseconds : nil, id.rawValue)
            return isDisabled ? try Self.endAccess(of: row.name, .disabled, db) : []
        }
    }

    public func removeUser(_ id: UserID, at now: Timestamp) async throws -> [AccessEntry] {
        try await write { db, _ in
            let row = try UserRow.require(id, db)
            guard row.nameFolded != User.administrator else { throw Refusal.keepsAdministrator("removed") }
            try db.run(
                "UPDATE users SET removed_at = ?, password = NULL, groups = '[]', groups_at = NULL WHERE id = ?",
                now.milliseconds, id.rawValue)
            return try Self.endAccess(of: row.name, .removed, db)
        }
    }
}

extension UserRow {
    /// nil for an unknown or removed user.
    static func find(_ id: UserID, _ db: Database) throws -> UserRow? {
        try db.row("SELECT * FROM users WHERE id = ? AND removed_at IS NULL", id.rawValue).map(UserRow.init(stored:))
    }

    static func require(_ id: UserID, _ db: Database) throws -> UserRow {
        guard let row = try find(id, db) else { throw Refusal.noUser() }
        return row
    }

    /// Also a removed one.
    static func find(named name: String, _ db: Database) throws -> UserRow? {
        try db.row("SELECT * FROM users WHERE name_folded = ?", folded(name)).map(UserRow.init(stored:))
    }

    /// Also a removed one.
    static func find(_ identity: ExternalIdentity, _ db: Database) throws -> UserRow? {
        try db.row("SELECT * FROM users WHERE issuer = ? AND subject = ?", identity.issuer, identity.subject)
            .map(UserRow.init(stored:))
    }

    /// Creates a local user, or brings back a removed one of this name.
    func create(_ db: Database) throws {
        if let other = try Self.find(named: name, db) {
            guard other.removedAt != nil, other.issuer == nil, issuer == nil else { throw Refusal.nameTaken(name) }
            try db.run("DELETE FROM users WHERE id = ?", other.id.rawValue)
        }
        try insert(db)
    }

    func insert(_ db: Database) throws {
        try db.run(
            """
            INSERT INTO users (id, name, name_folded, kind, issuer, subject, password, groups, groups_at, created_by,
                created_at, last_seen_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, id.rawValue, name, nameFolded, kind.rawValue, issuer, subject, password, groups,
            groupsAt?.milliseconds, createdBy, createdAt.milliseconds, lastSeenAt?.milliseconds)
    }

    /// The user of that name, who is created if there is none; nil if the account does not work.
    static func admitted(_ name: String, newID: UserID, at now: Timestamp, _ db: Database) throws -> UserRow? {
        if let row = try find(named: name, db) { return row.isActive ? row : nil }
        let row = first(name, id: newID, at: now)
        try row.insert(db)
        return row
    }
}
