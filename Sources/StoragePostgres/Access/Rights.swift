public import Domain
internal import Postgres
public import Storage

extension PostgresStore {
    public func rights(of account: Account) async throws -> Rights {
        let own = GrantPrincipal(account)
        let held = try await readOnce { db in
            guard account.kind == .user else {
                return try db.rows(
                    "SELECT * FROM grants WHERE principal = $1", own.description, make: Rights.Held.init(stored:))
            }
            let groups = PostgresValue.texts(account.groups.sorted())
            return try db.rows(Self.heldSQL, own.description, account.name, groups, make: Rights.Held.init(stored:))
        }
        return Rights(held, scopes: account.scopes)
    }

    static let heldSQL = """
        SELECT role, scope, principal FROM grants WHERE principal = $1
        UNION ALL
        SELECT role, scope, principal FROM grants WHERE principal IN (
            SELECT 'team:' || team FROM team_members WHERE user_name = $2
            UNION
            SELECT 'team:' || name FROM teams WHERE idp_group = ANY($3))
        """

    public func vines(in visible: VisibleVines) async throws -> Set<VineID> {
        Set(
            try await readOnce { db in
                try db.rows(
                    "SELECT id FROM vines WHERE $1 OR vineyard_id = ANY($2) OR id = ANY($3)", visible.isAll,
                    visible.vineyardValue, visible.vineValue
                ) { try $0.id("id") }
            })
    }

    public func vineyard(of vine: VineID) async throws -> VineyardID? {
        try await readOnce { db in
            try db.row("SELECT vineyard_id FROM vines WHERE id = $1", vine)?.id("vineyard_id")
        }
    }

    public func vine(of job: JobID) async throws -> (vine: VineID, vineyard: VineyardID)? {
        try await readOnce { db in
            try db.row("SELECT vine_id, vineyard_id FROM provision_jobs WHERE id = $1", job).map { row in
                (try row.id("vine_id"), try row.id("vineyard_id"))
            }
        }
    }

    /// Rights change rarely, and one after the other: what is checked stays true until the commit.
    static func lockRights(_ db: Database) {
        // "vine" and "acls" in ASCII.
        db.run("SELECT pg_advisory_xact_lock(1986621029, 1633905779)")
    }

    // MARK: - Grants

    public func grants(_ query: GrantQuery, limit: Int, cursor: String?) async throws -> Page<Grant> {
        let limit = PageLimit.clamped(limit)
        let cursor = try cursor.map { try PageCursor($0) }
        let scopes = PostgresValue.texts((query.scopes ?? []).map(\.description))
        let found = try await readOnce { db in
            try db.rows(
                """
                SELECT * FROM grants WHERE ($1::text IS NULL OR principal = $1) AND ($2::text IS NULL OR role = $2)
                AND ($7 OR scope = ANY($3))
                AND (created_at, id) < ($4, $5) ORDER BY created_at DESC, id DESC LIMIT $6
                """, query.principal?.description, query.role?.rawValue, scopes,
                cursor.time, cursor.uuid, limit + 1, query.scopes == nil, make: Grant.init(stored:))
        }
        return Page(found, limit: limit) { PageCursor(createdAt: $0.createdAt, id: $0.id.rawValue) }
    }

    public func grant(_ id: GrantID) async throws -> Grant? {
        try await readOnce { db in try Grant.find(id, db) }
    }

    public func createGrant(_ grant: Grant) async throws -> Grant {
        try await write { db, _ in
            Self.lockRights(db)
            try Self.checkPlaces(of: grant, db)
            let same = try db.row(
                "SELECT * FROM grants WHERE principal = $1 AND role = $2 AND scope = $3", grant.principal.description,
                grant.role.rawValue, grant.scope.description
            ).map(Grant.init(stored:))
            if let same {
                db.run("UPDATE grants SET automatic = false WHERE id = $1", same.id)
                var kept = same
                kept.isAutomatic = false
                return kept
            }
            if RightsRules.replacesAutomatic(grant) {
                db.run(
                    "DELETE FROM grants WHERE principal = $1 AND automatic", grant.principal.description)
            }
            guard try db.row("SELECT count(*) AS n FROM grants")?.int("n") ?? 0 < RightsLimits.grants else {
                throw RightsRules.tooMany("grants", RightsLimits.grants)
            }
            grant.insert(db)
            return grant
        }
    }

