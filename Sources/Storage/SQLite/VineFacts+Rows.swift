internal import Domain
internal import GRDB

extension VineFacts {
    /// Each part is one look-up by an index.
    init(of vine: VineID, _ db: Database) throws {
        let lock = try StateLock.find(vine, db)
        var isAtWork = false
        if let job = lock?.job {
            isAtWork = try db.finds("SELECT 1 FROM provision_jobs WHERE id = ? AND holds_vine = 1", job.rawValue)
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
