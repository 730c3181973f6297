internal import Domain
internal import Foundation
internal import GRDB
internal import Storage

extension JobRow {
    init(_ row: Row) throws {
        self.init(
            id: try row.id("id"), type: try row.name("job_type"), vine: try row.id("vine_id"),
            state: try JobState(row), assignedWorker: try row.optionalID("assigned_worker_id"),
            plan: try row.optionalID("plan_job_id"), rerunOf: try row.optionalID("rerun_of"),
            snapshotRevision: try row.int("snapshot_revision"), snapshotDigest: try row.text("snapshot_digest"),
            projectName: try row.text("project_name"), environmentStage: try row.text("environment_stage"),
            resolvedCommit: row.optionalText("resolved_commit"), requirement: try EngineRequirement(row),
            options: row.optionalText("run_options"),
            engine: try Engine(ofJob: row), runRoot: row.optionalText("run_root"),
            plannedState: try StatePosition.planned(row), createdBy: try row.text("created_by"),
            cancelledBy: row.optionalText("cancelled_by"), errorMessage: row.optionalText("error_message"),
            outcome: nil, changes: nil, warnings: row.optionalInt("warnings"),
            createdAt: try row.time("created_at"), claimedAt: row.optionalTime("claimed_at"),
            startedAt: row.optionalTime("started_at"), completedAt: row.optionalTime("completed_at"),
            forcedAt: row.optionalTime("forced_at"), givenUpAt: row.optionalTime("given_up_at"),
            tail: try LogTail(row))
        outcome = row.optionalText("outcome").map(StoredField.init(text:))
        changes = row.optionalText("changes").map(StoredField.init(text:))
        vineyard = try row.id("vineyard_id")
        if let text = row.optionalText("phases") { phases = StoredField(text: text) }
        if let text = row.optionalText("truncated") { truncated = StoredField(text: text) }
    }

    /// The job's row, as the transaction of `db` sees it.
    static func find(_ id: JobID, _ db: Database) throws -> JobRow? {
        try db.row("SELECT * FROM provision_jobs WHERE id = ?", id.rawValue).map(JobRow.init)
    }

    static func require(_ id: JobID, _ db: Database) throws -> JobRow {
        guard let record = try find(id, db) else { throw Refusal.noJob(id) }
        return record
    }
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

    static func find(_ id: JobID, _ db: Database) throws -> JobWithDocuments? {
        try db.row(select + "WHERE job.id = ?", id.rawValue).map(JobWithDocuments.init)
    }
}

extension JobState {
    fileprivate init(_ row: Row) throws {
        guard let log = LogState(name: try row.text("log_state"), reason: row.optionalText("log_reason")) else {
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
            name: try row.optionalName("needs_engine"), version: row.optionalText("needs_version"),
            platform: row.optionalText("needs_platform"), runRoot: row.optionalText("needs_run_root"))
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
        guard let lineage = row.optionalText("planned_lineage") else { return .some(nil) }
        return StatePosition(lineage: lineage, serial: try row.integer("planned_serial"))
    }
}

extension LogTail {
    init(_ row: Row) throws {
        self.init(
            seq: try row.integer("log_seq"), lines: try row.integer("log_lines"),
            linesByStream: [
                .stdout: try row.integer("stdout_lines"), .stderr: try row.integer("stderr_lines"),
                .system: try row.integer("system_lines"),
            ],
            lastTime: row.optionalTime("log_time"))
    }
}

extension JobWithDocuments {
    /// Stores a new job.
    func insert(_ db: Database, secrets: Data) throws {
        let columns = try record.fixedColumns + record.changingColumns
        let names = columns.map(\.0).joined(separator: ", ")
        let marks = columns.map { _ in "?" }.joined(separator: ", ")
        try db.cachedStatement(
            sql: """
                INSERT INTO provision_jobs (\(names), log_seq, log_lines, stdout_lines, stderr_lines, system_lines)
                VALUES (\(marks), 0, 0, 0, 0, 0)
                """
        ).execute(arguments: StatementArguments(columns.map(\.1)))
        try db.run(
            "INSERT INTO provision_job_documents VALUES (?, ?, ?, ?)", record.id.rawValue, snapshot, metadata,
            secrets)
    }
}

extension JobRow {
    /// Writes what may change over the job's life, except where its log ends.
    func update(_ db: Database) throws {
        let columns = try changingColumns
        let assignments = columns.map { "\($0.0) = ?" }.joined(separator: ", ")
        try db.cachedStatement(sql: "UPDATE provision_jobs SET \(assignments) WHERE id = ?")
            .execute(arguments: StatementArguments(columns.map(\.1) + [id.rawValue]))
    }

    fileprivate var fixedColumns: [(String, SQLValue)] {
        get throws {
            [
                ("id", id.rawValue), ("job_type", type.rawValue), ("vine_id", vine.rawValue),
                ("vineyard_id", vineyard.rawValue),
                ("plan_job_id", plan?.rawValue), ("rerun_of", rerunOf?.rawValue),
                ("snapshot_revision", snapshotRevision), ("snapshot_digest", snapshotDigest),
                ("project_name", projectName), ("environment_stage", environmentStage),
                ("needs_engine", requirement.name?.rawValue), ("needs_version", requirement.version),
                ("needs_platform", requirement.platform), ("needs_run_root", requirement.runRoot),
                ("run_options", options),
                ("created_by", createdBy), ("created_at", createdAt.milliseconds),
            ]
        }
    }

    fileprivate var changingColumns: [(String, SQLValue)] {
        get throws {
            [
                ("status", state.status.rawValue), ("engine_state", state.engine.rawValue),
                ("log_state", state.log.name), ("log_reason", state.log.reason),
                ("worker_id", state.worker?.rawValue), ("epoch", state.epoch), ("lease_held", state.leaseHeld),
                ("forced", state.isForced),
                ("assigned_worker_id", assignedWorker?.rawValue), ("resolved_commit", resolvedCommit),
                ("engine_name", engine?.name.rawValue), ("engine_version", engine?.version),
                ("engine_platform", engine?.platform), ("run_root", runRoot),
                ("planned_state_known", plannedState != nil),
                ("planned_lineage", plannedState.flatMap { $0 }?.lineage),
                ("planned_serial", plannedState.flatMap { $0 }?.serial), ("cancelled_by", cancelledBy),
                ("error_message", errorMessage), ("outcome", try outcome.map { try StoredJSON.encode($0) }),
                ("changes", try changes.map { try StoredJSON.encode($0) }), ("warnings", warnings),
                ("phases", phases.isEmpty ? nil : try StoredJSON.encode(phases)),
                ("truncated", truncated.isEmpty ? nil : try StoredJSON.encode(truncated)),
                ("claimed_at", claimedAt?.milliseconds), ("started_at", startedAt?.milliseconds),
                ("completed_at", completedAt?.milliseconds), ("forced_at", forcedAt?.milliseconds),
                ("given_up_at", givenUpAt?.milliseconds),
            ]
        }
    }
}
