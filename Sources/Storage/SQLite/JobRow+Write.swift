internal import Domain
internal import Foundation
internal import GRDB

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
                ("plan_job_id", plan?.rawValue), ("rerun_of", rerunOf?.rawValue),
                ("snapshot_revision", snapshotRevision), ("snapshot_digest", snapshotDigest),
                ("project_name", projectName), ("environment_stage", environmentStage),
                ("needs_engine", requirement.name?.rawValue), ("needs_version", requirement.version),
                ("needs_platform", requirement.platform), ("needs_run_root", requirement.runRoot),
                ("run_options", options.isEmpty ? nil : try StoredJSON.encode(options)),
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
