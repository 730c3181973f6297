import Domain
import Foundation
import Storage
import Testing

/// Changes of jobs, as they are stored.
@Suite struct LifecycleTests {
    @Test(arguments: StoreUnderTest.all) func setsTheTimesOfEachStep(_ engine: StoreUnderTest) async throws {
        try await engine.run { bench in
            let job = try await bench.ended()
            #expect(job.claimedAt == Bench.at(2))
            #expect(job.startedAt == Bench.at(3))
            #expect(job.completedAt == Bench.at(4))
            #expect(job.state.engine == .gone)
            #expect(try await bench.store.job(job.id) == job)
        }
    }

    @Test(arguments: StoreUnderTest.all) func phasesGrowAndADelayedReportTakesNoneAway(_ engine: StoreUnderTest)
        async throws
    {
        try await engine.run { bench in
            let job = try await bench.running()
            let begun = JobPhase(name: "init", startedAt: Bench.at(4))
            let ended = JobPhase(name: "init", startedAt: Bench.at(4), endedAt: Bench.at(5))
            let plan = JobPhase(name: "plan", startedAt: Bench.at(5))
            for (reported, stored) in [([begun], [begun]), ([ended, plan], [ended, plan]), ([begun], [ended, plan])] {
                _ = try await bench.store.change(job.id, [], facts: JobFacts(phases: reported), at: Bench.at(6))
                #expect(try await bench.store.job(job.id)?.phases == stored)
            }
            #expect(try await bench.store.job(job.id)?.givenUpAt == nil)
            let given = try await bench.store.change(job.id, [.giveUp(epoch: 1)], facts: JobFacts(), at: Bench.at(7))
            #expect(given.job.givenUpAt == Bench.at(7))
            #expect(try await bench.store.job(job.id) == given.job)
        }
    }

