public import Domain
public import Foundation
internal import Postgres
internal import Storage

extension PostgresStore {
    public func createTendril(_ tendril: Tendril, tokenHash: Data) async throws {
        try Self.check(tendril.offer)
        try await write { db, changes in
            do {
                try TendrilRow.insert(tendril, tokenHash: tokenHash, db)
            } catch let error as PostgresError where error.isUniqueViolation {
                let isName = error.constraint == "workers_name_key"
                throw Refusal(
                    .conflict,
                    isName
                        ? "A Tendril named \(tendril.name) already exists."
                        : "Tendril \(tendril.id) already exists.")
            }
            changes.append(.tendril(tendril.id, isNew: true))
        }
    }

    public func tendril(_ id: TendrilID) async throws -> Tendril? {
        try await read { db in try TendrilRow.find(id, db)?.agent(db) }
    }

    public func tendrils() async throws -> [Tendril] {
        try await read { db in try TendrilRow.all(db) }
    }

    public func tendrilTokenHash(_ id: TendrilID) async throws -> Data? {
        try await readOnce { db in
            try db.row("SELECT token_hash FROM workers WHERE id = $1 AND revoked_at IS NULL", id)?
                .blob("token_hash")
        }
    }

    public func revokeTendril(_ id: TendrilID, at now: Timestamp) async throws {
        try await write { db, changes in
            TendrilRow.lock(id, db)
            let record = try TendrilRow.require(id, db)
            guard record.revokedAt == nil else { return }
            let held = try db.rows(
                "SELECT id FROM provision_jobs WHERE holds_vine AND worker_id = $1", id
            ) { row -> JobID in try row.id("id") }
            guard held.isEmpty else {
                let jobs = held.map(\.short).joined(separator: ", ")
                throw Refusal(
                    .conflict, "\(record.name) holds job \(jobs): wait for its end, or cancel it and give it up first.")
            }
            guard
                try !db.exists(
                    "SELECT 1 FROM provision_jobs WHERE status = 'QUEUED' AND assigned_worker_id = $1", id)
            else {
                throw Refusal(
                    .conflict, "Queued jobs are meant for \(record.name): move them to another Tendril first.")
            }
            db.run(
                "UPDATE workers SET revoked_at = $1, token_hash = '', name = $2, name_folded = $3 WHERE id = $4",
                now, "\(record.name) (revoked, \(id.short))",
                "\(record.name) (revoked, \(id.short))".lowercased(), id)
            changes.append(.tendril(id))
        }
    }

    public func setVineyards(_ vineyards: Set<VineyardID>, of id: TendrilID) async throws {
        try await write { db, changes in
            Self.lockRights(db)
            TendrilRow.lock(id, db)
            guard try TendrilRow.require(id, db).revokedAt == nil else { throw Refusal.noTendril(id) }
            try TendrilRow.bind(id, to: vineyards, db)
            changes += [.tendril(id), .queue]
        }
    }

    public func setTendrilTokenHash(_ id: TendrilID, _ hash: Data) async throws {
        try await write { db, changes in
            try TendrilRow.require(id, db)
            db.run("UPDATE workers SET token_hash = $1 WHERE id = $2", hash, id)
            changes.append(.tendril(id))
        }
    }

    public func heartbeat(
        _ id: TendrilID, offer: TendrilCapabilities, draining: Bool, leases: Set<Lease>, at now: Timestamp
    ) async throws {
        try Self.check(offer)
        let leases = try TendrilRow.stored(leases)
        // Other nodes see for themselves when a Tendril comes or goes.
        try await write(isShared: false) { db, changes in
            TendrilRow.lock(id, db)
            let record = try TendrilRow.require(id, db)
            TendrilRow.recordHeartbeat(id, offer: offer, draining: draining, leases: leases, at: now, db)
            // Engines rarely change, but heartbeats are frequent.
            if try record.agent(db).offer.engines != offer.engines {
                TendrilRow.replaceEngines(of: id, with: offer.engines, db)
            }
            changes.append(.tendril(id))
        }
    }

    public func reportedLeases() async throws -> [TendrilID: Set<Lease>] {
        let rows = try await readOnce { db in
            try db.rows("SELECT id, reported_leases FROM workers WHERE reported_leases IS NOT NULL") { row in
                (worker: try row.id("id") as TendrilID, leases: try row.text("reported_leases"))
            }
        }
        let leases = try rows.map { ($0.worker, try TendrilRow.leases(stored: $0.leases, of: $0.worker)) }
        return Dictionary(leases, uniquingKeysWith: { first, _ in first })
    }

    private static func check(_ offer: TendrilCapabilities) throws(Refusal) {
        guard offer.slots >= 1 else { throw Refusal(.invalid, "A Tendril has at least one slot.") }
    }
}

extension TendrilRow {
    init(_ row: Row) throws {
        self.init(
            id: try row.id("id"), name: try row.text("name"), createdAt: try row.time("created_at"),
            lastSeenAt: try row.optionalTime("last_seen_at"), draining: try row.flag("draining"),
            version: try row.text("version"), slots: try row.int("slots"), runRoot: try row.text("run_root"),
            revokedAt: try row.optionalTime("revoked_at"))
    }

