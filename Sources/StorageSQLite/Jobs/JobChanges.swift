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
            let verdict = try await logVerdict(on: facts.closing, of: id)
            let changed = try await write(
                // An attempt that changed nothing is none.
                completing: AuditCompletion { changed, _ in changed?.1.isChange == true }
            ) { db, changes -> (JobWithDocuments, JobUpdate)? in
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
        try ErrorRows.update(stored.record, from: before, errors: facts.errors, at: now, db)
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
        try await read { db in try StoredPlanFacts.find(id, db) }?.facts(vault)
    }
}

extension LogVerdict {
    /// Whether no append has come since.
    fileprivate func isCurrent(_ job: JobID, _ db: Database) throws -> Bool {
        try SQLiteStore.nextN(job.rawValue, epoch, db) == nextN
    }
}

extension StoredPlanFacts {
    fileprivate static func find(_ id: JobID, _ db: Database) throws -> StoredPlanFacts? {
        guard let plan = try JobRow.find(id, db) else { return nil }
        return StoredPlanFacts(
            plan: plan, vine: try VineRow.find(plan.vine, db),
            state: try StateVersion.newest(of: plan.vine, db)?.position,
            artifactStored: try db.exists("SELECT 1 FROM plan_artifacts WHERE job_id = ?", id.rawValue),
            deploy: try SQLiteStore.deploy(of: id, db))
    }
}
