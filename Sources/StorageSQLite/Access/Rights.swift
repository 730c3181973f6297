public import Domain
internal import Foundation
internal import GRDB
public import Storage

extension SQLiteStore {
    public func rights(of account: Account) async throws -> Rights {
        let own = GrantPrincipal(account)
        let held = try await read { db in
            guard account.kind == .user else {
                return try db.rows(
                    "SELECT * FROM grants WHERE principal = ?", own.description, make: Rights.Held.init(stored:))
            }
            let groups = String(decoding: try JSONEncoder().encode(account.groups.sorted()), as: UTF8.self)
            return try db.rows(Self.heldSQL, own.description, account.name, groups, make: Rights.Held.init(stored:))
        }
        return Rights(held, scopes: account.scopes)
    }

    static let heldSQL = """
        SELECT role, scope, principal FROM grants WHERE principal = ?1
        UNION ALL
        SELECT role, scope, principal FROM grants WHERE principal IN (
            SELECT 'team:' || team FROM team_members WHERE user_name = ?2
            UNION
            SELECT 'team:' || name FROM teams WHERE idp_group IN (SELECT value FROM json_each(?3)))
        """

    public func vines(in visible: VisibleVines) async throws -> Set<VineID> {
        Set(
            try await read { db in
                try db.rows(
                    """
                    SELECT id FROM vines WHERE ?1 OR vineyard_id IN (SELECT value FROM json_each(?2))
                        OR id IN (SELECT value FROM json_each(?3))
                    """, visible.isAll, visible.vineyardList, visible.vineList
                ) { try $0.id("id") }
            })
    }

    public func vineyard(of vine: VineID) async throws -> VineyardID? {
        try await read { db in
            try db.row("SELECT vineyard_id FROM vines WHERE id = ?", vine.rawValue)?.id("vineyard_id")
        }
    }

    public func vine(of job: JobID) async throws -> (vine: VineID, vineyard: VineyardID)? {
        try await read { db in
            try db.row("SELECT vine_id, vineyard_id FROM provision_jobs WHERE id = ?", job.rawValue).map { row in
                (try row.id("vine_id"), try row.id("vineyard_id"))
            }
        }
    }

    // MARK: - Grants

    public func grants(_ query: GrantQuery, limit: Int, cursor: String?) async throws -> Page<Grant> {
        let limit = PageLimit.clamped(limit)
        let cursor = try cursor.map { try PageCursor($0) }
        let scopes = try query.scopes.map {
            String(decoding: try JSONEncoder().encode($0.map(\.description)), as: UTF8.self)
        }
        let found = try await read { db in
            try db.rows(
                """
                SELECT * FROM grants WHERE (?1 IS NULL OR principal = ?1) AND (?2 IS NULL OR role = ?2)
                AND (?3 IS NULL OR scope IN (SELECT value FROM json_each(?3)))
                AND (created_at, id) < (?4, ?5) ORDER BY created_at DESC, id DESC LIMIT ?6
                """, query.principal?.description, query.role?.rawValue, scopes,
                cursor?.createdAt.milliseconds ?? .max, cursor?.id ?? "", limit + 1, make: Grant.init(stored:))
        }
        return Page(found, limit: limit) { PageCursor(createdAt: $0.createdAt, id: $0.id.rawValue) }
    }

    public func grant(_ id: GrantID) async throws -> Grant? {
        try await read { db in try Grant.find(id, db) }
    }

    public func createGrant(_ grant: Grant) async throws -> Grant {
        try await write { db, _ in
            try Self.checkPlaces(of: grant, db)
            let same = try db.row(
                "SELECT * FROM grants WHERE principal = ? AND role = ? AND scope = ?", grant.principal.description,
                grant.role.rawValue, grant.scope.description
            ).map(Grant.init(stored:))
            if let same {
                try db.run("UPDATE grants SET automatic = 0 WHERE id = ?", same.id.rawValue)
                var kept = same
                kept.isAutomatic = false
                return kept
            }
            if RightsRules.replacesAutomatic(grant) {
                try db.run(
                    "DELETE FROM grants WHERE principal = ? AND automatic = 1", grant.principal.description)
            }
            guard try db.row("SELECT count(*) AS n FROM grants")?.int("n") ?? 0 < RightsLimits.grants else {
                throw RightsRules.tooMany("grants", RightsLimits.grants)
            }
            try grant.insert(db)
            return grant
        }
    }

