public import Domain
internal import Postgres
public import Storage

extension PostgresStore {
    public func change(
        _ id: JobID, _ events: [JobEvent], facts: JobFields, at now: Timestamp
    ) async throws -> JobChange {
        let (stored, revision) = try await write { db, changes in
            if facts.metadata?["state_kept_by"]?.stringValue != nil {
                // The vine's row changes with the job's, and is locked before it.
                let vine: VineID? = try db.row("SELECT vine_id FROM provision_jobs WHERE id = $1", id)?.id("vine_id")
                if let vine { VineRow.lock(vine, db) }
            }
            guard var stored = try JobWithDocuments.lockAndFind(id, db) else { throw Refusal.noJob(id) }
            let metadata = try facts.metadata.map { try MergedMetadata($0, into: stored).text }
            let revision = try Self.revise(&stored, events, facts, metadata: metadata, at: now, db, &changes)
            return (stored, revision)
        }
        return JobChange(job: try stored.job(), actions: revision.actions, isChange: revision.isChange)
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
        try commit(&stored.record, from: before, notes: revision.notes, at: now, db, &changes)
        return revision
    }

    /// Writes `record` over `before`, with `notes` in its log, and says what changed.
    static func commit(
        _ record: inout JobRow, from before: JobRow, notes: [String], at now: Timestamp, _ db: Database,
        _ changes: inout [StoreChange]
    ) throws {
        if record != before {
            do {
                try record.update(db)
            } catch let error as PostgresError where error.isUniqueViolation {
                throw Refusal(.conflict, "Another job works on the vine.")
            } catch let error as PostgresError where error.isForeignKeyViolation {
                throw Refusal(.notFound, "There is no such Tendril.")
            }
        }
        if record != before { changes.append(.job(record.id)) }
        // Judged by the log as it was: the line that tells of a cancel belongs to the log that the cancel closes.
        if before.state.log == .open {
            LogWriter.append(notes, to: record.id, &record.tail, at: now, db, &changes)
        }
        if record.state.log == .complete, before.state.log != .complete {
            LogWriter.forgetAppends(of: record.id, db)
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

    /// The digest of the vine's settings as they are now; nil where the vine is gone.
    private func currentDigest(_ found: PlanFactsRow) throws -> String? {
        guard let vine = found.vine else { return nil }
        // The usual case, and then nothing needs to be opened.
        if vine.revision == found.plan.snapshotRevision { return found.plan.snapshotDigest }
        return try vault.configurationDigest(
            of: try vine.vine().settings, secrets: try vault.decryptSecrets(vine.secrets, for: .vineSecrets(vine.id)))
    }
}

/// What is stored about a plan that somebody may want to apply.
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
