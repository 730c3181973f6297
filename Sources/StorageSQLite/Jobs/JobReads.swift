public import Domain
internal import Foundation
internal import GRDB
public import Storage

extension SQLiteStore {
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
            try Self.checkReferences(of: stored.record, db)
            if let plan = stored.record.plan { try Self.take(plan, into: &stored.record, db) }
            try stored.insert(db, secrets: sealed)
            changes.append(.job(job.id, isNew: true))
            try LogWriter.append(notes, to: job.id, &stored.record.tail, at: job.createdAt, db, &changes)
        }
    }

    private static func checkReferences(of job: JobRow, _ db: Database) throws {
        guard try !db.exists("SELECT 1 FROM provision_jobs WHERE id = ?", job.id.rawValue) else {
            throw Refusal(.conflict, "There is a job \(job.id) already.")
        }
        try VineRow.require(job.vine, db)
        if let worker = job.assignedWorker { try TendrilRow.require(worker, db) }
        if let first = job.rerunOf, try !db.exists("SELECT 1 FROM provision_jobs WHERE id = ?", first.rawValue) {
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
            SELECT id FROM provision_jobs INDEXED BY provision_jobs_deploy
            WHERE plan_job_id = ? AND job_type = 'DEPLOY' AND NOT (status = 'CANCELLED' AND engine_state = 'NONE')
            """, plan.rawValue
        )?.id("id")
    }

    public func job(_ id: JobID) async throws -> Job? {
        try await read { db in try JobWithDocuments.find(id, db) }?.job()
    }

    public func outline(of id: JobID) async throws -> Job? {
        try await read { db in try JobRow.find(id, db) }?.outline()
    }

    public func status(of id: JobID) async throws -> (status: JobStatus, errorMessage: String?)? {
        try await read { db in
            try db.row("SELECT status, error_message FROM provision_jobs WHERE id = ?", id.rawValue).map {
                (try $0.name("status"), $0.optionalText("error_message"))
            }
        }
    }

    public func jobIDs(startingWith prefix: String, limit: Int) async throws -> [JobID] {
        try await read { db in
            // "g" comes after every digit of an id, so the primary key finds the range.
            try db.rows(
                "SELECT id FROM provision_jobs WHERE id >= ?1 AND id < ?1 || 'g' ORDER BY created_at DESC LIMIT ?2",
                prefix, limit
            ) { try $0.id("id") }
        }
    }

    public func activeJobs(of worker: TendrilID) async throws -> [Job] {
        try await read { db in
            try db.rows(
                "SELECT * FROM provision_jobs WHERE holds_vine = 1 AND worker_id = ? ORDER BY created_at, id",
                worker.rawValue, make: JobRow.init)
        }.map { $0.outline() }
    }

    public func activeJobs() async throws -> [Job] {
        try await read { db in
            try db.rows(
                "SELECT * FROM provision_jobs WHERE holds_vine = 1 ORDER BY created_at, id", make: JobRow.init)
        }.map { $0.outline() }
    }

    public func assign(_ id: JobID, to worker: TendrilID?, note: String, at now: Timestamp) async throws {
        try await write { db, changes in
            let before = try JobRow.require(id, db)
            var revision = JobUpdate(of: before)
            try revision.apply([.assign], artifactStored: false, at: now)
            if let worker { try TendrilRow.require(worker, db) }
            guard before.assignedWorker != worker else { return }
            var record = revision.record
            record.assignedWorker = worker
            try Self.commit(&record, from: before, notes: revision.notes + [note], at: now, db, &changes)
        }
    }

    public func deployRequirement(of id: JobID) async throws -> EngineRequirement? {
        try await read { db in try JobRow.find(id, db) }?.deployRequirement
    }

    public func secrets(of id: JobID) async throws -> VineSecrets {
        let sealed = try await read { db in
            try db.row("SELECT secrets FROM provision_job_documents WHERE job_id = ?", id.rawValue)?.blob("secrets")
        }
        guard let sealed else { throw Refusal.noJob(id) }
        return try vault.decryptSecrets(sealed, for: .jobSecrets(id))
    }

    public func reruns(of id: JobID) async throws -> [JobID] {
        try await read { db in
            try db.rows("SELECT id FROM provision_jobs WHERE rerun_of = ? ORDER BY created_at, id", id.rawValue) {
                try $0.id("id")
            }
        }
    }
}

extension SQLiteStore {
    public func jobs(_ query: JobQuery, limit: Int, cursor: String?) async throws -> Page<Job> {
        let limit = PageLimit.clamped(limit)
        let filter = JobFilter(query, after: try cursor.map { try PageCursor($0) })
        let found = try await read { db in
            try db.rows(
                "SELECT job.* FROM provision_jobs AS job " + filter.condition
                    + " ORDER BY job.created_at DESC, job.id DESC LIMIT :limit",
                arguments: filter.arguments(limit: limit + 1), make: JobRow.init)
        }
        return Page(found.map { $0.outline() }, limit: limit) {
            PageCursor(createdAt: $0.createdAt, id: $0.id.rawValue)
        }
    }
}

/// A query as a condition: only what matters stands in it, so that each combination finds its index.
private struct JobFilter: Sendable {
    private var parts: [String] = []
    private var values: [String: String] = [:]
    private var after: Timestamp?

    init(_ query: JobQuery, after cursor: PageCursor?) {
        add(query.status?.rawValue, as: "status", "job.status = :status")
        add(query.type?.rawValue, as: "type", "job.job_type = :type")
        add(query.vine?.rawValue, as: "vine", "job.vine_id = :vine")
        add(query.worker?.rawValue, as: "worker", "job.tendril_id = :worker")
        if let text = query.text?.lowercased(), !text.isEmpty {
            add(text, as: "text", Self.textCondition)
            values["tight"] = text.replacing(/\s*\/\s*/, with: "/")
        }
        if let cursor {
            add(cursor.id, as: "id", "(job.created_at, job.id) < (:after, :id)")
            after = cursor.createdAt
        }
    }

    private mutating func add(_ value: String?, as name: String, _ condition: String) {
        guard let value else { return }
        parts.append(condition)
        values[name] = value
    }

    var condition: String { parts.isEmpty ? "" : "WHERE " + parts.joined(separator: " AND ") }

    func arguments(limit: Int) -> StatementArguments {
        var all: [String: SQLValue] = values.mapValues { $0 }
        if let after { all["after"] = after.milliseconds }
        all["limit"] = limit
        return StatementArguments(all)
    }

    // SQLite's own LIKE and lower() know the case of ASCII only; both sides are folded before they get here.
    /// The names that the vine had when the job was created; a row shows these.
    private static let jobTitle =
        "\(DatabaseFunction.lowercase.name)(job.project_name || ' / ' || job.environment_stage)"

    private static let textCondition = """
        (substr(job.id, 1, length(:text)) = :text
        OR instr(\(jobTitle), :text) > 0 OR instr(replace(\(jobTitle), ' / ', '/'), :tight) > 0
        OR EXISTS (SELECT 1 FROM vines AS vine WHERE vine.id = job.vine_id
            AND (instr(\(SQLiteStore.title), :text) > 0 OR instr(\(SQLiteStore.tightTitle), :tight) > 0))
        OR EXISTS (SELECT 1 FROM workers AS worker WHERE worker.id = job.tendril_id
            AND instr(worker.name_folded, :text) > 0))
        """
}