    private static func checkPlaces(of grant: Grant, _ db: Database) throws {
        if grant.principal.kind == .team,
            try !db.exists("SELECT 1 FROM teams WHERE name = $1", grant.principal.name)
        {
            throw Refusal.notFound("team")
        }
        switch grant.scope {
        case .installation: break
        case .vineyard(let id):
            guard try db.exists("SELECT 1 FROM vineyards WHERE id = $1", id) else {
                throw Refusal.notFound("vineyard")
            }
        case .vine(let id):
            guard try db.exists("SELECT 1 FROM vines WHERE id = $1 AND deleted_at IS NULL", id) else {
                throw Refusal.notFound("vine")
            }
        }
    }

    public func revokeGrant(_ id: GrantID) async throws {
        try await write { db, _ in
            Self.lockRights(db)
            guard let grant = try Grant.find(id, db) else { throw Refusal.notFound("grant") }
            try RightsRules.checkRevocation(of: grant)
            db.run("DELETE FROM grants WHERE id = $1", id)
        }
    }

    public func removeRights(of principal: GrantPrincipal) async throws {
        guard principal != Grant.admin else { return }
        try await write { db, _ in
            db.run("DELETE FROM grants WHERE principal = $1", principal.description)
            if principal.kind == .user { db.run("DELETE FROM team_members WHERE user_name = $1", principal.name) }
        }
    }

