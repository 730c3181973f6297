import Domain
import Foundation
import Storage
import Testing

/// What jobs do to resources.
@Suite struct RunResourcesTests {
    private func resource(
        _ address: String, _ state: RunResource.State = .running, from: Int64? = 1, to: Int64? = nil, line: Int64? = nil
    ) -> RunResource {
        RunResource(
            address: address, action: .create, state: state, startedAt: from.map(StoreFixture.at),
            endedAt: to.map(StoreFixture.at), firstLine: line)
    }

    @Test(arguments: StoreEngine.all) func changesAreStoredOverEarlierOnes(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.running(.plan)
            let store = bench.store
            #expect(try await store.resources(of: job.id) == StoredRunResources(entries: [], revision: 0))
            try await store.saveResources(
                [resource("x.b", line: 7), resource("x.a")], graph: nil, of: job.id, epoch: 1)
            let first = try await store.resources(of: job.id)
            #expect(first.entries.map(\.resource) == [resource("x.b", line: 7), resource("x.a")])
            #expect(first.revision == 1 && first.entries.allSatisfy { $0.revision == 1 })
            // A Tendril that was restarted does not know the line any more, nor, after a gap, the beginning.
            try await store.saveResources(
                [resource("x.b", .done, from: nil, to: 5), resource("x.c", .waiting, from: nil)], graph: nil,
                of: job.id,
                epoch: 1)
            let second = try await store.resources(of: job.id)
            #expect(second.entries.map(\.resource.address) == ["x.b", "x.a", "x.c"])
            #expect(second.entries.first?.resource == resource("x.b", .done, from: 1, to: 5, line: 7))
            #expect(second.entries.map(\.revision) == [2, 1, 2] && second.revision == 2)
        }
    }

    @Test(arguments: StoreEngine.all) func thePartsOfAReplacementAreStored(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            let job = try await bench.running(.destroy, of: vine)
            var replaced = resource("x.a", .running, from: 1)
            replaced.action = .replaceCreateFirst
            replaced.parts = [
                .init(
                    action: .create, startedAt: StoreFixture.at(1), endedAt: StoreFixture.at(3), firstLine: 7),
                .init(action: .delete, startedAt: StoreFixture.at(50)),
            ]
            try await bench.store.saveResources([replaced], graph: nil, of: job.id, epoch: 1)
            #expect(try await bench.store.resources(of: job.id).entries.first?.resource == replaced)
            replaced.state = .done
            replaced.endedAt = StoreFixture.at(51)
            replaced.parts?[1].endedAt = StoreFixture.at(51)
            var odd = resource("x.b", .done, from: 1, to: 2)
            odd.parts = Array(repeating: .init(action: .delete), count: RunResource.maximumParts + 1)
            try await bench.store.saveResources([replaced, odd], graph: nil, of: job.id, epoch: 1)
            #expect(try await bench.store.resources(of: job.id).entries.map(\.resource) == [replaced])
            // What lies between the parts is no work.
            try await bench.change(job.id, .fail(epoch: 1, engineKnown: true))
            #expect(
                try await bench.store.runHistory(of: vine.id)
                    == [.init(address: "x.a", action: .replaceCreateFirst, milliseconds: 3000)])
        }
    }

    @Test(arguments: StoreEngine.all) func aGraphIsKept(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.running(.plan)
            #expect(try await bench.store.runGraph(of: job.id) == nil)
            let graph = RunGraph(
                nodes: [.init(address: "x.a[\"ü\u{0}\"]", action: .replaceCreateFirst, group: 0)], groups: ["x.a"],
                dependencies: [[]], omitted: 2)
            try await bench.store.saveResources([], graph: graph, of: job.id, epoch: 1)
            #expect(try await bench.store.runGraph(of: job.id) == graph)
            try await bench.store.saveResources([], graph: RunGraph(), of: job.id, epoch: 1)
            #expect(try await bench.store.runGraph(of: job.id) == RunGraph())
        }
    }

    @Test(arguments: StoreEngine.all) func onlyTheLastLeaseOfAStartedJobWrites(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.running(.plan)
            await expectRefusal(.leaseLost) {
                try await bench.store.saveResources([resource("x.a")], graph: nil, of: job.id, epoch: 2)
            }
            let queued = try await bench.job(of: try await bench.vine())
            await expectRefusal(.leaseLost) {
                try await bench.store.saveResources([resource("x.a")], graph: nil, of: queued.id, epoch: 0)
            }
            await expectRefusal(.notFound) {
                try await bench.store.saveResources([resource("x.a")], graph: nil, of: StoreFixture.newID(), epoch: 1)
            }
            // The last message may come after the end.
            try await bench.change(job.id, .fail(epoch: 1, engineKnown: true))
            try await bench.store.saveResources([resource("x.a", .done)], graph: nil, of: job.id, epoch: 1)
            #expect(try await bench.store.resources(of: job.id).entries.count == 1)
        }
    }

    @Test(arguments: StoreEngine.all) func theNumberIsBounded(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.running(.plan)
            let many = (0...RunResource.maximumCount).map { resource("x.a[\($0)]") }
            try await bench.store.saveResources(many, graph: nil, of: job.id, epoch: 1)
            try await bench.store.saveResources(
                [resource("x.b"), resource("x.a[5]", .done)], graph: nil, of: job.id, epoch: 1)
            let stored = try await bench.store.resources(of: job.id)
            #expect(stored.entries.count == RunResource.maximumCount)
            #expect(stored.entries[5].resource.state == .done)
            let long = String(repeating: "x", count: RunResource.addressBytes + 1)
            try await bench.store.saveResources(
                [resource(long), resource(""), resource("x.\u{0}")], graph: nil, of: job.id, epoch: 1)
            #expect(try await bench.store.resources(of: job.id).entries.count == RunResource.maximumCount)
        }
    }
}

