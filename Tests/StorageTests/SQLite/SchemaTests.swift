import Crypto
import Domain
import Foundation
import Testing

@testable import Storage
@testable import StorageSQLite

/// The database's constraints, which hold even if the program is wrong.
@Suite struct SchemaTests {
    private struct Undo: Error {}

    private func run(_ body: (SQLiteStore, StoreFixture) async throws -> Void) async throws {
        try await StoreEngine.sqlite.run { bench in
            try await body(#require(bench.store as? SQLiteStore), bench)
        }
    }

    /// Whether the database takes a job like this. Nothing stays of it.
    private func takes(_ record: JobRow, in store: SQLiteStore) async throws -> Bool {
        do {
            try await store.write { db, _ in
                try JobWithDocuments(record: record, snapshot: "{}", metadata: "{}").insert(db, secrets: Data())
                throw Undo()
            }
            return false
        } catch let error as StorageError {
            if error.reason == "Undo" { return true }
            guard error.reason.contains("CHECK") else { throw error }
            return false
        }
    }

    /// Every state that can be written down, 1,440 of them, forced and not: the CHECKs take those that `isConsistent`
    /// takes.
    @Test func checksAgreeWithTheStateMachine() async throws {
        try await run { store, bench in
            let tendril = try await bench.tendril()
            let draft = try await bench.draft(of: bench.vine())
            var taken = 0
            for state in Self.allStates(worker: tendril.id) {
                var record = try JobRow(draft)
                record.state = state
                record.claimedAt = state.status == .queued ? nil : StoreFixture.at(2)
                record.startedAt = state.engine == .none ? nil : StoreFixture.at(3)
                record.completedAt = state.status.isTerminal ? StoreFixture.at(4) : nil
                let isTaken = try await takes(record, in: store)
                #expect(isTaken == state.isConsistent, "\(state)")
                taken += isTaken ? 1 : 0
            }
            #expect(taken > 10)
        }
    }

    static func allStates(worker: TendrilID) -> [JobState] {
        var states: [JobState] = []
        for status in JobStatus.allCases {
            for engine in [EngineState.none, .running, .stopping, .gone, .unknown] {
                for log in [LogState.open, .complete, .incomplete(reason: "x")] {
                    for worker in [nil, worker] {
                        for epoch in [0, 1] {
                            for (held, forced) in [(false, false), (true, false), (false, true), (true, true)] {
                                states.append(
                                    JobState(
                                        status: status, engine: engine, log: log, worker: worker, epoch: epoch,
                                        leaseHeld: held, isForced: forced))
                            }
                        }
                    }
                }
            }
        }
        return states
    }

    /// Earlier versions stored a second vine with the same project and stage.
    @Test func vinesThatShareANameAlreadyStayUsable() async throws {
        try await run { store, bench in
            let (one, two) = (try await bench.vine(project: "twin"), try await bench.vine(project: "other"))
            try await store.write { db, _ in
                try db.run(
                    """
                    UPDATE vines SET project_folded = 'twin', settings = replace(settings, 'other', 'twin')
                    WHERE id = ?
                    """, two.id.rawValue)
            }
            var changed = try #require(try await store.vine(two.id))
            #expect(changed.title == one.title)
            changed.settings.region = "eu-2"
            #expect(try await store.updateVine(changed, secrets: VineSecrets()).settings.region == "eu-2")
            await expectRefusal(.conflict) { _ = try await bench.vine(project: "twin") }
            changed = try #require(try await store.vine(two.id))
            changed.settings.projectName = "single"
            _ = try await store.updateVine(changed, secrets: VineSecrets())
            // Back is not possible: that would be a second one again.
            changed = try #require(try await store.vine(two.id))
            changed.settings.projectName = "twin"
            await expectRefusal(.conflict) { [changed] in
                _ = try await store.updateVine(changed, secrets: VineSecrets())
            }
        }
    }

    /// Transactions scan what a Tendril reported, and parse nothing of it: this job has documents that can't be parsed.
    @Test func noTransactionParsesWhatWasReported() async throws {
        try await run { store, bench in
            let job = try await bench.job(of: bench.vine())
            try await store.write { db, _ in
                try db.run(
                    """
                    UPDATE provision_jobs SET outcome = '{"result":"UNKNOWN","exit_code":[]}',
                        changes = '{', phases = '[{},{}]', truncated = '[' WHERE id = ?
                    """, job.id.rawValue)
            }
            let changed = try await store.write { db, changes in
                var record = try JobRow.require(job.id, db)
                let before = record
                record.errorMessage = "x"
                try SQLiteStore.commit(&record, from: before, systemLines: ["y"], at: StoreFixture.at(2), db, &changes)
                var update = JobUpdate(of: record)
                let facts = JobFields(phases: [JobPhase(name: "init", startedAt: StoreFixture.at(1))], truncated: ["a"])
                update.add(facts, metadata: false, repeated: false)
                return update.record
            }
            #expect(changed.outcome?.result == .unknown)
            // One phase is less than the two that are stored.
            #expect(changed.phases.count == 2)
            #expect(throws: StorageError.self) { try changed.outcome?.value }
            await #expect(throws: StorageError.self) { _ = try await store.job(job.id) }
        }
    }

    @Test func timesStandWhereTheStatusImpliesThem() async throws {
        try await run { store, bench in
            let tendril = try await bench.tendril()
            var queued = try JobRow(await bench.draft(of: bench.vine()))
            #expect(try await takes(queued, in: store))
            queued.claimedAt = StoreFixture.at(1)
            #expect(try await !takes(queued, in: store))

            var failed = try JobRow(await bench.draft(of: bench.vine()))
            failed.state = JobState(status: .failed, engine: .gone, log: .open, worker: tendril.id, epoch: 1)
            (failed.claimedAt, failed.startedAt, failed.completedAt) = (
                StoreFixture.at(1), StoreFixture.at(2), StoreFixture.at(3)
            )
            #expect(try await takes(failed, in: store))
            for missing in [\JobRow.claimedAt, \.startedAt, \.completedAt] {
                var record = failed
                record[keyPath: missing] = nil
                #expect(try await !takes(record, in: store))
            }
            var claimed = try JobRow(await bench.draft(of: bench.vine()))
            claimed.state = JobState(status: .claimed, worker: tendril.id, epoch: 1, leaseHeld: true)
            claimed.claimedAt = StoreFixture.at(1)
            #expect(try await takes(claimed, in: store))
            claimed.completedAt = StoreFixture.at(2)
            #expect(try await !takes(claimed, in: store))
        }
    }

    @Test(
        arguments: [
            "UPDATE provision_jobs SET status = 'DONE'", "UPDATE provision_jobs SET job_type = 'DEPLOY'",
            "UPDATE provision_jobs SET job_type = 'plan'", "UPDATE provision_jobs SET log_lines = 7",
            "UPDATE provision_jobs SET epoch = -1", "UPDATE provision_jobs SET epoch = 'one'",
            "UPDATE provision_jobs SET log_reason = 'x'", "UPDATE provision_jobs SET vine_id = 'nobody'",
            "UPDATE provision_jobs SET worker_id = 'nobody'", "UPDATE vines SET revision = 0",
            "DELETE FROM vines", "DELETE FROM workers", "UPDATE workers SET slots = 0",
            "UPDATE worker_engines SET name = 'pulumi'", "DELETE FROM provision_jobs",
            "UPDATE provision_job_logs SET line_count = 0", "UPDATE provision_job_logs SET seq = 0",
            "UPDATE provision_job_logs SET stream_type = 'STDIN'", "UPDATE provision_job_logs SET first_line = 0",
            "UPDATE provision_job_logs SET continued = 2", "UPDATE provision_job_logs SET job_id = 'nobody'",
            "UPDATE provision_job_log_appends SET digest = x'00'",
            "INSERT INTO provision_job_logs SELECT id + 10, job_id, epoch, seq, first_line + 10, line_count, "
                + "stream_type, continued, created_at, times, log_chunk FROM provision_job_logs",
            "INSERT INTO provision_job_logs SELECT id + 10, job_id, epoch, seq + 10, first_line, line_count, "
                + "stream_type, continued, created_at, times, log_chunk FROM provision_job_logs",
        ]) func refuses(_ sql: String) async throws
    {
        try await run { store, bench in
            let job = try await bench.running()
            try await bench.append(1, [.stdout("x\n")], to: job)
            await #expect(throws: StorageError.self) { try await store.write { db, _ in try db.run(sql) } }
        }
    }

    @Test func twoJobsNeverHoldOneVine() async throws {
        try await run { store, bench in
            let vine = try await bench.vine()
            _ = try await bench.running(of: vine)
            let tendril = try await bench.tendril()
            let second = try await bench.job(of: vine)
            let error = await #expect(throws: StorageError.self) {
                try await store.write { db, _ in
                    var record = try JobRow.require(second.id, db)
                    record.state = try JobLifecycle.decide(.claim(by: tendril.id), on: record.state, type: .plan).state
                    record.claimedAt = StoreFixture.at(3)
                    try record.update(db)
                }
            }
            #expect(error?.reason.contains("UNIQUE") == true)
        }
    }