    func agent(_ db: Database) throws -> Tendril {
        agent(
            engines: try db.rows(
                "SELECT * FROM worker_engines WHERE worker_id = $1 ORDER BY position", id,
                make: Engine.init(ofTendril:)), vineyards: try vineyards(db))
    }

    private func vineyards(_ db: Database) throws -> Set<VineyardID> {
        Set(
            try db.rows("SELECT vineyard_id FROM worker_vineyards WHERE worker_id = $1", id) {
                try $0.id("vineyard_id")
            })
    }

    static func find(_ id: TendrilID, _ db: Database) throws -> TendrilRow? {
        try db.row("SELECT * FROM workers WHERE id = $1", id).map(TendrilRow.init)
    }

    /// Keeps the Tendril from being revoked, and from claiming a second job, until the commit.
    static func lock(_ id: TendrilID, _ db: Database) {
        db.run("SELECT 1 FROM workers WHERE id = $1 FOR NO KEY UPDATE", id)
    }

    @discardableResult
    static func require(_ id: TendrilID, _ db: Database) throws -> TendrilRow {
        guard let record = try find(id, db) else { throw Refusal.noTendril(id) }
        return record
    }

    /// - Throws: ``Refusal`` `.notFound`; `.conflict` if it does not run jobs of this vineyard.
    static func require(_ id: TendrilID, serving vineyard: VineyardID, _ db: Database) throws {
        let found = try require(id, db)
        try RightsRules.checkTendril(found.name, serves: found.vineyards(db), vineyard)
    }

    /// Replaces the vineyards that it is bound to.
    static func bind(_ id: TendrilID, to vineyards: Set<VineyardID>, _ db: Database) throws {
        db.run("DELETE FROM worker_vineyards WHERE worker_id = $1", id)
        for vineyard in vineyards {
            try Vineyard.require(vineyard, db)
            db.run("INSERT INTO worker_vineyards (worker_id, vineyard_id) VALUES ($1, $2)", id, vineyard)
        }
    }

    /// All Tendrils that were not revoked, by name.
    static func all(_ db: Database) throws -> [Tendril] {
        let found = try db.queryAll([
            ("SELECT * FROM workers WHERE revoked_at IS NULL ORDER BY name_folded, name", []),
            (
                """
                SELECT engine.* FROM worker_engines AS engine JOIN workers AS worker ON worker.id = engine.worker_id
                WHERE worker.revoked_at IS NULL ORDER BY engine.worker_id, engine.position
                """, []
            ),
            ("SELECT worker_id, vineyard_id FROM worker_vineyards", []),
        ])
        var engines: [TendrilID: [Engine]] = [:]
        for (worker, engine) in try found[1].map({ (try $0.id("worker_id") as TendrilID, try Engine(ofTendril: $0)) }) {
            engines[worker, default: []].append(engine)
        }
        var vineyards: [TendrilID: Set<VineyardID>] = [:]
        for row in try found[2].map({
            (worker: try $0.id("worker_id") as TendrilID, id: try $0.id("vineyard_id") as VineyardID)
        }) {
            vineyards[row.worker, default: []].insert(row.id)
        }
        return try found[0].map(TendrilRow.init).map {
            $0.agent(engines: engines[$0.id] ?? [], vineyards: vineyards[$0.id] ?? [])
        }
    }

    static func insert(_ tendril: Tendril, tokenHash: Data, _ db: Database) throws {
        try db.execute(
            """
            INSERT INTO workers (id, name, name_folded, token_hash, created_at, last_seen_at, draining, version,
                slots, run_root) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            """, tendril.id, tendril.name, tendril.name.lowercased(), tokenHash,
            tendril.createdAt, tendril.lastSeenAt, tendril.draining,
            tendril.offer.version, tendril.offer.slots, tendril.offer.runRoot)
        replaceEngines(of: tendril.id, with: tendril.offer.engines, db)
        try bind(tendril.id, to: tendril.vineyards, db)
    }

    static func recordHeartbeat(
        _ id: TendrilID, offer: TendrilCapabilities, draining: Bool, leases: String, at now: Timestamp,
        _ db: Database
    ) {
        db.run(
            """
            UPDATE workers SET last_seen_at = $1, draining = $2, version = $3, slots = $4, run_root = $5,
                reported_leases = $6 WHERE id = $7
            """, now, draining, offer.version, offer.slots, offer.runRoot, leases, id)
    }

    static func replaceEngines(of id: TendrilID, with engines: [Engine], _ db: Database) {
        db.run("DELETE FROM worker_engines WHERE worker_id = $1", id)
        for (position, engine) in engines.enumerated() {
            db.run(
                "INSERT INTO worker_engines VALUES ($1, $2, $3, $4, $5)", id, position, engine.name.rawValue,
                engine.version, engine.platform)
        }
    }
}

extension Engine {
    fileprivate init(ofTendril row: Row) throws {
        self.init(name: try row.name("name"), version: try row.text("version"), platform: try row.text("platform"))
    }
}