    private static func checkPlaces(of grant: Grant, _ db: Database) throws {
        if grant.principal.kind == .team,
            try !db.exists("SELECT 1 FROM teams WHERE name = ?", grant.principal.name)
        {
            throw Refusal.notFound("team")
        }
        switch grant.scope {
        case .installation: break
        case .vineyard(let id):
            guard try db.exists("SELECT 1 FROM vineyards WHERE id = ?", id.rawValue) else {
                throw Refusal.notFound("vineyard")
            }
        case .vine(let id):
            guard try db.exists("SELECT 1 FROM vines WHERE id = ? AND deleted_at IS NULL", id.rawValue) else {
                throw Refusal.notFound("vine")
            }
        }
    }

    public func revokeGrant(_ id: GrantID) async throws {
        try await write { db, _ in
            guard let grant = try Grant.find(id, db) else { throw Refusal.notFound("grant") }
            try RightsRules.checkRevocation(of: grant)
            try db.run("DELETE FROM grants WHERE id = ?", id.rawValue)
        }
    }

    public func removeRights(of principal: GrantPrincipal) async throws {
        guard principal != Grant.admin else { return }
        try await write { db, _ in
            try db.run("DELETE FROM grants WHERE principal = ?", principal.description)
            if principal.kind == .user { try db.run("DELETE FROM team_members WHERE user_name = ?", principal.name) }
        }
    }

    @discardableResult
    public func admit(_ name: String, id: GrantID, at now: Timestamp) async throws -> Bool {
        let principal = GrantPrincipal(.user, name)
        return try await write(completing: AuditCompletion { isMade, _ in isMade }) { db, _ in
            let isUsed = try db.exists(
                "SELECT 1 FROM grants WHERE automatic = 0 AND principal <> ?", Grant.admin.description)
            let isKnown = try db.exists("SELECT 1 FROM grants WHERE principal = ?", principal.description)
            guard !isUsed, !isKnown else { return false }
            try Grant(
                id: id, principal: principal, role: .admin, scope: .installation, createdBy: Grant.admin.name,
                createdAt: now, isAutomatic: true
            ).insert(db)
            return true
        }
    }

    // MARK: - Teams

    public func teams() async throws -> [Team] {
        try await read { db in
            let rows = try db.rows("SELECT team, user_name FROM team_members") { row in
                (team: try row.text("team"), name: try row.text("user_name"))
            }
            let members = Dictionary(grouping: rows, by: \.team).mapValues { Set($0.map(\.name)) }
            return try db.rows("SELECT * FROM teams ORDER BY name") { row in
                let name = try row.text("name")
                return try Team(stored: row, members: members[name] ?? [])
            }
        }
    }

    public func createTeam(_ team: Team) async throws {
        try await write { db, _ in
            guard try !db.exists("SELECT 1 FROM teams WHERE name = ?", team.name) else {
                throw RightsRules.taken("team", team.name)
            }
            guard try db.row("SELECT count(*) AS n FROM teams")?.int("n") ?? 0 < RightsLimits.teams else {
                throw RightsRules.tooMany("teams", RightsLimits.teams)
            }
            try db.run(
                "INSERT INTO teams (name, idp_group, created_by, created_at) VALUES (?, ?, ?, ?)", team.name,
                team.group, team.createdBy, team.createdAt.milliseconds)
            try Self.setMembers(team.members, of: team.name, db)
        }
    }

    public func updateTeam(_ name: String, group: String?, members: Set<String>) async throws -> Team {
        try await write { db, _ in
            guard let row = try db.row("SELECT * FROM teams WHERE name = ?", name) else {
                throw Refusal.notFound("team")
            }
            var team = try Team(stored: row, members: members)
            team.group = group
            try db.run("UPDATE teams SET idp_group = ? WHERE name = ?", group, name)
            try Self.setMembers(members, of: name, db)
            return team
        }
    }

    private static func setMembers(_ members: Set<String>, of team: String, _ db: Database) throws {
        try db.run("DELETE FROM team_members WHERE team = ?", team)
        for name in members.sorted() {
            try db.run("INSERT INTO team_members (team, user_name) VALUES (?, ?)", team, name)
        }
    }

    public func addMember(_ user: String, toTeam name: String) async throws {
        try await write { db, _ in
            guard try db.exists("SELECT 1 FROM teams WHERE name = ?", name) else { throw Refusal.notFound("team") }
            guard try !db.exists("SELECT 1 FROM team_members WHERE team = ? AND user_name = ?", name, user) else {
                return
            }
            let count = try db.row("SELECT count(*) AS n FROM team_members WHERE team = ?", name)?.int("n") ?? 0
            guard count < RightsLimits.members else { throw RightsRules.tooMany("members", RightsLimits.members) }
            try db.run("INSERT INTO team_members (team, user_name) VALUES (?, ?)", name, user)
        }
    }

