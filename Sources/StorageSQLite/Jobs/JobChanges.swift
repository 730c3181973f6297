public import Domain
internal import GRDB
public import Storage

extension SQLiteStore {
    public func change(
        _ id: JobID, _ events: [JobEvent], facts: JobFields, at now: Timestamp
    ) async throws -> JobChange {
        while true {
            // Documents are decoded out here: the one writer must not wait for that.
            let metadata = try await merged(facts.metadata, of: id)
            let verdict = try await verdict(on: facts.closing, of: id)
            let changed = try await write { db, changes -> (JobWithDocuments, JobUpdate)? in
                guard var stored = try JobWithDocuments.find(id, db) else { throw Refusal.noJob(id) }
                if let metadata, !metadata.isBased(on: stored) { return nil }
                if let verdict, try !verdict.isCurrent(id, db) { return nil }
                let revision = try Self.revise(
                    &stored, events + (verdict.map { [$0.event] } ?? []), facts, metadata: metadata?.text, at: now, db,
                    &changes)
                return (stored, revision)
            }
            // nil if another report or append came between: then this one is based on that.
            guard let (stored, revision) = changed else { continue }
            return JobChange(job: try stored.job(), actions: revision.actions, isChange: revision.isChange)
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

    /// The job's metadata with `new` merged into it; nil if there is nothing new.
    private func merged(_ new: JSONValue?, of id: JobID) async throws -> MergedMetadata? {
        guard let new else { return nil }
        guard let stored = try await read({ db in try JobWithDocuments.find(id, db) }) else { throw Refusal.noJob(id) }
        return try MergedMetadata(new, into: stored)
    }

    private static func revise(
        _ stored: inout JobWithDocuments, _ events: [JobEvent], _ facts: JobFields, metadata: String?,
        at now: Timestamp,
        _ db: Database, _ changes: inout [StoreChange]
    ) throws -> JobUpdate {
        let id = stored.record.id
        var revision = JobUpdate(of: stored.record)
        let artifactStored = try db.exists("SELECT 1 FROM plan_artifacts WHERE job_id = ?", id.rawValue)
        try revision.apply(events, artifactStored: artifactStored, at: now)
        let metadata = metadata ?? stored.metadata
        revision.add(
            facts, metadata: metadata != stored.metadata, repeated: !events.isEmpty && !revision.isChange)
        if metadata != stored.metadata {
            stored.metadata = metadata
            try db.run(
                "UPDATE provision_job_documents SET execution_metadata = ? WHERE job_id = ?", metadata, id.rawValue)
        }
        if let keeper = facts.metadata?["state_kept_by"]?.stringValue {
            try db.run(
                "UPDATE vines SET state_kept_by = ?1 WHERE id = ?2 AND state_kept_by IS NOT ?1", keeper,
                stored.record.vine.rawValue)
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
            } catch let error as DatabaseError where error.extendedResultCode == .SQLITE_CONSTRAINT_UNIQUE {
                throw Refusal(.conflict, "Another job is using the vine.")
            } catch let error as DatabaseError where error.extendedResultCode == .SQLITE_CONSTRAINT_FOREIGNKEY {
                throw Refusal(.notFound, "Tendril not found.")
            }
        }
        if record != before { changes.append(.job(record.id)) }
        // Uses the log state before the change, so the note of a cancel is still added to the log that it closes.
        if before.state.log == .open {
            try LogWriter.append(systemLines, to: record.id, &record.tail, at: now, db, &changes)
        }
        if record.state.log == .complete, before.state.log != .complete {
            try LogWriter.deleteAppendDigests(of: record.id, db)
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

    /// Whether no append has come since.
    func isCurrent(_ job: JobID, _ db: Database) throws -> Bool {
        try SQLiteStore.nextN(job.rawValue, epoch, db) == nextN
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
            artifactStored: try db.exists("SELECT 1 FROM plan_artifacts WHERE job_id = ?", id.rawValue),
            deploy: try SQLiteStore.deploy(of: id, db))
    }
}
