public import Domain
internal import GRDB

extension SQLiteStore {
    public func change(
        _ id: JobID, _ events: [JobEvent], facts: JobFacts, at now: Timestamp
    ) async throws -> JobChange {
        let (stored, revision) = try await write { db, changes in
            guard var stored = try StoredJob.find(id, db) else { throw Refusal.noJob(id) }
            let revision = try Self.revise(&stored, events, facts, at: now, db, &changes)
            return (stored, revision)
        }
        return JobChange(job: try stored.job(), actions: revision.actions, isChange: revision.isChange)
    }

    private static func revise(
        _ stored: inout StoredJob, _ events: [JobEvent], _ facts: JobFacts, at now: Timestamp, _ db: Database,
        _ changes: inout [StoreChange]
    ) throws -> JobRevision {
        let id = stored.record.id
        var revision = JobRevision(of: stored.record)
        let artifactStored = try db.finds("SELECT 1 FROM plan_artifacts WHERE job_id = ?", id.rawValue)
        try revision.apply(events, artifactStored: artifactStored, at: now)
        let metadata = try merged(facts.metadata, into: stored)
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
        try commit(&stored.record, from: before, notes: revision.notes, at: now, db, &changes)
        return revision
    }

    /// The job's metadata with `new` in it. Of a job that has ended what is stored stands, and nothing grows beyond the
    /// bound: what would is left out as a whole.
    private static func merged(_ new: JSONValue?, into job: StoredJob) throws -> String {
        guard let new else { return job.metadata }
        let stored = try StoredJSON.decode(JSONValue.self, from: job.metadata)
        let state = job.record.state
        let hadEnded = state.status.isTerminal && !state.engine.holdsVine
        let text = try StoredJSON.encode(hadEnded ? new.merging(stored) : stored.merging(new))
        return text.utf8.count <= max(JobMetadata.storedBytes, job.metadata.utf8.count) ? text : job.metadata
    }

    /// Writes `record` over `before`, with `notes` in its log, and says what changed.
    static func commit(
        _ record: inout JobRecord, from before: JobRecord, notes: [String], at now: Timestamp, _ db: Database,
        _ changes: inout [StoreChange]
    ) throws {
        if record != before {
            do {
                try record.update(db)
            } catch let error as DatabaseError where error.extendedResultCode == .SQLITE_CONSTRAINT_UNIQUE {
                throw Refusal(.conflict, "Another job works on the vine.")
            } catch let error as DatabaseError where error.extendedResultCode == .SQLITE_CONSTRAINT_FOREIGNKEY {
                throw Refusal(.notFound, "There is no such Tendril.")
            }
        }
        if record != before { changes.append(.job(record.id)) }
        // Judged by the log as it was: the line that tells of a cancel belongs to the log that the cancel closes.
        if before.state.log == .open {
            try LogWriter.append(notes, to: record.id, &record.tail, at: now, db, &changes)
        }
        if record.state.log == .complete, before.state.log != .complete {
            try LogWriter.forgetAppends(of: record.id, db)
        }
    }

    public func planFacts(_ id: JobID) async throws -> PlanValidity.Facts? {
        let found = try await read { db in try PlanRecord.find(id, db) }
        guard let found else { return nil }
        return PlanValidity.Facts(
            planType: found.plan.type, planStatus: found.plan.state.status,
            plannedDigest: found.plan.snapshotDigest, currentDigest: try currentDigest(found),
            plannedState: found.plan.plannedState.flatMap { $0 }, currentState: found.state,
            artifactStored: found.artifactStored, deploy: found.deploy)
    }

    /// The digest of the vine's settings as they are now; nil where the vine is gone.
    private func currentDigest(_ found: PlanRecord) throws -> String? {
        guard let vine = found.vine else { return nil }
        // The usual case, and then nothing needs to be opened.
        if vine.revision == found.plan.snapshotRevision { return found.plan.snapshotDigest }
        return try vault.configurationDigest(
            of: try vine.vine().settings, secrets: try openSecrets(vine.secrets, for: .vineSecrets(vine.id)))
    }
}

/// What is stored about a plan that somebody may want to apply.
private struct PlanRecord: Sendable {
    var plan: JobRecord
    var vine: VineRecord?
    var state: StatePosition?
    var artifactStored: Bool
    var deploy: JobID?

    static func find(_ id: JobID, _ db: Database) throws -> PlanRecord? {
        guard let plan = try JobRecord.find(id, db) else { return nil }
        return PlanRecord(
            plan: plan, vine: try VineRecord.find(plan.vine, db),
            state: try StateVersion.newest(of: plan.vine, db)?.position,
            artifactStored: try db.finds("SELECT 1 FROM plan_artifacts WHERE job_id = ?", id.rawValue),
            deploy: try SQLiteStore.deploy(of: id, db))
    }
}
