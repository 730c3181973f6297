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
            return try Self.endAccess(of: row.name, [.session], keeping: session, db)
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
            return isDisabled
                ? try Self.endAccess(of: row.name, [.session, .link, .invitation, .login], keeping: nil, db) : []
        }
    }

    public func removeUser(_ id: UserID, at now: Timestamp) async throws -> [AccessEntry] {
        try await write { db, _ in
            let row = try UserRow.require(id, db)
            guard row.nameFolded != User.administrator else { throw Refusal.keepsAdministrator("removed") }
            try db.run(
                "UPDATE users SET removed_at = ?, password = NULL, groups = '[]', groups_at = NULL WHERE id = ?",
                now.milliseconds, id.rawValue)
            return try Self.endAccess(of: row.name, AccessEntry.Kind.allCases, keeping: nil, db)
        }
    }
}

extension UserRow {
    init(stored row: Row) throws {
        self.init(
            id: try row.id("id"), name: try row.text("name"), kind: try row.name("kind"),
            issuer: row.optionalText("issuer"), subject: row.optionalText("subject"),
            password: row.optionalText("password"), groups: try row.text("groups"),
            groupsAt: row.optionalTime("groups_at"), createdBy: try row.text("created_by"),
            createdAt: try row.time("created_at"), lastSeenAt: row.optionalTime("last_seen_at"),
            disabledAt: row.optionalTime("disabled_at"), removedAt: row.optionalTime("removed_at"))
    }

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
