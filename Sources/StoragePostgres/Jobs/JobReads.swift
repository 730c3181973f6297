public import Domain
internal import Foundation
internal import Postgres
public import Storage

extension PostgresStore {
    public func createJob(_ job: Job, secrets: VineSecrets, notes: [String]) async throws {
        guard job.state == JobState() else { throw Refusal(.invalid, "A new job is QUEUED and nothing else.") }
        guard job.type != .deploy || job.plan != nil else {
            throw Refusal(.invalid, "A DEPLOY applies a saved plan; name the plan.")
        }
        let stored = JobWithDocuments(
            record: JobRow(job), snapshot: try StoredJSON.encode(job.snapshot),
            metadata: try StoredJSON.encode(job.metadata))
        let sealed = try vault.encrypt(secrets, for: .jobSecrets(job.id))
        try await write { db, changes in
            var stored = stored
            VineRow.lock(job.vine, db)
            if let worker = job.assignedWorker { TendrilRow.lock(worker, db) }
            if let plan = job.plan { JobRow.lock(plan, db) }
            try Self.checkReferences(of: stored.record, db)
            if let plan = stored.record.plan { try Self.take(plan, into: &stored.record, db) }
            do {
                try stored.insert(db, secrets: sealed)
            } catch let error as PostgresError where error.isUniqueViolation {
                throw Refusal(.conflict, "There is a job \(job.id) already.")
            }
            changes.append(.job(job.id, isNew: true))
            LogWriter.append(notes, to: job.id, &stored.record.tail, at: job.createdAt, db, &changes)
        }
    }

    private static func checkReferences(of job: JobRow, _ db: Database) throws {
        guard try !db.exists("SELECT 1 FROM provision_jobs WHERE id = $1", job.id) else {
            throw Refusal(.conflict, "There is a job \(job.id) already.")
        }
        try VineRow.require(job.vine, db)
        if let worker = job.assignedWorker { try TendrilRow.require(worker, db) }
        if let first = job.rerunOf, try !db.exists("SELECT 1 FROM provision_jobs WHERE id = $1", first) {
            throw Refusal.noJob(first)
        }
    }