    @discardableResult
    public func admit(_ name: String, id: GrantID, at now: Timestamp) async throws -> Bool {
        let principal = GrantPrincipal(.user, name)
        return try await write(completing: AuditCompletion { isMade, _ in isMade }) { db, _ in
            Self.lockRights(db)
            let isUsed = try db.exists(
                "SELECT 1 FROM grants WHERE NOT automatic AND principal <> $1", Grant.admin.description)
            let isKnown = try db.exists("SELECT 1 FROM grants WHERE principal = $1", principal.description)
            guard !isUsed, !isKnown else { return false }
            Grant(
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
            Self.lockRights(db)
            guard try !db.exists("SELECT 1 FROM teams WHERE name = $1", team.name) else {
                throw RightsRules.taken("team", team.name)
            }
            guard try db.row("SELECT count(*) AS n FROM teams")?.int("n") ?? 0 < RightsLimits.teams else {
                throw RightsRules.tooMany("teams", RightsLimits.teams)
            }
            db.run(
                "INSERT INTO teams (name, idp_group, created_by, created_at) VALUES ($1, $2, $3, $4)", team.name,
                team.group, team.createdBy, team.createdAt)
            Self.setMembers(team.members, of: team.name, db)
        }
    }

    public func updateTeam(_ name: String, group: String?, members: Set<String>) async throws -> Team {
        try await write { db, _ in
            Self.lockRights(db)
            guard let row = try db.row("SELECT * FROM teams WHERE name = $1", name) else {
                throw Refusal.notFound("team")
            }
            var team = try Team(stored: row, members: members)
            team.group = group
            db.run("UPDATE teams SET idp_group = $1 WHERE name = $2", group, name)
            Self.setMembers(members, of: name, db)
            return team
        }
    }

    private static func setMembers(_ members: Set<String>, of team: String, _ db: Database) {
        db.run("DELETE FROM team_members WHERE team = $1", team)
        for name in members.sorted() {
            db.run("INSERT INTO team_members (team, user_name) VALUES ($1, $2)", team, name)
        }
    }

    public func addMember(_ user: String, toTeam name: String) async throws {
        try await write { db, _ in
            Self.lockRights(db)
            guard try db.exists("SELECT 1 FROM teams WHERE name = $1", name) else { throw Refusal.notFound("team") }
            guard try !db.exists("SELECT 1 FROM team_members WHERE team = $1 AND user_name = $2", name, user) else {
                return
            }
            let count = try db.row("SELECT count(*) AS n FROM team_members WHERE team = $1", name)?.int("n") ?? 0
            guard count < RightsLimits.members else { throw RightsRules.tooMany("members", RightsLimits.members) }
            db.run("INSERT INTO team_members (team, user_name) VALUES ($1, $2)", name, user)
        }
    }

    public func deleteTeam(_ name: String) async throws {
        try await write { db, _ in
            Self.lockRights(db)
            guard try db.exists("SELECT 1 FROM teams WHERE name = $1", name) else { throw Refusal.notFound("team") }
            db.run("DELETE FROM grants WHERE principal = $1", GrantPrincipal(.team, name).description)
            db.run("DELETE FROM team_members WHERE team = $1", name)
            db.run("DELETE FROM teams WHERE name = $1", name)
        }
    }

    // MARK: - Vineyards

    public func vineyards() async throws -> [Vineyard] {
        try await readOnce { db in
            try db.rows("SELECT * FROM vineyards ORDER BY name, id", make: Vineyard.init(stored:))
        }
    }

    public func vineyard(_ id: VineyardID) async throws -> Vineyard? {
        try await readOnce { db in try Vineyard.find(id, db) }
    }

    public func createVineyard(_ vineyard: Vineyard) async throws {
        try await write { db, _ in
            Self.lockRights(db)
            try Self.requireFreeName(vineyard.name, of: vineyard.id, db)
            guard try db.row("SELECT count(*) AS n FROM vineyards")?.int("n") ?? 0 < RightsLimits.vineyards else {
                throw RightsRules.tooMany("vineyards", RightsLimits.vineyards)
            }
            db.run(
                "INSERT INTO vineyards (id, name, created_by, created_at) VALUES ($1, $2, $3, $4)", vineyard.id,
                vineyard.name, vineyard.createdBy, vineyard.createdAt)
        }
    }

    private static func requireFreeName(_ name: String, of id: VineyardID, _ db: Database) throws {
        guard try !db.exists("SELECT 1 FROM vineyards WHERE name = $1 AND id <> $2", name, id) else {
            throw RightsRules.taken("vineyard", name)
        }
    }

    public func renameVineyard(_ id: VineyardID, to name: String) async throws -> Vineyard {
        try await write { db, _ in
            Self.lockRights(db)
            guard var vineyard = try Vineyard.find(id, db) else { throw Refusal.notFound("vineyard") }
            try Self.requireFreeName(name, of: id, db)
            vineyard.name = name
            db.run("UPDATE vineyards SET name = $1 WHERE id = $2", name, id)
            return vineyard
        }
    }

    public func deleteVineyard(_ id: VineyardID) async throws {
        try await write { db, _ in
            Self.lockRights(db)
            guard try Vineyard.find(id, db) != nil else { throw Refusal.notFound("vineyard") }
            guard id != Vineyard.defaultID else {
                throw Refusal(.conflict, "The default vineyard can't be deleted.")
            }
            guard try !db.exists("SELECT 1 FROM vines WHERE vineyard_id = $1", id) else {
                throw Refusal(.conflict, "The vineyard has vines, or had some. Move them to another vineyard first.")
            }
            guard try !db.exists("SELECT 1 FROM worker_vineyards WHERE vineyard_id = $1", id) else {
                throw Refusal(.conflict, "A Tendril is bound to the vineyard. Bind it to another one first.")
            }
            guard try !db.exists("SELECT 1 FROM cloud_identities WHERE vineyard_id = $1", id) else {
                throw Refusal(.conflict, "The vineyard has cloud identities. Delete them first.")
            }
            db.run("DELETE FROM grants WHERE scope = $1", GrantScope.vineyard(id).description)
            db.run("DELETE FROM vineyards WHERE id = $1", id)
        }
    }
}

extension Vineyard {
    static func find(_ id: VineyardID, _ db: Database) throws -> Vineyard? {
        try db.row("SELECT * FROM vineyards WHERE id = $1", id).map(Vineyard.init(stored:))
    }

    /// - Throws: ``Refusal`` `.notFound`.
    static func require(_ id: VineyardID, _ db: Database) throws {
        guard try find(id, db) != nil else { throw Refusal.notFound("vineyard") }
    }
}

extension Grant {
    fileprivate static func find(_ id: GrantID, _ db: Database) throws -> Grant? {
        try db.row("SELECT * FROM grants WHERE id = $1", id).map(Grant.init(stored:))
    }

    fileprivate func insert(_ db: Database) {
        db.run(
            """
            INSERT INTO grants (id, principal, role, scope, created_by, created_at, automatic)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            """, id, principal.description, role.rawValue, scope.description, createdBy,
            createdAt, isAutomatic)
    }
}
