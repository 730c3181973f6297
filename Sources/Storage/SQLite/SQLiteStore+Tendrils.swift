public import Domain
public import Foundation
internal import GRDB

extension SQLiteStore {
    public func createTendril(_ tendril: Tendril, tokenHash: Data) async throws {
        try Self.check(tendril.offer)
        try await write { db, changes in
            guard try !db.finds("SELECT 1 FROM workers WHERE id = ?", tendril.id.rawValue) else {
                throw Refusal(.conflict, "There is a Tendril \(tendril.id) already.")
            }
            guard try !db.finds("SELECT 1 FROM workers WHERE name = ?", tendril.name) else {
                throw Refusal(.conflict, "There is a Tendril named \(tendril.name) already.")
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
                try !db.finds(
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

    public func setTendrilTokenHash(_ id: TendrilID, _ hash: Data) async throws {
        try await write { db, changes in
            try TendrilRow.require(id, db)
            try db.run("UPDATE workers SET token_hash = ? WHERE id = ?", hash, id.rawValue)
            changes.append(.tendril(id))
        }
    }

    public func heartbeat(_ id: TendrilID, offer: TendrilCapabilities, draining: Bool, at now: Timestamp) async throws {
        try Self.check(offer)
        try await write { db, changes in
            let record = try TendrilRow.require(id, db)
            try TendrilRow.beat(id, offer: offer, draining: draining, at: now, db)
            // Engines change once in a blue moon; a heartbeat comes every few seconds.
            if try record.agent(db).offer.engines != offer.engines {
                try TendrilRow.replaceEngines(of: id, with: offer.engines, db)
            }
            changes.append(.tendril(id))
        }
    }

    private static func check(_ offer: TendrilCapabilities) throws(Refusal) {
        guard offer.slots >= 1 else { throw Refusal(.invalid, "A Tendril has at least one slot.") }
    }
}