    /// Ties `job` to the plan it applies: refused where the plan is taken, and asking for what the plan ran with.
    private static func take(_ plan: JobID, into job: inout JobRow, _ db: Database) throws {
        let plan = try JobRow.require(plan, db)
        guard plan.vine == job.vine else { throw Refusal(.invalid, "The plan is another vine's.") }
        guard job.type == .deploy else { return }
        if let first = try deploy(of: plan.id, db) {
            throw Refusal(.conflict, "This plan has a DEPLOY already: job \(first).")
        }
        let (asked, ran) = (job.requirement, plan.deployRequirement)
        job.requirement = EngineRequirement(
            name: asked.name ?? ran.name, version: asked.version ?? ran.version,
            platform: asked.platform ?? ran.platform, runRoot: asked.runRoot ?? ran.runRoot)
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

    public func jobIDs(startingWith prefix: String, limit: Int) async throws -> [JobID] {
        let digits = prefix.filter { $0 != "-" }
        let bounds = ["0", "f"].compactMap { fill in
            Identifier<Job>(dashed: digits + String(repeating: fill, count: max(0, 32 - digits.count)))
        }
        guard bounds.count == 2, bounds[0].rawValue.hasPrefix(prefix) else { return [] }
        return try await readOnce { db in
            try db.rows(
                "SELECT id FROM provision_jobs WHERE id BETWEEN $1 AND $2 ORDER BY created_at DESC LIMIT $3",
                bounds[0], bounds[1], limit
            ) { try $0.id("id") }
        }
    }

    public func activeJobs(of worker: TendrilID) async throws -> [Job] {
        try await readOnce { db in
            try db.rows(
                "SELECT * FROM provision_jobs WHERE holds_vine AND worker_id = $1 ORDER BY created_at, id",
                worker, make: JobRow.init)
        }.map { $0.outline() }
    }

    public func activeJobs() async throws -> [Job] {
        try await readOnce { db in
            try db.rows(
                "SELECT * FROM provision_jobs WHERE holds_vine ORDER BY created_at, id", make: JobRow.init)
        }.map { $0.outline() }
    }

    public func assign(_ id: JobID, to worker: TendrilID?, note: String, at now: Timestamp) async throws {
        try await write { db, changes in
            let before = try JobRow.lockAndRequire(id, db)
            var revision = JobUpdate(of: before)
            try revision.apply([.assign], artifactStored: false, at: now)
            if let worker {
                TendrilRow.lock(worker, db)
                try TendrilRow.require(worker, db)
            }
            guard before.assignedWorker != worker else { return }
            var record = revision.record
            record.assignedWorker = worker
            try Self.commit(&record, from: before, notes: revision.notes + [note], at: now, db, &changes)
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

extension PostgresStore {
    public func jobs(_ query: JobQuery, limit: Int, cursor: String?) async throws -> Page<Job> {
        let limit = PageLimit.clamped(limit)
        let filter = JobFilter(query, after: try cursor.map { try PageCursor($0) }, limit: limit + 1)
        let found = try await readOnce { db in
            // A status that nothing has, and one that nearly everything has, want different plans.
            try db.queryUnprepared(filter.sql, filter.values).map(JobRow.init)
        }
        return Page(found.map { $0.outline() }, limit: limit) {
            PageCursor(createdAt: $0.createdAt, id: $0.id.rawValue)
        }
    }
}

/// A query as a statement: only what matters stands in it, so that each combination finds its index.
private struct JobFilter: Sendable {
    private(set) var values: [PostgresValue] = []
    private(set) var sql = "SELECT job.* FROM provision_jobs AS job"
    private var parts: [String] = []

    init(_ query: JobQuery, after cursor: PageCursor?, limit: Int) {
        if let status = query.status { parts.append("job.status = \(add(status.rawValue))") }
        if let type = query.type { parts.append("job.job_type = \(add(type.rawValue))") }
        if let vine = query.vine { parts.append("job.vine_id = \(add(vine))") }
        if let worker = query.worker { parts.append("job.tendril_id = \(add(worker))") }
        if let text = query.text?.lowercased(), !text.isEmpty { parts.append(condition(for: text)) }
        if let cursor {
            parts.append("(job.created_at, job.id) < (\(add(cursor.createdAt)), \(add(PostgresValue.uuid(cursor.id))))")
        }
        if !parts.isEmpty { sql += " WHERE " + parts.joined(separator: " AND ") }
        sql += " ORDER BY job.created_at DESC, job.id DESC LIMIT \(add(limit))"
    }

    /// The parameter that stands for `value`.
    private mutating func add(_ value: SQLValue) -> String {
        values.append(value.postgresValue)
        return "$\(values.count)"
    }

    // PostgreSQL folds case by its own rules; both sides are folded before they get here.
    private mutating func condition(for text: String) -> String {
        let (whole, tight) = (add(text), add(text.replacing(/\s*\/\s*/, with: "/")))
        return """
            (starts_with(job.id::text, \(whole))
            OR EXISTS (SELECT 1 FROM vines AS vine WHERE vine.id = job.vine_id
                AND (strpos(\(PostgresStore.title), \(whole)) > 0 OR strpos(\(PostgresStore.tightTitle), \(tight)) > 0))
            OR EXISTS (SELECT 1 FROM workers AS worker WHERE worker.id = job.tendril_id
                AND strpos(worker.name_folded, \(whole)) > 0))
            """
    }
}

extension Identifier {
    /// The id of 32 hexadecimal digits.
    fileprivate init?(dashed digits: String) {
        var text = digits
        for offset in [20, 16, 12, 8] where offset <= text.count {
            text.insert("-", at: text.index(text.startIndex, offsetBy: offset))
        }
        self.init(text)
    }
}
