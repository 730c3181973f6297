internal import Domain
internal import Foundation
internal import GRDB
internal import Storage

extension VineRow {
    init(_ row: Row) throws {
        self.init(
            id: try row.id("id"), settings: try row.text("settings"), projectFolded: try row.text("project_folded"),
            stageFolded: try row.text("stage_folded"), secrets: try row.blob("secrets"),
            createdBy: try row.text("created_by"), createdAt: try row.time("created_at"),
            updatedAt: try row.time("updated_at"), revision: try row.int("revision"),
            deletedAt: row.optionalTime("deleted_at"), vineyard: try row.id("vineyard_id"),
            needsTwoPeople: try row.flag("two_people"), identity: try row.optionalID("identity_id"))
    }

    /// The vine; nil if there is none, or it was deleted.
    static func find(_ id: VineID, _ db: Database) throws -> VineRow? {
        try db.row("SELECT * FROM vines WHERE id = ? AND deleted_at IS NULL", id.rawValue).map(VineRow.init)
    }

    @discardableResult
    static func require(_ id: VineID, _ db: Database) throws -> VineRow {
        guard let record = try find(id, db) else { throw Refusal.noVine(id) }
        return record
    }

    /// - Throws: ``Refusal`` `.conflict` if another vine of the vineyard has this project and stage. Writes are serial, so nobody can
    ///   take the name between this check and the write.
    func requireOwnName(_ db: Database) throws {
        let other = try db.row(
            """
            SELECT id FROM vines
            WHERE project_folded = ? AND stage_folded = ? AND vineyard_id = ? AND id <> ? AND deleted_at IS NULL LIMIT 1
            """, projectFolded, stageFolded, vineyard.rawValue, id.rawValue)
        guard let other else { return }
        let taken: VineID = try other.id("id")
        throw Refusal(
            .conflict, "Vine \(taken) has this project and stage already. Change that one, or choose another name.")
    }

    func insert(_ db: Database) throws {
        try db.run(
            """
            INSERT INTO vines (id, settings, project_folded, stage_folded, secrets, created_by, created_at,
                updated_at, revision, vineyard_id, two_people, identity_id)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, id.rawValue, settings, projectFolded, stageFolded, secrets, createdBy, createdAt.milliseconds,
            updatedAt.milliseconds, revision, vineyard.rawValue, needsTwoPeople, identity?.rawValue)
    }

    func update(_ db: Database) throws {
        try db.run(
            """
            UPDATE vines SET settings = ?, project_folded = ?, stage_folded = ?, secrets = ?, updated_at = ?,
                revision = ?, vineyard_id = ?, two_people = ?, identity_id = ? WHERE id = ?
            """, settings, projectFolded, stageFolded, secrets, updatedAt.milliseconds, revision, vineyard.rawValue,
            needsTwoPeople, identity?.rawValue, id.rawValue)
    }

    /// Takes the vine's jobs along to its vineyard.
    func moveJobs(_ db: Database) throws {
        try db.run("UPDATE provision_jobs SET vineyard_id = ? WHERE vine_id = ?", vineyard.rawValue, id.rawValue)
    }
}

extension VineFacts {
    /// Each part is one look-up by an index.
    init(of vine: VineID, _ db: Database) throws {
        let lock = try StateLock.find(vine, db)
        var isAtWork = false
        if let job = lock?.job {
            isAtWork = try db.exists("SELECT 1 FROM provision_jobs WHERE id = ? AND holds_vine = 1", job.rawValue)
        }
        let last = try db.row(
            """
            SELECT id, job_type, status, created_at, warnings FROM provision_jobs WHERE vine_id = ?
            ORDER BY created_at DESC, id DESC LIMIT 1
            """, vine.rawValue)
        self.init(
            lock: lock, isLockAtWork: isAtWork,
            lastJob: try last.map { row in
                LastJob(
                    id: try row.id("id"), type: try row.name("job_type"), status: try row.name("status"),
                    createdAt: try row.time("created_at"), warnings: Int(row.optionalInteger("warnings") ?? 0))
            }, resources: try VineResources(of: vine, db))
    }
}

extension VineResources {
    init(of vine: VineID, _ db: Database) throws {
        let keeper = try db.row("SELECT state_kept_by FROM vines WHERE id = ?", vine.rawValue)
        if let keeper = keeper?.optionalText("state_kept_by"), keeper != Self.ours {
            self = .keptBy(keeper)
            return
        }
        let newest = try db.row(
            """
            SELECT resources FROM vine_state_versions WHERE vine_id = ? AND aside = 0 ORDER BY number DESC LIMIT 1
            """, vine.rawValue)
        self = newest.map { .stored($0.optionalInteger("resources").map(Int.init)) } ?? .none
    }

    /// What a job's metadata says (`state_kept_by`) where the state is stored here.
    static let ours = "trellis"
}