/// Durations of earlier jobs, and how far a job is.
@Suite struct RunHistoryTests {
    private func done(_ address: String, from: Int64, to: Int64?, _ state: RunResource.State = .done) -> RunResource {
        RunResource(
            address: address, action: .delete, state: state, startedAt: StoreFixture.at(from),
            endedAt: to.map(StoreFixture.at))
    }

    @Test(arguments: StoreEngine.all) func whatEndedWellIsRemembered(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            #expect(try await bench.store.runHistory(of: vine.id) == [])
            let job = try await bench.running(.destroy, of: vine)
            try await bench.store.saveResources(
                [
                    done("x.a", from: 1, to: 4), done("x.b", from: 1, to: 9, .failed),
                    done("x.c", from: 1, to: nil, .running),
                    done("x.d", from: 1, to: nil),
                ], graph: nil, of: job.id, epoch: 1)
            // Not while it runs.
            #expect(try await bench.store.runHistory(of: vine.id) == [])
            try await bench.change(job.id, .fail(epoch: 1, engineKnown: true))
            let plan = try await bench.running(.plan, of: vine)
            try await bench.store.saveResources([done("x.p", from: 1, to: 2)], graph: nil, of: plan.id, epoch: 1)
            try await bench.change(plan.id, .fail(epoch: 1, engineKnown: true))
            #expect(
                try await bench.store.runHistory(of: vine.id)
                    == [RunHistory.Sample(address: "x.a", action: .delete, milliseconds: 3000)])
            #expect(try await bench.store.runHistory(of: try await bench.vine().id) == [])
        }
    }

    @Test(arguments: StoreEngine.all) func progressIsKept(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.running(.destroy)
            #expect(try await bench.store.progress(of: [job.id]) == [:])
            let first = RunProgress([], graph: RunGraph(), history: RunHistory([]), at: StoreFixture.at(1))
            try await bench.store.saveProgress(first, of: job.id)
            var second = first
            second.total = 7
            second.forecast = RunProgress.Forecast(
                endsAt: StoreFixture.at(9), p90EndsAt: StoreFixture.at(10), waitingOn: "x.a", usualMs: 3, basis: "x")
            try await bench.store.saveProgress(second, of: job.id)
            #expect(try await bench.store.progress(of: [job.id, StoreFixture.newID()]) == [job.id: second])
            await expectRefusal(.notFound) { try await bench.store.saveProgress(first, of: StoreFixture.newID()) }
        }
    }

    @Test(arguments: StoreEngine.all) func durationsAreThoseOfSuccesses(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            #expect(try await bench.store.jobDurations(of: vine.id, type: .plan) == [])
            _ = try await bench.plan(of: vine)
            _ = try await bench.ended(.plan, of: vine)
            _ = try await bench.running(.plan, of: vine)
            #expect(try await bench.store.jobDurations(of: vine.id, type: .plan) == [2000])
            #expect(try await bench.store.jobDurations(of: vine.id, type: .deploy) == [])
            #expect(try await bench.store.jobDurations(of: try await bench.vine().id, type: .plan) == [])
        }
    }

    @Test(arguments: StoreEngine.all) func theQueueBeforeAJob(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let (vine, other) = (try await bench.vine(), try await bench.vine())
            _ = try await bench.ended(.plan, of: vine)
            _ = try await bench.job(.plan, of: vine, at: 10)
            _ = try await bench.job(.destroy, of: other, at: 11)
            let last = try await bench.job(.plan, of: vine, at: 12)
            _ = try await bench.job(.plan, of: vine, at: 13)
            let first = QueuedJob(vine: vine.id, type: .plan)
            let second = QueuedJob(vine: other.id, type: .destroy)
            #expect(try await bench.store.queued(before: last, ofSameVine: false, limit: 9) == [first, second])
            #expect(try await bench.store.queued(before: last, ofSameVine: false, limit: 1) == [first])
            #expect(try await bench.store.queued(before: last, ofSameVine: true, limit: 9) == [first])
        }
    }

    @Test(arguments: StoreEngine.all) func resultsOfForecastsAreKeptOnce(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            func result(_ job: Job, expected: Int64, ended: Int64) -> ForecastResult {
                ForecastResult(
                    job: job.id, vine: job.vine, startedAt: StoreFixture.at(3), madeAt: StoreFixture.at(4),
                    expectedAt: StoreFixture.at(expected), endedAt: StoreFixture.at(ended))
            }
            #expect(try await bench.store.forecastResults(of: nil, limit: 50) == [])
            let (early, late) = (try await bench.ended(.destroy), try await bench.ended(.destroy))
            let (first, second) = (result(early, expected: 20, ended: 16), result(late, expected: 7, ended: 17))
            try await bench.store.saveForecastResult(first)
            try await bench.store.saveForecastResult(second)
            try await bench.store.saveForecastResult(result(early, expected: 99, ended: 98))
            #expect(try await bench.store.forecastResults(of: nil, limit: 50) == [second, first])
            #expect(try await bench.store.forecastResults(of: nil, limit: 1) == [second])
            #expect(try await bench.store.forecastResults(of: [early.vine], limit: 50) == [first])
            #expect(try await bench.store.forecastResults(of: [early.vine, late.vine], limit: 50) == [second, first])
            #expect(try await bench.store.forecastResults(of: [], limit: 50) == [])
            var unknown = second
            unknown.job = StoreFixture.newID()
            await expectRefusal(.notFound) { [unknown] in try await bench.store.saveForecastResult(unknown) }
        }
    }
}
