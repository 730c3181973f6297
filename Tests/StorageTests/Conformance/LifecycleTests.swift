import Domain
import Foundation
import Storage
import Testing

/// Changes of jobs, as they are stored.
@Suite struct LifecycleTests {
    @Test(arguments: StoreEngine.all) func setsTheTimesOfEachStep(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.ended()
            #expect(job.claimedAt == StoreFixture.at(2))
            #expect(job.startedAt == StoreFixture.at(3))
            #expect(job.completedAt == StoreFixture.at(4))
            #expect(job.state.engine == .gone)
            #expect(try await bench.store.job(job.id) == job)
        }
    }

    @Test(arguments: StoreEngine.all) func phasesGrowAndADelayedReportTakesNoneAway(_ engine: StoreEngine)
        async throws
    {
        try await engine.run { bench in
            let job = try await bench.running()
            let begun = JobPhase(name: "init", startedAt: StoreFixture.at(4))
            let ended = JobPhase(name: "init", startedAt: StoreFixture.at(4), endedAt: StoreFixture.at(5))
            let plan = JobPhase(name: "plan", startedAt: StoreFixture.at(5))
            for (reported, stored) in [([begun], [begun]), ([ended, plan], [ended, plan]), ([begun], [ended, plan])] {
                _ = try await bench.store.change(job.id, [], facts: JobFields(phases: reported), at: StoreFixture.at(6))
                #expect(try await bench.store.job(job.id)?.phases == stored)
            }
            #expect(try await bench.store.job(job.id)?.givenUpAt == nil)
            let given = try await bench.store.change(
                job.id, [.giveUp(epoch: 1)], facts: JobFields(), at: StoreFixture.at(7))
            #expect(given.job.givenUpAt == StoreFixture.at(7))
            #expect(try await bench.store.job(job.id) == given.job)
        }
    }

    @Test(arguments: StoreEngine.all) func aLostClaimIsQueuedAgain(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            let tendril = try await bench.tendril()
            let job = try await bench.job(of: vine)
            _ = try await bench.store.claim(by: tendril.id, at: StoreFixture.at(2))
            let change = try await bench.store.change(
                job.id, [.loseLease(epoch: 1)], facts: JobFields(), at: StoreFixture.at(3))
            #expect(change.actions == [.notifyQueue])
            #expect(change.job.status == .queued)
            #expect(change.job.claimedAt == nil)
            #expect(change.job.state.worker == nil)
            let again = try await bench.store.claim(by: tendril.id, at: StoreFixture.at(4))
            #expect(again?.lease == Lease(job: job.id, worker: tendril.id, epoch: 2))
            #expect(again?.claimedAt == StoreFixture.at(4))
            await expectRefusal(.leaseLost) { try await bench.change(job.id, .start(epoch: 1)) }
        }
    }

    @Test(arguments: StoreEngine.all) func planSuccessRequiresStoredArtifact(
        _ engine: StoreEngine
    ) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            await expectRefusal(.conflict, saying: "artifact") {
                try await bench.change(job.id, .succeed(epoch: 1, artifactStored: true))
            }
            #expect(try await bench.store.job(job.id)?.status == .processing)
            let bytes = Data("plan".utf8)
            try await bench.store.saveArtifact(
                bytes, sha256: bytes.sha256, of: job.id, epoch: 1, at: StoreFixture.at(4))
            let done = try await bench.change(job.id, .succeed(epoch: 1, artifactStored: false))
            #expect(done.status == .success)
        }
    }

    @Test(arguments: StoreEngine.all) func appliesEventsAtomically(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            let before = try await bench.chunks(of: job)
            _ = bench.seen.take()
            await expectRefusal(.leaseLost) {
                _ = try await bench.store.change(
                    job.id, [.fail(epoch: 1, engineKnown: true), .closeLog(epoch: 2, .complete)],
                    facts: JobFields(errorMessage: "boom", systemLines: ["never written"]), at: StoreFixture.at(5))
            }
            #expect(try await bench.store.job(job.id) == job)
            #expect(try await bench.chunks(of: job) == before)
            #expect(bench.seen.take().isEmpty)
            let change = try await bench.store.change(
                job.id, [.fail(epoch: 1, engineKnown: true), .closeLog(epoch: 1, .complete)],
                facts: JobFields(errorMessage: "boom"), at: StoreFixture.at(6))
            #expect(change.actions == [.releaseVine])
            #expect(change.isChange)
            #expect(change.job.state.log == .complete)
            #expect(change.job.errorMessage == "boom")
        }
    }

    @Test(arguments: StoreEngine.all) func storesFacts(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            let outcome = Outcome(result: .succeeded, phase: "apply", exitCode: 0, serialAfter: 3, summary: "Applied.")
            _ = try await bench.store.change(
                job.id, [], facts: JobFields(metadata: ["a": ["x": 1]], resolvedCommit: "c1"), at: StoreFixture.at(5))
            let change = try await bench.store.change(
                job.id, [.fail(epoch: 1, engineKnown: true)],
                facts: JobFields(
                    errorMessage: "no", outcome: outcome, metadata: ["a": ["y": 2], "b": true], resolvedCommit: "c2"),
                at: StoreFixture.at(6))
            #expect(change.job.metadata == ["a": ["x": 1, "y": 2], "b": true])
            #expect(change.job.snapshot.resolvedCommit == "c1")
            #expect(change.job.outcome == outcome)
            #expect(change.job.errorMessage == "no")
            #expect(try await bench.store.job(job.id) == change.job)
        }
    }

    @Test(arguments: StoreEngine.all) func cancellingAgainChangesNothing(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            func cancel(by user: String, at seconds: Int64) async throws -> JobChange {
                try await bench.store.change(
                    job.id, [.cancel], facts: JobFields(cancelledBy: user, systemLines: ["Cancelled by \(user)"]),
                    at: StoreFixture.at(seconds))
            }
            let first = try await cancel(by: "ana", at: 5)
            let log = try await bench.chunks(of: job)
            #expect(first.isChange)
            #expect(first.actions == [.stopEngine(worker: try #require(job.state.worker))])
            #expect(log.last?.text == "Cancelled by ana\n")
            _ = bench.seen.take()
            let second = try await cancel(by: "ben", at: 6)
            #expect(!second.isChange)
            #expect(second.actions.isEmpty)
            #expect(second.job == first.job)
            #expect(second.job.cancelledBy == "ana")
            #expect(second.job.completedAt == StoreFixture.at(5))
            #expect(try await bench.chunks(of: job) == log)
            #expect(bench.seen.take().isEmpty)
        }
    }

    @Test(arguments: StoreEngine.all) func repeatedReportOnlyFillsEmptyFields(
        _ engine: StoreEngine
    ) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            let report = JobEvent.fail(epoch: 1, engineKnown: true)
            _ = try await bench.store.change(
                job.id, [report], facts: JobFields(errorMessage: "one"), at: StoreFixture.at(5))
            let outcome = Outcome(result: .failed, summary: "It failed.")
            let again = try await bench.store.change(
                job.id, [report], facts: JobFields(errorMessage: "two", outcome: outcome), at: StoreFixture.at(6))
            #expect(again.isChange)
            #expect(again.job.errorMessage == "one")
            #expect(again.job.outcome == outcome)
            #expect(again.job.completedAt == StoreFixture.at(5))
            let third = try await bench.store.change(
                job.id, [report], facts: JobFields(outcome: outcome), at: StoreFixture.at(7))
            #expect(!third.isChange)
        }
    }

    /// What its last holder says of a job that has ended may add, and not contradict.
    @Test(arguments: StoreEngine.all) func anEndedJobIsNotRewritten(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            func change(_ events: [JobEvent], _ facts: JobFields, at seconds: Int64) async throws -> Job {
                try await bench.store.change(job.id, events, facts: facts, at: StoreFixture.at(seconds)).job
            }
            let changes = PlannedChanges(add: 2, imports: 1)
            let ended = try await change(
                [.fail(epoch: 1, engineKnown: true)],
                JobFields(
                    errorMessage: "one", outcome: Outcome(result: .failed, summary: "It failed."), changes: changes,
                    warnings: 3, truncated: ["resources"], metadata: ["a": 1]), at: 5)
            #expect(ended.changes == changes && ended.warnings == 3 && ended.truncated == ["resources"])
            // With a change of its own, so that it is no mere repetition.
            let late = try await change(
                [.closeLog(epoch: 1, .incomplete(reason: "x"))],
                JobFields(
                    errorMessage: "two", outcome: Outcome(result: .succeeded, summary: "Lies."),
                    changes: PlannedChanges(), warnings: 0, truncated: ["outputs"], metadata: ["a": 2, "b": 3]), at: 6)
            #expect(late.errorMessage == "one")
            #expect(late.outcome?.result == .failed)
            #expect(late.changes == changes && late.warnings == 3 && late.truncated == ["resources"])
            #expect(late.metadata == ["a": 1, "b": 3])
            // Nothing grows beyond the bound.
            for n in 0..<4 {
                let text = JSONValue.string(String(repeating: "x", count: 400_000))
                _ = try await change([], JobFields(metadata: ["m\(n)": text]), at: 7)
            }
            let last = try #require(await bench.store.job(job.id))
            #expect(last.metadata.encodedBytes <= JobMetadata.storedBytes)
            #expect(last.metadata["m1"] != nil && last.metadata["m3"] == nil && last.metadata["b"] == 3)
        }
    }

    @Test(arguments: StoreEngine.all) func whatReallyHappenedReplacesUnknownOnce(
        _ engine: StoreEngine
    ) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            let unknown = Outcome(result: .unknown, summary: "Given up.")
            _ = try await bench.store.change(
                job.id, [.giveUp(epoch: 1)], facts: JobFields(errorMessage: "Given up.", outcome: unknown),
                at: StoreFixture.at(5))
            for (result, kept) in [
                (Outcome.Result.unknown, Outcome.Result.unknown), (.succeeded, .succeeded), (.failed, .succeeded),
            ] {
                let facts = JobFields(outcome: Outcome(result: result, summary: "\(result)"))
                let change = try await bench.store.change(
                    job.id, [.engineEnded(epoch: 1, known: true)], facts: facts, at: StoreFixture.at(6))
                #expect(change.job.outcome?.result == kept)
            }
        }
    }

    @Test(arguments: StoreEngine.all) func notesPrecedeLogClose(
        _ engine: StoreEngine
    ) async throws {
        try await engine.run { bench in
            let job = try await bench.job(of: bench.vine())
            let change = try await bench.store.change(
                job.id, [.cancel],
                facts: JobFields(cancelledBy: "ana", systemLines: ["Cancelled by ana", "Nothing ran."]),
                at: StoreFixture.at(5))
            #expect(change.job.state.log == .complete)
            #expect(change.job.completedAt == StoreFixture.at(5))
            let log = try await bench.chunks(of: job)
            #expect(log.map(\.text).joined() == "Cancelled by ana\nNothing ran.\n")
            #expect(log.allSatisfy { $0.epoch == 0 && $0.stream == .system })
        }
    }

    @Test(arguments: StoreEngine.all) func transitionsWriteTheirNotes(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let tendril = try await bench.tendril("rose")
            let job = try await bench.job(of: bench.vine())
            _ = try await bench.store.claim(by: tendril.id, at: StoreFixture.at(2))
            _ = try await bench.store.change(
                job.id, [.loseLease(epoch: 1)], facts: JobFields(systemLines: ["after"]), at: StoreFixture.at(3))
            let lines = try await bench.store.lines(of: job.id, from: 1, count: 10)
            #expect(lines.count == 3)
            #expect(lines.first?.raw.hasPrefix("Claimed by rose") == true)
            #expect(lines.dropFirst().first?.raw.contains("Queued again") == true)
            #expect(lines.last?.raw == "after")
            #expect(lines.map(\.time) == [StoreFixture.at(2), StoreFixture.at(3), StoreFixture.at(3)])
        }
    }

    @Test(arguments: StoreEngine.all) func incompleteKeepsItsReason(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.ended()
            let gap = LogState.incomplete(reason: "a gap of 3 lines")
            #expect(try await bench.change(job.id, .closeLog(epoch: 1, gap)).state.log == gap)
            #expect(try await bench.store.job(job.id)?.state.log == gap)
            #expect(try await bench.change(job.id, .closeLog(epoch: 1, .complete)).state.log == .complete)
        }
    }

    @Test(arguments: StoreEngine.all) func changesOfNoJobAreRefused(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            await expectRefusal(.notFound) { try await bench.change(StoreFixture.newID(), .cancel) }
        }
    }

    @Test(arguments: StoreEngine.all) func claimEventRespectsHeldVine(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            _ = try await bench.running(of: vine)
            let tendril = try await bench.tendril()
            let job = try await bench.job(of: vine)
            await expectRefusal(.conflict) { try await bench.change(job.id, .claim(by: tendril.id)) }
            let free = try await bench.job(of: bench.vine())
            await expectRefusal(.notFound) { try await bench.change(free.id, .claim(by: StoreFixture.newID())) }
        }
    }

    @Test(arguments: StoreEngine.all) func firstDecisionWins(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            for _ in 0..<20 {
                let job = try await bench.running()
                async let cancelled = try? bench.change(job.id, .cancel)
                async let failed = try? bench.change(job.id, .fail(epoch: 1, engineKnown: true))
                let stored = [await cancelled, await failed].compactMap { $0 }
                #expect(stored.count == 1)
                #expect(try await bench.store.job(job.id) == stored.first)
            }
        }
    }

    /// Documents are merged outside of the transaction, and yet none is lost.
    @Test(arguments: StoreEngine.all) func reportsAtOnceAreAllMerged(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            try await withThrowingTaskGroup { group in
                for index in 0..<20 {
                    group.addTask {
                        let facts = JobFields(metadata: ["all": ["n\(index)": .integer(Int64(index))]])
                        _ = try await bench.store.change(job.id, [], facts: facts, at: StoreFixture.at(6))
                    }
                }
                try await group.waitForAll()
            }
            guard case .object(let all)? = try await bench.store.job(job.id)?.metadata["all"] else {
                Issue.record("nothing was merged")
                return
            }
            #expect(all.count == 20)
        }
    }
}