    public func deleteTeam(_ name: String) async throws {
        try await write { db, _ in
            guard try db.exists("SELECT 1 FROM teams WHERE name = ?", name) else { throw Refusal.notFound("team") }
            try db.run("DELETE FROM grants WHERE principal = ?", GrantPrincipal(.team, name).description)
            try db.run("DELETE FROM team_members WHERE team = ?", name)
            try db.run("DELETE FROM teams WHERE name = ?", name)
        }
    }

    // MARK: - Vineyards

    public func vineyards() async throws -> [Vineyard] {
        try await read { db in try db.rows("SELECT * FROM vineyards ORDER BY name, id", make: Vineyard.init(stored:)) }
    }

    public func vineyard(_ id: VineyardID) async throws -> Vineyard? {
        try await read { db in try Vineyard.find(id, db) }
    }

    public func createVineyard(_ vineyard: Vineyard) async throws {
        try await write { db, _ in
            try Self.requireFreeName(vineyard.name, of: vineyard.id, db)
            guard try db.row("SELECT count(*) AS n FROM vineyards")?.int("n") ?? 0 < RightsLimits.vineyards else {
                throw RightsRules.tooMany("vineyards", RightsLimits.vineyards)
            }
            try db.run(
                "INSERT INTO vineyards (id, name, created_by, created_at) VALUES (?, ?, ?, ?)", vineyard.id.rawValue,
                vineyard.name, vineyard.createdBy, vineyard.createdAt.milliseconds)
        }
    }

    private static func requireFreeName(_ name: String, of id: VineyardID, _ db: Database) throws {
        guard try !db.exists("SELECT 1 FROM vineyards WHERE name = ? AND id <> ?", name, id.rawValue) else {
            throw RightsRules.taken("vineyard", name)
        }
    }

    public func renameVineyard(_ id: VineyardID, to name: String) async throws -> Vineyard {
        try await write { db, _ in
            guard var vineyard = try Vineyard.find(id, db) else { throw Refusal.notFound("vineyard") }
            try Self.requireFreeName(name, of: id, db)
            vineyard.name = name
            try db.run("UPDATE vineyards SET name = ? WHERE id = ?", name, id.rawValue)
            return vineyard
        }
    }

    public func deleteVineyard(_ id: VineyardID) async throws {
        try await write { db, _ in
            guard try Vineyard.find(id, db) != nil else { throw Refusal.notFound("vineyard") }
            guard id != Vineyard.defaultID else {
                throw Refusal(.conflict, "The default vineyard can't be deleted.")
            }
            guard try !db.exists("SELECT 1 FROM vines WHERE vineyard_id = ?", id.rawValue) else {
                throw Refusal(.conflict, "The vineyard has vines, or had some. Move them to another vineyard first.")
            }
            guard try !db.exists("SELECT 1 FROM worker_vineyards WHERE vineyard_id = ?", id.rawValue) else {
                throw Refusal(.conflict, "A Tendril is bound to the vineyard. Bind it to another one first.")
            }
            guard try !db.exists("SELECT 1 FROM cloud_identities WHERE vineyard_id = ?", id.rawValue) else {
                throw Refusal(.conflict, "The vineyard has cloud identities. Delete them first.")
            }
            try db.run("DELETE FROM grants WHERE scope = ?", GrantScope.vineyard(id).description)
            try db.run("DELETE FROM vineyards WHERE id = ?", id.rawValue)
        }
    }
}

extension Vineyard {
    static func find(_ id: VineyardID, _ db: Database) throws -> Vineyard? {
        try db.row("SELECT * FROM vineyards WHERE id = ?", id.rawValue).map(Vineyard.init(stored:))
    }

    /// - Throws: ``Refusal`` `.notFound`.
    static func require(_ id: VineyardID, _ db: Database) throws {
        guard try find(id, db) != nil else { throw Refusal.notFound("vineyard") }
    }
}

extension Grant {
    fileprivate static func find(_ id: GrantID, _ db: Database) throws -> Grant? {
        try db.row("SELECT * FROM grants WHERE id = ?", id.rawValue).map(Grant.init(stored:))
    }

    fileprivate func insert(_ db: Database) throws {
        try db.run(
            """
            INSERT INTO grants (id, principal, role, scope, created_by, created_at, automatic)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """, id.rawValue, principal.description, role.rawValue, scope.description, createdBy,
            createdAt.milliseconds, isAutomatic)
    }
}
