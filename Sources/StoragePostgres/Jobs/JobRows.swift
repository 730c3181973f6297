internal import Domain
internal import Foundation
internal import Postgres
internal import Storage

extension JobRow {
    init(_ row: Row) throws {
        self.init(
            id: try row.id("id"), type: try row.name("job_type"), vine: try row.id("vine_id"),
            state: try JobState(row), assignedWorker: try row.optionalID("assigned_worker_id"),
            plan: try row.optionalID("plan_job_id"), rerunOf: try row.optionalID("rerun_of"),
            snapshotRevision: try row.int("snapshot_revision"), snapshotDigest: try row.text("snapshot_digest"),
            projectName: try row.text("project_name"), environmentStage: try row.text("environment_stage"),
            resolvedCommit: try row.optionalText("resolved_commit"), requirement: try EngineRequirement(row),
            options: try row.optionalText("run_options"),
            engine: try Engine(ofJob: row), runRoot: try row.optionalText("run_root"),
            plannedState: try StatePosition.planned(row), createdBy: try row.text("created_by"),
            cancelledBy: try row.optionalText("cancelled_by"), errorMessage: try row.optionalText("error_message"),
            outcome: nil, changes: nil, warnings: try row.optionalInt("warnings"),
            createdAt: try row.time("created_at"), claimedAt: try row.optionalTime("claimed_at"),
            startedAt: try row.optionalTime("started_at"), completedAt: try row.optionalTime("completed_at"),
            forcedAt: try row.optionalTime("forced_at"), givenUpAt: try row.optionalTime("given_up_at"))
        outcome = try row.optionalText("outcome").map(StoredField.init(text:))
        changes = try row.optionalText("changes").map(StoredField.init(text:))
        vineyard = try row.id("vineyard_id")
        if let text = try row.optionalText("phases") { phases = StoredField(text: text) }
        if let text = try row.optionalText("truncated") { truncated = StoredField(text: text) }
    }

    /// The job's row, as the transaction of `db` sees it.
    static func find(_ id: JobID, _ db: Database) throws -> JobRow? {
        try db.row("SELECT * FROM provision_jobs WHERE id = $1", id).map(JobRow.init)
    }

    static func require(_ id: JobID, _ db: Database) throws -> JobRow {
        guard let record = try find(id, db) else { throw Refusal.noJob(id) }
        return record
    }

    /// Keeps everybody else from changing the job, or its log, until the commit.
    ///
    /// Read what else you need in a later statement: one that waits for a lock sees the current values of the locked
    /// row only.
    static func lock(_ id: JobID, _ db: Database) {
        db.run("SELECT 1 FROM provision_jobs WHERE id = $1 FOR NO KEY UPDATE", id)
        db.run("SELECT 1 FROM provision_job_log_heads WHERE job_id = $1 FOR UPDATE", id)
    }

    /// The job, locked, with the end of its log.
    static func lockAndRequire(_ id: JobID, _ db: Database) throws -> JobRow {
        lock(id, db)
        guard let row = try db.row(selectWithTail + "WHERE job.id = $1", id) else { throw Refusal.noJob(id) }
        var record = try JobRow(row)
        record.tail = try LogTail(row)
        return record
    }

    static let selectWithTail = """
        SELECT job.*, \(LogTail.columns) FROM provision_jobs AS job
        JOIN provision_job_log_heads AS head ON head.job_id = job.id

        """
}

extension JobWithDocuments {
    /// The SELECT for whole jobs, without `WHERE`.
    static let select = """
        SELECT job.*, document.config_snapshot, document.execution_metadata
        FROM provision_jobs AS job JOIN provision_job_documents AS document ON document.job_id = job.id

        """

    init(_ row: Row) throws {
        self.init(
            record: try JobRow(row), snapshot: try row.text("config_snapshot"),
            metadata: try row.text("execution_metadata"))
    }

    /// The job, locked, with the end of its log.
    static func lockAndFind(_ id: JobID, _ db: Database) throws -> JobWithDocuments? {
        JobRow.lock(id, db)
        let row = try db.row(
            """
            SELECT job.*, \(LogTail.columns), document.config_snapshot, document.execution_metadata
            FROM provision_jobs AS job JOIN provision_job_log_heads AS head ON head.job_id = job.id
            JOIN provision_job_documents AS document ON document.job_id = job.id WHERE job.id = $1
            """, id)
        return try row.map { row in
            var found = try JobWithDocuments(row)
            found.record.tail = try LogTail(row)
            return found
        }
    }

    static func find(_ id: JobID, _ db: Database) throws -> JobWithDocuments? {
        try db.row(select + "WHERE job.id = $1", id).map(JobWithDocuments.init)
    }
}

extension JobState {
    fileprivate init(_ row: Row) throws {
        guard let log = LogState(name: try row.text("log_state"), reason: try row.optionalText("log_reason")) else {
            throw StorageError(.corrupt, "The column log_state has an invalid value.")
        }
        self.init(
            status: try row.name("status"), engine: try row.name("engine_state"), log: log,
            worker: try row.optionalID("worker_id"), epoch: try row.int("epoch"),
            leaseHeld: try row.flag("lease_held"), isForced: try row.flag("forced"))
    }
}