    @Test(arguments: StoreUnderTest.all) func aLostClaimIsQueuedAgain(_ engine: StoreUnderTest) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            let tendril = try await bench.tendril()
            let job = try await bench.job(of: vine)
            _ = try await bench.store.claim(by: tendril.id, at: Bench.at(2))
            let change = try await bench.store.change(
                job.id, [.loseLease(epoch: 1)], facts: JobFacts(), at: Bench.at(3))
            #expect(change.actions == [.offer])
            #expect(change.job.status == .queued)
            #expect(change.job.claimedAt == nil)
            #expect(change.job.state.worker == nil)
            let again = try await bench.store.claim(by: tendril.id, at: Bench.at(4))
            #expect(again?.lease == Lease(job: job.id, worker: tendril.id, epoch: 2))
            #expect(again?.claimedAt == Bench.at(4))
            await expectRefusal(.leaseLost) { try await bench.change(job.id, .start(epoch: 1)) }
        }
    }

    @Test(arguments: StoreUnderTest.all) func planNeedsItsArtifactWhateverTheEventSays(
        _ engine: StoreUnderTest
    ) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            await expectRefusal(.conflict, saying: "artifact") {
                try await bench.change(job.id, .succeed(epoch: 1, artifactStored: true))
            }
            #expect(try await bench.store.job(job.id)?.status == .processing)
            let bytes = Data("plan".utf8)
            try await bench.store.saveArtifact(bytes, sha256: bytes.sha256, of: job.id, epoch: 1, at: Bench.at(4))
            let done = try await bench.change(job.id, .succeed(epoch: 1, artifactStored: false))
            #expect(done.status == .success)
        }
    }

    @Test(arguments: StoreUnderTest.all) func allEventsHappenOrNone(_ engine: StoreUnderTest) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            let before = try await bench.chunks(of: job)
            _ = bench.seen.take()
            await expectRefusal(.leaseLost) {
                _ = try await bench.store.change(
                    job.id, [.fail(epoch: 1, engineKnown: true), .closeLog(epoch: 2, .complete)],
                    facts: JobFacts(errorMessage: "boom", notes: ["never written"]), at: Bench.at(5))
            }
            #expect(try await bench.store.job(job.id) == job)
            #expect(try await bench.chunks(of: job) == before)
            #expect(bench.seen.take().isEmpty)
            let change = try await bench.store.change(
                job.id, [.fail(epoch: 1, engineKnown: true), .closeLog(epoch: 1, .complete)],
                facts: JobFacts(errorMessage: "boom"), at: Bench.at(6))
            #expect(change.actions == [.freeVine])
            #expect(change.isChange)
            #expect(change.job.state.log == .complete)
            #expect(change.job.errorMessage == "boom")
        }
    }

    @Test(arguments: StoreUnderTest.all) func storesFacts(_ engine: StoreUnderTest) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            let outcome = Outcome(result: .succeeded, phase: "apply", exitCode: 0, serialAfter: 3, summary: "Applied.")
            _ = try await bench.store.change(
                job.id, [], facts: JobFacts(metadata: ["a": ["x": 1]], resolvedCommit: "c1"), at: Bench.at(5))
            let change = try await bench.store.change(
                job.id, [.fail(epoch: 1, engineKnown: true)],
                facts: JobFacts(
                    errorMessage: "no", outcome: outcome, metadata: ["a": ["y": 2], "b": true], resolvedCommit: "c2"),
                at: Bench.at(6))
            #expect(change.job.metadata == ["a": ["x": 1, "y": 2], "b": true])
            #expect(change.job.snapshot.resolvedCommit == "c1")
            #expect(change.job.outcome == outcome)
            #expect(change.job.errorMessage == "no")
            #expect(try await bench.store.job(job.id) == change.job)
        }
    }

    @Test(arguments: StoreUnderTest.all) func cancellingAgainChangesNothing(_ engine: StoreUnderTest) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            func cancel(by user: String, at seconds: Int64) async throws -> JobChange {
                try await bench.store.change(
                    job.id, [.cancel], facts: JobFacts(cancelledBy: user, notes: ["Cancelled by \(user)"]),
                    at: Bench.at(seconds))
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
            #expect(second.job.completedAt == Bench.at(5))
            #expect(try await bench.chunks(of: job) == log)
            #expect(bench.seen.take().isEmpty)
        }
    }

    @Test(arguments: StoreUnderTest.all) func aRepeatedReportFillsButRewritesNothing(
        _ engine: StoreUnderTest
    ) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            let report = JobEvent.fail(epoch: 1, engineKnown: true)
            _ = try await bench.store.change(job.id, [report], facts: JobFacts(errorMessage: "one"), at: Bench.at(5))
            let outcome = Outcome(result: .failed, summary: "It failed.")
            let again = try await bench.store.change(
                job.id, [report], facts: JobFacts(errorMessage: "two", outcome: outcome), at: Bench.at(6))
            #expect(again.isChange)
            #expect(again.job.errorMessage == "one")
            #expect(again.job.outcome == outcome)
            #expect(again.job.completedAt == Bench.at(5))
            let third = try await bench.store.change(
                job.id, [report], facts: JobFacts(outcome: outcome), at: Bench.at(7))
            #expect(!third.isChange)
        }
    }

    /// What its last holder says of a job that has ended may add, and not contradict.
    @Test(arguments: StoreUnderTest.all) func anEndedJobIsNotRewritten(_ engine: StoreUnderTest) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            func change(_ events: [JobEvent], _ facts: JobFacts, at seconds: Int64) async throws -> Job {
                try await bench.store.change(job.id, events, facts: facts, at: Bench.at(seconds)).job
            }
            let changes = PlannedChanges(add: 2, imports: 1)
            let ended = try await change(
                [.fail(epoch: 1, engineKnown: true)],
                JobFacts(
                    errorMessage: "one", outcome: Outcome(result: .failed, summary: "It failed."), changes: changes,
                    warnings: 3, truncated: ["resources"], metadata: ["a": 1]), at: 5)
            #expect(ended.changes == changes && ended.warnings == 3 && ended.truncated == ["resources"])
            // With a change of its own, so that it is no mere repetition.
            let late = try await change(
                [.closeLog(epoch: 1, .incomplete(reason: "x"))],
                JobFacts(
                    errorMessage: "two", outcome: Outcome(result: .succeeded, summary: "Lies."),
                    changes: PlannedChanges(), warnings: 0, truncated: ["outputs"], metadata: ["a": 2, "b": 3]), at: 6)
            #expect(late.errorMessage == "one")
            #expect(late.outcome?.result == .failed)
            #expect(late.changes == changes && late.warnings == 3 && late.truncated == ["resources"])
            #expect(late.metadata == ["a": 1, "b": 3])
            // Nothing grows beyond the bound.
            for n in 0..<4 {
                let text = JSONValue.string(String(repeating: "x", count: 400_000))
                _ = try await change([], JobFacts(metadata: ["m\(n)": text]), at: 7)
            }
            let last = try #require(await bench.store.job(job.id))
            #expect(last.metadata.encodedBytes <= JobMetadata.storedBytes)
            #expect(last.metadata["m1"] != nil && last.metadata["m3"] == nil && last.metadata["b"] == 3)
        }
    }

    @Test(arguments: StoreUnderTest.all) func whatReallyHappenedReplacesUnknownOnce(
        _ engine: StoreUnderTest
    ) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            let unknown = Outcome(result: .unknown, summary: "Given up.")
            _ = try await bench.store.change(
                job.id, [.giveUp(epoch: 1)], facts: JobFacts(errorMessage: "Given up.", outcome: unknown),
                at: Bench.at(5))
            for (result, kept) in [
                (Outcome.Result.unknown, Outcome.Result.unknown), (.succeeded, .succeeded), (.failed, .succeeded),
            ] {
                let facts = JobFacts(outcome: Outcome(result: result, summary: "\(result)"))
                let change = try await bench.store.change(
                    job.id, [.engineEnded(epoch: 1, known: true)], facts: facts, at: Bench.at(6))
                #expect(change.job.outcome?.result == kept)
            }
        }
    }

    @Test(arguments: StoreUnderTest.all) func notesOfAChangeStandInTheLogItCloses(
        _ engine: StoreUnderTest
    ) async throws {
        try await engine.run { bench in
            let job = try await bench.job(of: bench.vine())
            let change = try await bench.store.change(
                job.id, [.cancel], facts: JobFacts(cancelledBy: "ana", notes: ["Cancelled by ana", "Nothing ran."]),
                at: Bench.at(5))
            #expect(change.job.state.log == .complete)
            #expect(change.job.completedAt == Bench.at(5))
            let log = try await bench.chunks(of: job)
            #expect(log.map(\.text).joined() == "Cancelled by ana\nNothing ran.\n")
            #expect(log.allSatisfy { $0.epoch == 0 && $0.stream == .system })
        }
    }

    @Test(arguments: StoreUnderTest.all) func transitionsWriteTheirNotes(_ engine: StoreUnderTest) async throws {
        try await engine.run { bench in
            let tendril = try await bench.tendril("rose")
            let job = try await bench.job(of: bench.vine())
            _ = try await bench.store.claim(by: tendril.id, at: Bench.at(2))
            _ = try await bench.store.change(
                job.id, [.loseLease(epoch: 1)], facts: JobFacts(notes: ["after"]), at: Bench.at(3))
            let lines = try await bench.store.lines(of: job.id, from: 1, count: 10)
            #expect(lines.count == 3)
            #expect(lines.first?.raw.hasPrefix("Claimed by rose") == true)
            #expect(lines.dropFirst().first?.raw.contains("queued again") == true)
            #expect(lines.last?.raw == "after")
            #expect(lines.map(\.time) == [Bench.at(2), Bench.at(3), Bench.at(3)])
        }
    }

    @Test(arguments: StoreUnderTest.all) func incompleteKeepsItsReason(_ engine: StoreUnderTest) async throws {
        try await engine.run { bench in
            let job = try await bench.ended()
            let gap = LogState.incomplete(reason: "a gap of 3 lines")
            #expect(try await bench.change(job.id, .closeLog(epoch: 1, gap)).state.log == gap)
            #expect(try await bench.store.job(job.id)?.state.log == gap)
            #expect(try await bench.change(job.id, .closeLog(epoch: 1, .complete)).state.log == .complete)
        }
    }

    @Test(arguments: StoreUnderTest.all) func changesOfNoJobAreRefused(_ engine: StoreUnderTest) async throws {
        try await engine.run { bench in
            await expectRefusal(.notFound) { try await bench.change(Bench.newID(), .cancel) }
        }
    }

    @Test(arguments: StoreUnderTest.all) func aClaimByEventHonoursTheVine(_ engine: StoreUnderTest) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            _ = try await bench.running(of: vine)
            let tendril = try await bench.tendril()
            let job = try await bench.job(of: vine)
            await expectRefusal(.conflict) { try await bench.change(job.id, .claim(by: tendril.id)) }
            let free = try await bench.job(of: bench.vine())
            await expectRefusal(.notFound) { try await bench.change(free.id, .claim(by: Bench.newID())) }
        }
    }

    @Test(arguments: StoreUnderTest.all) func theFirstOfTwoDecisionsStands(_ engine: StoreUnderTest) async throws {
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
    @Test(arguments: StoreUnderTest.all) func reportsAtOnceAreAllMerged(_ engine: StoreUnderTest) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            try await withThrowingTaskGroup { group in
                for index in 0..<20 {
                    group.addTask {
                        let facts = JobFacts(metadata: ["all": ["n\(index)": .integer(Int64(index))]])
                        _ = try await bench.store.change(job.id, [], facts: facts, at: Bench.at(6))
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