    @Test func onePlanNeverHasTwoDeploys() async throws {
        try await run { store, bench in
            let vine = try await bench.vine()
            let plan = try await bench.plan(of: vine)
            _ = try await bench.job(.deploy, of: vine, plan: plan.id)
            let second = try JobRow(bench.draft(.deploy, of: vine, plan: plan.id))
            let error = await #expect(throws: StorageError.self) {
                try await store.write { db, _ in
                    try JobWithDocuments(record: second, snapshot: "{}", metadata: "{}").insert(db, secrets: Data())
                }
            }
            #expect(error?.reason.contains("UNIQUE") == true)
        }
    }

    /// Frequent queries use an index, however long the tables are: no scan, and no sorting.
    @Test(arguments: [
        (ChunkRow.pageSQL, ["provision_job_logs_seq (job_id=? AND seq>?)"]),
        (SQLiteLog.headsSQL, ["provision_job_logs_seq (job_id=? AND seq>?)"]),
        (SQLiteLog.marksSQL, ["autoindex_provision_job_log_blocks_1 (job_id=?)"]),
        (
            "SELECT state FROM provision_job_log_blocks WHERE job_id = ? AND number = ?",
            ["autoindex_provision_job_log_blocks_1 (job_id=? AND number=?)"]
        ),
        (
            SQLiteStore.oldestEligibleSQL,
            [
                "SCAN job USING COVERING INDEX provision_jobs_queue", "provision_jobs_holder (vine_id=?)",
                "engine USING PRIMARY KEY (worker_id=?)",
            ]
        ),
        (SQLiteStore.activeJobsSQL, ["SCAN provision_jobs USING INDEX provision_jobs_active_newest"]),
        (SQLiteJobIndex.byVineSQL, ["provision_jobs_by_vine (vine_id=? AND "]),
        (SQLiteJobIndex.byTendrilSQL, ["provision_jobs_by_tendril (tendril_id=? AND "]),
        (SQLiteJobIndex.newestSQL, ["SEARCH provision_jobs USING COVERING INDEX provision_jobs_newest ("]),
        (SQLiteJobIndex.idsSQL, ["autoindex_provision_jobs_1 (id>? AND id<?)"]),
        ("SELECT id FROM provision_jobs WHERE holds_vine = 1 AND vine_id = ?", ["jobs_holder (vine_id=?)"]),
        ("SELECT id FROM provision_jobs WHERE holds_vine = 1 AND worker_id = ?", ["jobs_active (worker_id=?)"]),
        (
            JobWithDocuments.select + "WHERE job.vine_id = ? ORDER BY job.created_at DESC, job.id DESC",
            ["provision_jobs_by_vine (vine_id=?)"]
        ),
        (
            JobWithDocuments.select + "WHERE job.tendril_id = ? ORDER BY job.created_at DESC, job.id DESC",
            ["provision_jobs_by_tendril (tendril_id=?)"]
        ),
        (JobWithDocuments.select + "ORDER BY job.created_at DESC, job.id DESC LIMIT 9", ["provision_jobs_newest"]),
        (SQLiteStore.auditSQL(.all), ["audit_events_newest (at>?"]),
        (SQLiteStore.auditSQL(.actor("a")), ["audit_events_actor (actor_name=? AND "]),
        (SQLiteStore.auditSQL(.request("a")), ["audit_events_request (request_id=? AND "]),
        (SQLiteStore.auditSQL(.resource("a")), ["audit_events_resource (resource_id=? AND "]),
        (SQLiteStore.auditSQL(.outcome(.denied)), ["audit_events_outcome (outcome=? AND "]),
        (
            "SELECT * FROM audit_events WHERE number IS NULL ORDER BY position LIMIT ?",
            ["autoindex_audit_events_2 (number=?)"]
        ),
        (
            "SELECT * FROM audit_events WHERE number > ? ORDER BY number LIMIT ?",
            ["autoindex_audit_events_2 (number>?)"]
        ),
    ]) func usesIndex(_ sql: String, _ steps: [String]) async throws {
        try await run { store, _ in
            let plan = try await store.read { db in
                try db.rows("EXPLAIN QUERY PLAN " + sql.replacing(#/\?\d?/#, with: "1")) { try $0.text("detail") }
            }
            for step in steps { #expect(plan.contains { $0.contains(step) }, "\(plan)") }
            #expect(!plan.contains { $0.contains("TEMP B-TREE") }, "\(plan)")
        }
    }

    /// Lists and statuses are read without the documents: they work even where those are damaged.
    @Test func outlinesReadNoDocuments() async throws {
        try await run { store, bench in
            let job = try await bench.running(of: bench.vine(project: "Größe", stage: "p"))
            try await store.write { db, _ in
                try db.run("UPDATE provision_job_documents SET config_snapshot = '{', execution_metadata = '{'")
            }
            await #expect(throws: StorageError.self) { try await store.job(job.id) }
            let outline = try #require(await store.outline(of: job.id))
            #expect(outline.snapshot.settings.projectName == "Größe" && outline.metadata == .object([:]))
            #expect(outline.state == job.state && outline.snapshot.digest == job.snapshot.digest)
            #expect(try await store.status(of: job.id)?.status == .processing)
            #expect(try await store.status(of: StoreFixture.newID())?.status == nil)
            #expect(try await store.jobs(JobQuery(), limit: 5, cursor: nil).items == [outline])
            #expect(try await store.activeJobs() == [outline])
            #expect(try await store.activeJobs(of: #require(job.state.worker)) == [outline])
            let worker = try #require(job.state.worker)
            #expect(try await !store.hasWork(for: worker, at: StoreFixture.at(6)))
        }
    }
}
