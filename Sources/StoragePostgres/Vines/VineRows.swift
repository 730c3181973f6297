internal import Domain
internal import Foundation
internal import Postgres
internal import Storage

extension VineRow {
    init(_ row: Row) throws {
        self.init(
            id: try row.id("id"), settings: try row.text("settings"), projectFolded: try row.text("project_folded"),
            stageFolded: try row.text("stage_folded"), secrets: try row.blob("secrets"),
            createdBy: try row.text("created_by"), createdAt: try row.time("created_at"),
            updatedAt: try row.time("updated_at"), revision: try row.int("revision"),
            deletedAt: try row.optionalTime("deleted_at"), vineyard: try row.id("vineyard_id"),
            needsTwoPeople: try row.flag("two_people"), identity: try row.optionalID("identity_id"))
    }

    /// The vine; nil if there is none, or it was deleted.
    static func find(_ id: VineID, _ db: Database) throws -> VineRow? {
        try db.row("SELECT * FROM vines WHERE id = $1 AND deleted_at IS NULL", id).map(VineRow.init)
    }

    @discardableResult
    static func require(_ id: VineID, _ db: Database) throws -> VineRow {
        guard let record = try find(id, db) else { throw Refusal.noVine(id) }
        return record
    }

    /// Keeps everybody else from changing the vine, or from adding jobs to it, until the commit.
    static func lock(_ id: VineID, _ db: Database) {
        db.run("SELECT 1 FROM vines WHERE id = $1 FOR UPDATE", id)
    }

    /// Keeps everybody else from giving a vine a name until the commit.
    static func lockNames(_ db: Database) {
        // "vine" and "name" in ASCII.
        db.run("SELECT pg_advisory_xact_lock(1986621029, 1851878757)")
    }

    /// - Throws: ``Refusal`` `.conflict` if another vine of the vineyard has this project and stage. Needs ``lockNames(_:)``: nobody can
    ///   take the name between this check and the commit then.
    func requireOwnName(_ db: Database) throws {
        let other = try db.row(
            """
            SELECT id FROM vines
            WHERE project_folded = $1 AND stage_folded = $2 AND id <> $3 AND vineyard_id = $4 AND deleted_at IS NULL LIMIT 1
            """, projectFolded, stageFolded, id, vineyard)
        guard let other else { return }
        let taken: VineID = try other.id("id")
        throw Refusal(
            .conflict, "Vine \(taken) has this project and stage already. Change that one, or choose another name.")
    }

    func insert(_ db: Database) {
        db.run(
            """
            INSERT INTO vines (id, settings, project_folded, stage_folded, secrets, created_by, created_at,
                updated_at, revision, vineyard_id, two_people, identity_id)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
            """, id, settings, projectFolded, stageFolded, secrets, createdBy, createdAt,
            updatedAt, revision, vineyard, needsTwoPeople, identity)
    }

    func update(_ db: Database) {
        db.run(
            """
            UPDATE vines SET settings = $1, project_folded = $2, stage_folded = $3, secrets = $4, updated_at = $5,
                revision = $6, vineyard_id = $8, two_people = $9, identity_id = $10 WHERE id = $7
            """, settings, projectFolded, stageFolded, secrets, updatedAt, revision, id, vineyard, needsTwoPeople,
            identity)
    }

    /// Takes the vine's jobs along to its vineyard.
    func moveJobs(_ db: Database) {
        db.run("UPDATE provision_jobs SET vineyard_id = $1 WHERE vine_id = $2", vineyard, id)
    }
}

extension VineFacts {
    /// The facts of each of `vines`, with one statement. Each part is one look-up by an index.
    static func find(_ vines: [VineID], _ db: Database) throws -> [VineID: VineFacts] {
        let rows = try db.rows(
            """
            SELECT vine.id AS vine_id, vine.state_kept_by, held.lock_id, held.job_id, held.holder, held.info,
                held.created_at, coalesce(holder.holds_vine, false) AS is_at_work,
                last.id AS last_id, last.job_type, last.status, last.created_at AS last_created_at, last.warnings,
                newest.number, newest.resources
            FROM vines AS vine
            LEFT JOIN vine_locks AS held ON held.vine_id = vine.id
            LEFT JOIN provision_jobs AS holder ON holder.id = held.job_id
            LEFT JOIN LATERAL (SELECT * FROM provision_jobs WHERE vine_id = vine.id
                ORDER BY created_at DESC, id DESC LIMIT 1) AS last ON true
            LEFT JOIN LATERAL (SELECT number, resources FROM vine_state_versions WHERE vine_id = vine.id AND NOT aside
                ORDER BY number DESC LIMIT 1) AS newest ON true
            WHERE vine.id = ANY($1)
            """, PostgresValue.uuids(vines.map(\.rawValue))
        ) { row in (vine: try row.id("vine_id") as VineID, facts: try VineFacts(row)) }
        let known = Dictionary(rows.map { ($0.vine, $0.facts) }, uniquingKeysWith: { first, _ in first })
        return Dictionary(vines.map { ($0, known[$0] ?? VineFacts()) }, uniquingKeysWith: { first, _ in first })
    }

    private init(_ row: Row) throws {
        let last = try row.optionalID("last_id") as JobID?
        self.init(
            lock: try row.optionalText("lock_id") == nil ? nil : StateLock(row),
            isLockAtWork: try row.flag("is_at_work"),
            lastJob: try last.map { id in
                LastJob(
                    id: id, type: try row.name("job_type"), status: try row.name("status"),
                    createdAt: try row.time("last_created_at"), warnings: try row.optionalInt("warnings") ?? 0)
            },
            resources: try VineResources(
                keeper: row.optionalText("state_kept_by"), hasState: row.optionalInt("number") != nil,
                resources: row.optionalInt("resources")))
    }
}

extension VineResources {
    init(of vine: VineID, _ db: Database) throws {
        self = try VineFacts.find([vine], db)[vine]?.resources ?? .none
    }

    fileprivate init(keeper: String?, hasState: Bool, resources: Int?) {
        if let keeper, keeper != Self.ours {
            self = .keptBy(keeper)
        } else {
            self = hasState ? .stored(resources) : .none
        }
    }

    /// What a job's metadata says (`state_kept_by`) where the state is stored here.
    static let ours = "trellis"
}

extension VisibleVines {
    var vineyardValue: PostgresValue { .uuids(vineyards.map(\.rawValue)) }
    var vineValue: PostgresValue { .uuids(vines.map(\.rawValue)) }
}
