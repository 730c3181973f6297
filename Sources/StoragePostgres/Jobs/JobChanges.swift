public import Domain
internal import Postgres
public import Storage

extension PostgresStore {
    public func change(
        _ id: JobID, _ events: [JobEvent], facts: JobFields, at now: Timestamp
    ) async throws -> JobChange {
        while true {
            let verdict = try await verdict(on: facts.closing, of: id)
            let changed = try await change(id, events, facts, verdict, at: now)
            // nil if an append came between: then the log is judged again.
            guard let (stored, revision) = changed else { continue }
            return JobChange(job: try stored.job(), actions: revision.actions, isChange: revision.isChange)
        }
    }

    private func change(
        _ id: JobID, _ events: [JobEvent], _ facts: JobFields, _ verdict: Verdict?, at now: Timestamp
    ) async throws -> (JobWithDocuments, JobUpdate)? {
        try await write { db, changes in
            if facts.metadata?["state_kept_by"]?.stringValue != nil {
                // The vine's row changes with the job's, and is locked before it.
                let vine: VineID? = try db.row("SELECT vine_id FROM provision_jobs WHERE id = $1", id)?.id("vine_id")
                if let vine { VineRow.lock(vine, db) }
            }
            guard var stored = try JobWithDocuments.lockAndFind(id, db) else { throw Refusal.noJob(id) }
            if let verdict, try !verdict.isCurrent(id, db) { return nil }
            let metadata = try facts.metadata.map { try MergedMetadata($0, into: stored).text }
            let revision = try Self.revise(
                &stored, events + (verdict.map { [$0.event] } ?? []), facts, metadata: metadata, at: now, db, &changes)
            return (stored, revision)
        }
    }

    /// The verdict on a log that ends, made before the commit (reading a log takes a while) and checked in it.
    private func verdict(on closing: LogClosing?, of id: JobID) async throws -> Verdict? {
        guard let closing else { return nil }
        let nextN = try await logCursor(of: id, epoch: closing.epoch).nextN
        let log =
            switch closing.capture {
            case .incomplete: closing.verdict(stored: LogDigest(streams: [:]))
            case .captured: closing.verdict(stored: try await logDigest(of: id, epoch: closing.epoch))
            }
        return Verdict(epoch: closing.epoch, log: log, nextN: nextN)
    }

    private static func revise(
        _ stored: inout JobWithDocuments, _ events: [JobEvent], _ facts: JobFields, metadata: String?,
        at now: Timestamp,
        _ db: Database, _ changes: inout [StoreChange]
    ) throws -> JobUpdate {
        let id = stored.record.id
        var revision = JobUpdate(of: stored.record)
        let artifactStored = try db.exists("SELECT 1 FROM plan_artifacts WHERE job_id = $1", id)
        try revision.apply(events, artifactStored: artifactStored, at: now)
        let metadata = metadata ?? stored.metadata
        revision.add(
            facts, metadata: metadata != stored.metadata, repeated: !events.isEmpty && !revision.isChange)
        if metadata != stored.metadata {
            stored.metadata = metadata
            db.run(
                "UPDATE provision_job_documents SET execution_metadata = $1 WHERE job_id = $2", metadata, id)
        }
        if let keeper = facts.metadata?["state_kept_by"]?.stringValue {
            db.run(
                "UPDATE vines SET state_kept_by = $1 WHERE id = $2 AND state_kept_by IS DISTINCT FROM $1", keeper,
                stored.record.vine)
        }
        let before = stored.record
        stored.record = revision.record
        try commit(&stored.record, from: before, systemLines: revision.systemLines, at: now, db, &changes)
        changes += revision.wakeups(from: before.state)
        return revision
    }

    /// Writes `record` over `before`, with `systemLines` in its log, and reports what changed.
    static func commit(
        _ record: inout JobRow, from before: JobRow, systemLines: [String], at now: Timestamp, _ db: Database,
        _ changes: inout [StoreChange]
    ) throws {
        if record != before {
            do {
                try record.update(db)
            } catch let error as PostgresError where error.isUniqueViolation {
                throw Refusal(.conflict, "Another job is using the vine.")
            } catch let error as PostgresError where error.isForeignKeyViolation {
                throw Refusal(.notFound, "Tendril not found.")
            }
        }
        if record != before { changes.append(.job(record.id)) }
        // Uses the log state before the change, so the note of a cancel is still added to the log that it closes.
        if before.state.log == .open {
            LogWriter.append(systemLines, to: record.id, &record.tail, at: now, db, &changes)
        }
        if record.state.log == .complete, before.state.log != .complete {
            LogWriter.deleteAppendDigests(of: record.id, db)
        }
    }

    public func planFacts(_ id: JobID) async throws -> PlanValidity.Facts? {
        let found = try await read { db in try PlanFactsRow.find(id, db) }
        guard let found else { return nil }
        return PlanValidity.Facts(
            planType: found.plan.type, planStatus: found.plan.state.status,
            plannedDigest: found.plan.snapshotDigest, currentDigest: try currentDigest(found),
            plannedState: found.plan.plannedState.flatMap { $0 }, currentState: found.state,
            artifactStored: found.artifactStored, deploy: found.deploy)
    }

    /// The digest of the vine's settings as they are now; nil if the vine is gone.
    private func currentDigest(_ found: PlanFactsRow) throws -> String? {
        guard let vine = found.vine else { return nil }
        // The common case, which needs no decryption.
        if vine.revision == found.plan.snapshotRevision { return found.plan.snapshotDigest }
        return try vault.configurationDigest(
            of: try vine.vine().settings, secrets: try vault.decryptSecrets(vine.secrets, for: .vineSecrets(vine.id)))
    }
}

/// How a log ends, judged by the appends before `nextN`.
private struct Verdict: Sendable {
    var epoch: Int
    var log: LogState
    var nextN: Int64

    var event: JobEvent { .closeLog(epoch: epoch, log) }

    /// Whether no append has come since; the log is locked.
    func isCurrent(_ job: JobID, _ db: Database) throws -> Bool {
        let writer = try db.row(
            "SELECT next_n FROM provision_job_log_writers WHERE job_id = $1 AND epoch = $2", job, epoch)
        return try writer?.integer("next_n") ?? 1 == nextN
    }
}

/// Stored data that decides whether a plan may be applied.
private struct PlanFactsRow: Sendable {
    var plan: JobRow
    var vine: VineRow?
    var state: StatePosition?
    var artifactStored: Bool
    var deploy: JobID?

    static func find(_ id: JobID, _ db: Database) throws -> PlanFactsRow? {
        guard let plan = try JobRow.find(id, db) else { return nil }
        return PlanFactsRow(
            plan: plan, vine: try VineRow.find(plan.vine, db),
            state: try StateVersion.newest(of: plan.vine, db)?.position,
            artifactStored: try db.exists("SELECT 1 FROM plan_artifacts WHERE job_id = $1", id),
            deploy: try PostgresStore.deploy(of: id, db))
    }
}
