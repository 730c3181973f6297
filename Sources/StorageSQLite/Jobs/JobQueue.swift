public import Domain
internal import GRDB
internal import Storage

extension SQLiteStore {
    public func claim(by worker: TendrilID, at now: Timestamp) async throws -> Job? {
        try await write(completing: .claim) { db, changes -> JobWithDocuments? in
            guard let tendril = try Self.claimant(worker, at: now, db),
                let id = try Self.oldestEligible(for: tendril, db), var stored = try JobWithDocuments.find(id, db)
            else { return nil }
            var revision = JobUpdate(of: stored.record)
            try revision.apply([.claim(by: worker)], artifactStored: false, at: now)
            let before = stored.record
            stored.record = revision.record
            try Self.commit(
                &stored.record, from: before, systemLines: ["Claimed by \(tendril.name)"], at: now, db, &changes)
            changes += revision.wakeups(from: before.state)
            return stored
        }?.job()
    }

    public func hasWork(for worker: TendrilID, at now: Timestamp) async throws -> Bool {
        try await read { db in
            guard let tendril = try Self.claimant(worker, at: now, db) else { return false }
            return try Self.oldestEligible(for: tendril, db) != nil
        }
    }

    /// The Tendril, if it may claim: ONLINE, with a free slot.
    private static func claimant(_ worker: TendrilID, at now: Timestamp, _ db: Database) throws -> TendrilRow? {
        guard let tendril = try TendrilRow.find(worker, db), tendril.status(at: now) == .online,
            try busySlots(of: worker, db) < tendril.slots
        else { return nil }
        return tendril
    }

    private static func busySlots(of worker: TendrilID, _ db: Database) throws -> Int {
        try db.row(
            """
            SELECT count(*) AS busy FROM provision_jobs INDEXED BY provision_jobs_active
            WHERE holds_vine = 1 AND worker_id = ?
            """, worker.rawValue
        )?.int("busy") ?? 0
    }

    private static func oldestEligible(for tendril: TendrilRow, _ db: Database) throws -> JobID? {
        try db.row(oldestEligibleSQL, tendril.id.rawValue, tendril.runRoot)?.id("id")
    }

    /// The order of the queue is that of its index, so the search ends at the first job that fits. The conditions on
    /// the engine are `EngineRequirement.isMet`.
    static let oldestEligibleSQL = """
        SELECT job.id FROM provision_jobs AS job INDEXED BY provision_jobs_queue
        WHERE job.status = 'QUEUED'
        AND (job.assigned_worker_id IS NULL OR job.assigned_worker_id = ?1)
        AND (job.needs_run_root IS NULL OR job.needs_run_root = ?2)
        AND EXISTS (SELECT 1 FROM worker_engines AS engine WHERE engine.worker_id = ?1
            AND (job.needs_engine IS NULL OR job.needs_engine = engine.name)
            AND (job.needs_version IS NULL OR job.needs_version = engine.version)
            AND (job.needs_platform IS NULL OR job.needs_platform = engine.platform))
        AND (NOT EXISTS (SELECT 1 FROM worker_vineyards AS bound WHERE bound.worker_id = ?1)
            OR EXISTS (SELECT 1 FROM worker_vineyards AS bound
                WHERE bound.worker_id = ?1 AND bound.vineyard_id = job.vineyard_id))
        AND NOT EXISTS (SELECT 1 FROM provision_jobs AS holder INDEXED BY provision_jobs_holder
            WHERE holder.vine_id = job.vine_id AND holder.holds_vine = 1)
        AND NOT EXISTS (SELECT 1 FROM vine_locks AS held WHERE held.vine_id = job.vine_id)
        ORDER BY job.created_at, job.id LIMIT 1
        """

    public func waitReason(of id: JobID, at now: Timestamp) async throws -> WaitReason? {
        try await read { db in
            guard let job = try JobRow.find(id, db), job.state.status == .queued else { return nil }
            let holder: JobID? = try db.row(
                "SELECT id FROM provision_jobs WHERE vine_id = ? AND holds_vine = 1", job.vine.rawValue
            )?.id("id")
            let candidates = try TendrilRow.all(db).map { agent in
                WaitReasons.Candidate(agent: agent, busy: try Self.busySlots(of: agent.id, db))
            }
            return WaitReasons.evaluate(
                assigned: job.assignedWorker, requirement: job.requirement, vineyard: job.vineyard, holder: holder,
                lock: try StateLock.find(job.vine, db), tendrils: candidates, at: now)
        }
    }
}

extension AuditCompletion<JobWithDocuments?> {
    /// Which job was claimed, if any was.
    fileprivate static var claim: Self {
        AuditCompletion { stored, event in
            guard let row = stored?.record else { return false }
            event.resource = AuditResource("job", row.id.rawValue)
            event.job = row.id
            event.vine = row.vine
            return true
        }
    }
}
