internal import Domain
internal import Foundation
internal import GRDB

/// A Tendril as it is stored, without its engines.
struct TendrilRow: Sendable {
    var id: TendrilID
    var name: String
    var createdAt: Timestamp
    var lastSeenAt: Timestamp?
    var draining: Bool
    var version: String
    var slots: Int
    var runRoot: String
    var revokedAt: Timestamp?

    init(_ row: Row) throws {
        id = try row.id("id")
        name = try row.text("name")
        createdAt = try row.time("created_at")
        lastSeenAt = row.optionalTime("last_seen_at")
        draining = try row.flag("draining")
        version = try row.text("version")
        slots = try row.int("slots")
        runRoot = try row.text("run_root")
        revokedAt = row.optionalTime("revoked_at")
    }

    func status(at now: Timestamp) -> Tendril.Status { agent(engines: []).status(at: now) }

    func agent(engines: [Engine]) -> Tendril {
        Tendril(
            id: id, name: name, createdAt: createdAt, lastSeenAt: lastSeenAt, draining: draining,
            offer: TendrilCapabilities(version: version, slots: slots, engines: engines, runRoot: runRoot))
    }

    func agent(_ db: Database) throws -> Tendril {
        agent(
            engines: try db.rows(
                "SELECT * FROM worker_engines WHERE worker_id = ? ORDER BY position", id.rawValue
            ) { row in
                Engine(name: try row.name("name"), version: try row.text("version"), platform: try row.text("platform"))
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
    }

    static func beat(
        _ id: TendrilID, offer: TendrilCapabilities, draining: Bool, at now: Timestamp, _ db: Database
    ) throws {
        try db.run(
            """
            UPDATE workers SET last_seen_at = ?, draining = ?, version = ?, slots = ?, run_root = ? WHERE id = ?
            """, now.milliseconds, draining, offer.version, offer.slots, offer.runRoot, id.rawValue)
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
