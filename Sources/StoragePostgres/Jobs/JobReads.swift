public import Domain
internal import Foundation
internal import Postgres
public import Storage

extension PostgresStore {
    public func createJob(_ job: Job, secrets: VineSecrets, systemLines: [String]) async throws {
        guard job.state == JobState() else { throw Refusal(.invalid, "A new job must be QUEUED.") }
        guard job.type != .deploy || job.plan != nil else {
            throw Refusal(.invalid, "A DEPLOY applies a saved plan; name the plan.")
        }
        let stored = JobWithDocuments(
            record: try JobRow(job), snapshot: try StoredJSON.encode(job.snapshot),
            metadata: try StoredJSON.encode(job.metadata))
        let sealed = try vault.encrypt(secrets, for: .jobSecrets(job.id))
        try await write { db, changes in
            var stored = stored
            VineRow.lock(job.vine, db)
            if let worker = job.assignedWorker { TendrilRow.lock(worker, db) }
            if let plan = job.plan { JobRow.lock(plan, db) }
            let vine = try Self.checkReferences(of: stored.record, db)
            stored.record.vineyard = vine.vineyard
            if let plan = stored.record.plan { try Self.take(plan, into: &stored.record, db) }
            if vine.needsTwoPeople {
                let planner = try stored.record.plan.flatMap { try JobRow.find($0, db) }?.createdBy
                try RightsRules.checkTwoPeople(
                    job.type, phase: job.options.testedPhase, by: job.createdBy, planner: planner)
            }
            do {
                try stored.insert(db, secrets: sealed)
            } catch let error as PostgresError where error.isUniqueViolation {
                throw Refusal(.conflict, "Job \(job.id) already exists.")
            }
            let title = JobTitle(stored.record.projectName, stored.record.environmentStage)
            JobTitle.record(title, of: stored.record.vine, db)
            changes += [.job(job.id, isNew: true), .queue]
            LogWriter.append(systemLines, to: job.id, &stored.record.tail, at: job.createdAt, db, &changes)
        }
    }

    /// - Returns: the job's vine.
    private static func checkReferences(of job: JobRow, _ db: Database) throws -> VineRow {
        guard try !db.exists("SELECT 1 FROM provision_jobs WHERE id = $1", job.id) else {
            throw Refusal(.conflict, "Job \(job.id) already exists.")
        }
        let vine = try VineRow.require(job.vine, db)
        if let worker = job.assignedWorker { try TendrilRow.require(worker, serving: vine.vineyard, db) }
        if let first = job.rerunOf, try !db.exists("SELECT 1 FROM provision_jobs WHERE id = $1", first) {
            throw Refusal.noJob(first)
        }
        return vine
    }

    /// Links `job` to its plan. Refused if the plan has a DEPLOY. Copies the plan's engine requirements.
    private static func take(_ plan: JobID, into job: inout JobRow, _ db: Database) throws {
        let plan = try JobRow.require(plan, db)
        guard plan.vine == job.vine else { throw Refusal(.invalid, "The plan belongs to another vine.") }
        guard job.type == .deploy else { return }
        if let first = try deploy(of: plan.id, db) {
            throw Refusal(.conflict, "This plan already has a DEPLOY: job \(first).")
        }
        job.requirement = job.requirement.completed(by: plan.deployRequirement)
    }

    /// The DEPLOY of `plan` that reached, or may reach, the engine.
    static func deploy(of plan: JobID, _ db: Database) throws -> JobID? {
        try db.row(
            """
            SELECT id FROM provision_jobs
            WHERE plan_job_id = $1 AND job_type = 'DEPLOY' AND NOT (status = 'CANCELLED' AND engine_state = 'NONE')
            """, plan
        )?.id("id")
    }

    public func job(_ id: JobID) async throws -> Job? {
        try await readOnce { db in try JobWithDocuments.find(id, db) }?.job()
    }

    public func outline(of id: JobID) async throws -> Job? {
        try await readOnce { db in try JobRow.find(id, db) }?.outline()
    }

    public func status(of id: JobID) async throws -> (status: JobStatus, errorMessage: String?)? {
        try await readOnce { db in
            try db.row("SELECT status, error_message FROM provision_jobs WHERE id = $1", id).map {
                (try $0.name("status"), try $0.optionalText("error_message"))
            }
        }
    }

    public func jobIDs(startingWith prefix: String, visible: VisibleVines, limit: Int) async throws -> [JobID] {
        guard let range = JobIDRange(startingWith: prefix) else { return [] }
        return try await readOnce { db in
            try db.rows(
                """
                SELECT id FROM provision_jobs WHERE id BETWEEN $1 AND $2
                AND ($4 OR vineyard_id = ANY($5) OR vine_id = ANY($6)) ORDER BY created_at DESC LIMIT $3
                """, range.first, range.last, limit, visible.isAll, visible.vineyardValue, visible.vineValue
            ) { try $0.id("id") }
        }
    }

    public func activeJobs(of worker: TendrilID) async throws -> [Job] {
        try await readOnce { db in
            try db.rows(
                "SELECT * FROM provision_jobs WHERE holds_vine AND worker_id = $1 ORDER BY created_at, id",
                worker, make: JobRow.init)
        }.map { try $0.outline() }
    }

    public func activeJobs() async throws -> [Job] {
        try await readOnce { db in
            try db.rows("SELECT * FROM provision_jobs WHERE holds_vine ORDER BY created_at, id", make: JobRow.init)
        }.map { try $0.outline() }
    }

    public func unendedJobs() async throws -> UnendedJobs {
        try await readOnce { db in
            var jobs = UnendedJobs()
            for (kind, count, oldest) in try db.rows(
                UnendedJobs.sql,
                make: {
                    (
                        UnendedJobs.Kind(try $0.name("job_type"), try $0.name("status")), try $0.int("jobs"),
                        try $0.time("oldest")
                    )
                })
            { jobs.add(kind, count: count, oldest: oldest) }
            return jobs
        }
    }

    public func assign(_ id: JobID, to worker: TendrilID?, systemLine: String, at now: Timestamp) async throws {
        try await write { db, changes in
            let before = try JobRow.lockAndRequire(id, db)
            var revision = JobUpdate(of: before)
            try revision.apply([.assign], artifactStored: false, at: now)
            if let worker {
                TendrilRow.lock(worker, db)
                try TendrilRow.require(worker, serving: before.vineyard, db)
            }
            guard before.assignedWorker != worker else { return }
            var record = revision.record
            record.assignedWorker = worker
            try Self.commit(
                &record, from: before, systemLines: revision.systemLines + [systemLine], at: now, db, &changes)
            changes += revision.wakeups(from: before.state)
        }
    }

    public func deployRequirement(of id: JobID) async throws -> EngineRequirement? {
        try await readOnce { db in try JobRow.find(id, db) }?.deployRequirement
    }

    public func secrets(of id: JobID) async throws -> VineSecrets {
        let sealed = try await readOnce { db in
            try db.row("SELECT secrets FROM provision_job_documents WHERE job_id = $1", id)?.blob("secrets")
        }
        guard let sealed else { throw Refusal.noJob(id) }
        return try vault.decryptSecrets(sealed, for: .jobSecrets(id))
    }

    public func reruns(of id: JobID) async throws -> [JobID] {
        try await readOnce { db in
            try db.rows("SELECT id FROM provision_jobs WHERE rerun_of = $1 ORDER BY created_at, id", id) {
                try $0.id("id")
            }
        }
    }
}