extension EngineRequirement {
    fileprivate init(_ row: Row) throws {
        self.init(
            name: try row.optionalName("needs_engine"), version: try row.optionalText("needs_version"),
            platform: try row.optionalText("needs_platform"), runRoot: try row.optionalText("needs_run_root"))
    }
}

extension Engine {
    fileprivate init?(ofJob row: Row) throws {
        guard let name: Name = try row.optionalName("engine_name") else { return nil }
        self.init(name: name, version: try row.text("engine_version"), platform: try row.text("engine_platform"))
    }
}

extension StatePosition {
    /// What a PLAN was made against: nil if unknown, `.some(nil)` if there was no state.
    fileprivate static func planned(_ row: Row) throws -> StatePosition?? {
        guard try row.flag("planned_state_known") else { return nil }
        guard let lineage = try row.optionalText("planned_lineage") else { return .some(nil) }
        return StatePosition(lineage: lineage, serial: try row.integer("planned_serial"))
    }
}

extension LogTail {
    static let columns =
        "head.seq AS log_seq, head.stdout_lines, head.stderr_lines, head.system_lines, head.log_time"

    init(_ row: Row) throws {
        let lines: [LogStream: Int64] = [
            .stdout: try row.integer("stdout_lines"), .stderr: try row.integer("stderr_lines"),
            .system: try row.integer("system_lines"),
        ]
        self.init(
            seq: try row.integer("log_seq"), lines: lines.values.reduce(0, +), linesByStream: lines,
            lastTime: try row.optionalTime("log_time"))
    }
}

extension JobWithDocuments {
    /// Stores a new job.
    func insert(_ db: Database, secrets: Data) throws {
        let columns = try record.fixedColumns + record.changingColumns
        let names = columns.map(\.0).joined(separator: ", ")
        let marks = columns.indices.map { "$\($0 + 1)" }.joined(separator: ", ")
        db.run("INSERT INTO provision_jobs (\(names)) VALUES (\(marks))", columns.map(\.1.postgresValue))
        db.run("INSERT INTO provision_job_log_heads VALUES ($1, 0, 0, 0, 0, NULL)", record.id)
        try db.execute(
            "INSERT INTO provision_job_documents VALUES ($1, $2, $3, $4)", record.id, snapshot, metadata, secrets)
    }
}

extension JobRow {
    /// Writes what may change over the job's life, except where its log ends.
    func update(_ db: Database) throws {
        let columns = try changingColumns
        let assignments = columns.enumerated().map { "\($0.element.0) = $\($0.offset + 1)" }.joined(separator: ", ")
        try db.query(
            "UPDATE provision_jobs SET \(assignments) WHERE id = $\(columns.count + 1)",
            columns.map(\.1.postgresValue) + [id.postgresValue])
    }

    fileprivate var fixedColumns: [(String, SQLValue)] {
        get throws {
            [
                ("id", id), ("job_type", type.rawValue), ("vine_id", vine),
                ("vineyard_id", vineyard),
                ("plan_job_id", plan), ("rerun_of", rerunOf),
                ("snapshot_revision", snapshotRevision), ("snapshot_digest", snapshotDigest),
                ("project_name", projectName), ("environment_stage", environmentStage),
                ("needs_engine", requirement.name?.rawValue), ("needs_version", requirement.version),
                ("needs_platform", requirement.platform), ("needs_run_root", requirement.runRoot),
                ("run_options", options),
                ("created_by", createdBy), ("created_at", createdAt),
            ]
        }
    }

    fileprivate var changingColumns: [(String, SQLValue)] {
        get throws {
            [
                ("status", state.status.rawValue), ("engine_state", state.engine.rawValue),
                ("log_state", state.log.name), ("log_reason", state.log.reason),
                ("worker_id", state.worker), ("epoch", state.epoch), ("lease_held", state.leaseHeld),
                ("forced", state.isForced),
                ("assigned_worker_id", assignedWorker), ("resolved_commit", resolvedCommit),
                ("engine_name", engine?.name.rawValue), ("engine_version", engine?.version),
                ("engine_platform", engine?.platform), ("run_root", runRoot),
                ("planned_state_known", plannedState != nil),
                ("planned_lineage", plannedState.flatMap { $0 }?.lineage),
                ("planned_serial", plannedState.flatMap { $0 }?.serial), ("cancelled_by", cancelledBy),
                ("error_message", errorMessage), ("outcome", try outcome.map { try StoredJSON.encode($0) }),
                ("changes", try changes.map { try StoredJSON.encode($0) }), ("warnings", warnings),
                ("phases", phases.isEmpty ? nil : try StoredJSON.encode(phases)),
                ("truncated", truncated.isEmpty ? nil : try StoredJSON.encode(truncated)),
                ("claimed_at", claimedAt), ("started_at", startedAt),
                ("completed_at", completedAt), ("forced_at", forcedAt),
                ("given_up_at", givenUpAt),
            ]
        }
    }
}
