public import Domain
public import Foundation
internal import GRDB
internal import Storage

extension SQLiteStore {
    public func createTendril(_ tendril: Tendril, tokenHash: Data) async throws {
        try Self.check(tendril.offer)
        try await write { db, changes in
            guard try !db.exists("SELECT 1 FROM workers WHERE id = ?", tendril.id.rawValue) else {
                throw Refusal(.conflict, "Tendril \(tendril.id) already exists.")
            }
            guard try !db.exists("SELECT 1 FROM workers WHERE name = ?", tendril.name) else {
                throw Refusal(.conflict, "A Tendril named \(tendril.name) already exists.")
            }
            try TendrilRow.insert(tendril, tokenHash: tokenHash, db)
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
        try await read { db in
            try db.row("SELECT token_hash FROM workers WHERE id = ? AND revoked_at IS NULL", id.rawValue)?
                .blob("token_hash")
        }
    }

    public func revokeTendril(_ id: TendrilID, at now: Timestamp) async throws {
        try await write { db, changes in
            let record = try TendrilRow.require(id, db)
            guard record.revokedAt == nil else { return }
            let held = try db.rows(
                "SELECT id FROM provision_jobs WHERE holds_vine = 1 AND worker_id = ?", id.rawValue
            ) { row -> JobID in try row.id("id") }
            guard held.isEmpty else {
                let jobs = held.map(\.short).joined(separator: ", ")
                throw Refusal(
                    .conflict, "\(record.name) holds job \(jobs): wait for its end, or cancel it and give it up first.")
            }
            guard
                try !db.exists(
                    "SELECT 1 FROM provision_jobs WHERE status = 'QUEUED' AND assigned_worker_id = ?", id.rawValue)
            else {
                throw Refusal(
                    .conflict, "Queued jobs are meant for \(record.name): move them to another Tendril first.")
            }
            try db.run(
                "UPDATE workers SET revoked_at = ?, token_hash = x'', name = ?, name_folded = ? WHERE id = ?",
                now.milliseconds, "\(record.name) (revoked, \(id.short))",
                "\(record.name) (revoked, \(id.short))".lowercased(), id.rawValue)
            changes.append(.tendril(id))
        }
    }

    public func setVineyards(_ vineyards: Set<VineyardID>, of id: TendrilID) async throws {
        try await write { db, changes in
            guard try TendrilRow.require(id, db).revokedAt == nil else { throw Refusal.noTendril(id) }
            try TendrilRow.bind(id, to: vineyards, db)
            changes += [.tendril(id), .queue]
        }
    }

    public func setTendrilTokenHash(_ id: TendrilID, _ hash: Data) async throws {
        try await write { db, changes in
            try TendrilRow.require(id, db)
            try db.run("UPDATE workers SET token_hash = ? WHERE id = ?", hash, id.rawValue)
            changes.append(.tendril(id))
        }
    }

    public func heartbeat(
        _ id: TendrilID, offer: TendrilCapabilities, draining: Bool, leases: Set<Lease>, at now: Timestamp
    ) async throws {
        try Self.check(offer)
        let leases = try TendrilRow.stored(leases)
        try await write { db, changes in
            let record = try TendrilRow.require(id, db)
            try TendrilRow.recordHeartbeat(id, offer: offer, draining: draining, leases: leases, at: now, db)
            // Engines rarely change, but heartbeats are frequent.
            if try record.agent(db).offer.engines != offer.engines {
                try TendrilRow.replaceEngines(of: id, with: offer.engines, db)
            }
            changes.append(.tendril(id))
        }
    }

    public func reportedLeases() async throws -> [TendrilID: Set<Lease>] {
        let rows = try await read { db in
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
            lastSeenAt: row.optionalTime("last_seen_at"), draining: try row.flag("draining"),
            version: try row.text("version"), slots: try row.int("slots"), runRoot: try row.text("run_root"),
            revokedAt: row.optionalTime("revoked_at"))
    }

    func agent(_ db: Database) throws -> Tendril {
        agent(
            engines: try db.rows(
                "SELECT * FROM worker_engines WHERE worker_id = ? ORDER BY position", id.rawValue
            ) { row in
                Engine(name: try row.name("name"), version: try row.text("version"), platform: try row.text("platform"))
            }, vineyards: try vineyards(db))
    }

    private func vineyards(_ db: Database) throws -> Set<VineyardID> {
        Set(
            try db.rows("SELECT vineyard_id FROM worker_vineyards WHERE worker_id = ?", id.rawValue) {
                try $0.id("vineyard_id")
            })
    }

    static func find(_ id: TendrilID, _ db: Database) throws -> TendrilRow? {
        try db.row("SELECT * FROM workers WHERE id = ?", id.rawValue).map(TendrilRow.init)
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
        try db.run("DELETE FROM worker_vineyards WHERE worker_id = ?", id.rawValue)
        for vineyard in vineyards.sorted(by: { $0.rawValue < $1.rawValue }) {
            try Vineyard.require(vineyard, db)
            try db.run(
                "INSERT INTO worker_vineyards (worker_id, vineyard_id) VALUES (?, ?)", id.rawValue, vineyard.rawValue)
        }
    }

    /// All Tendrils that were not revoked, by name.
    static func all(_ db: Database) throws -> [Tendril] {
        try db.rows(
            "SELECT * FROM workers WHERE revoked_at IS NULL ORDER BY name_folded, name", make: TendrilRow.init
        )
        .map { try $0.agent(db) }
    }

    static func insert(_ tendril: Tendril, tokenHash: Data, _ db: Database) throws {
        try db.run(
            """
            INSERT INTO workers (id, name, name_folded, token_hash, created_at, last_seen_at, draining, version,
                slots, run_root) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, tendril.id.rawValue, tendril.name, tendril.name.lowercased(), tokenHash,
            tendril.createdAt.milliseconds, tendril.lastSeenAt?.milliseconds, tendril.draining,
            tendril.offer.version, tendril.offer.slots, tendril.offer.runRoot)
        try replaceEngines(of: tendril.id, with: tendril.offer.engines, db)
        try bind(tendril.id, to: tendril.vineyards, db)
    }

    static func recordHeartbeat(
        _ id: TendrilID, offer: TendrilCapabilities, draining: Bool, leases: String, at now: Timestamp,
        _ db: Database
    ) throws {
        try db.run(
            """
            UPDATE workers SET last_seen_at = ?, draining = ?, version = ?, slots = ?, run_root = ?,
                reported_leases = ? WHERE id = ?
            """, now.milliseconds, draining, offer.version, offer.slots, offer.runRoot, leases, id.rawValue)
    }

    static func replaceEngines(of id: TendrilID, with engines: [Engine], _ db: Database) throws {
        try db.run("DELETE FROM worker_engines WHERE worker_id = ?", id.rawValue)
        for (position, engine) in engines.enumerated() {
            try db.run(
                "INSERT INTO worker_engines VALUES (?, ?, ?, ?, ?)", id.rawValue, position, engine.name.rawValue,
                engine.version, engine.platform)
        }
    }
}
