import Domain
import Foundation
import Storage
import Testing

/// The errors of jobs, and how often each cause was seen.
@Suite struct ErrorTests {
    private let denied = Diagnostic(
        summary: "AccessDenied: no", address: "aws_a.b", file: "main.tf", line: 7, logLine: 12)
    private let slow = Diagnostic(summary: "Throttled: Rate exceeded")

    private func key(_ error: Diagnostic) -> ErrorFingerprint { ErrorFingerprint(of: error) }

    /// A job that failed with `errors`.
    @discardableResult
    private func fail(
        _ bench: StoreFixture, _ vine: Vine, _ type: JobType = .plan, at seconds: Int64, _ errors: Diagnostic...
    ) async throws -> Job {
        let plan = type == .deploy ? try await bench.plan(of: vine).id : nil
        let job = try await bench.running(type, of: vine, plan: plan)
        let facts = JobFields(errors: StoredError.list(errors))
        return try await bench.store.change(
            job.id, [.fail(epoch: 1, engineKnown: true)], facts: facts, at: StoreFixture.at(seconds)
        ).job
    }

    /// A job that succeeded.
    @discardableResult
    private func succeed(
        _ bench: StoreFixture, _ vine: Vine, _ type: JobType = .destroy, at seconds: Int64
    ) async throws -> Job {
        if type == .plan {
            let job = try await bench.running(.plan, of: vine)
            let bytes = Data("plan".utf8)
            try await bench.store.saveArtifact(
                bytes, sha256: bytes.sha256, of: job.id, epoch: 1, at: StoreFixture.at(4))
            return try await bench.change(job.id, .succeed(epoch: 1, artifactStored: true), at: seconds)
        }
        let job = try await bench.running(type, of: vine)
        return try await bench.change(job.id, .succeed(epoch: 1, artifactStored: false), at: seconds)
    }

    private func cause(
        _ bench: StoreFixture, _ error: Diagnostic, in vines: Set<VineID>? = nil
    ) async throws -> ErrorCause? {
        try await bench.store.errorCauses([key(error)], in: vines)[key(error)]
    }

    @Test(arguments: StoreEngine.all) func aCauseIsCountedOverJobsAndVines(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let (shop, other) = (try await bench.vine(project: "shop"), try await bench.vine(project: "other"))
            let first = try await fail(bench, shop, at: 10, denied, slow)
            try await fail(bench, other, at: 20, denied)
            let last = try await fail(bench, shop, at: 30, denied)
            let found = try #require(try await cause(bench, denied))
            #expect(found.jobs == 3 && found.vines == 2 && found.openVines == 2 && found.isOpen)
            #expect(found.first == JobMoment(job: first.id, at: StoreFixture.at(10)))
            #expect(found.last == JobMoment(job: last.id, at: StoreFixture.at(30)))
            #expect(found.solved == nil && found.error == StoredError(denied))
            let scoped = try #require(try await cause(bench, denied, in: [shop.id]))
            #expect(scoped.jobs == 2 && scoped.vines == 1 && scoped.last.job == last.id)
            #expect(try await cause(bench, slow, in: [other.id]) == nil)
            #expect(try await cause(bench, denied, in: []) == nil)
            #expect(try await bench.store.errors(of: first.id) == [StoredError(denied), StoredError(slow)])
            #expect(try await bench.store.errors(of: last.id) == [StoredError(denied)])

            let vines = try await bench.store.errorVines(of: key(denied), in: nil, limit: 10)
            #expect(vines.map(\.vine) == [shop.id, other.id] && vines.map(\.jobs) == [2, 1])
            #expect(vines.map(\.title) == ["shop / test", "other / test"])
            #expect(try await bench.store.errorVines(of: key(denied), in: nil, limit: 1).count == 1)
            #expect(
                try await bench.store.errorVines(of: key(denied), in: [other.id], limit: 9).map(\.vine) == [other.id])
        }
    }

    @Test(arguments: StoreEngine.all) func aReportThatComesAgainIsNotCounted(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await fail(bench, try await bench.vine(), at: 10, denied)
            for _ in 0..<2 {
                _ = try await bench.store.change(
                    job.id, [.fail(epoch: 1, engineKnown: true)],
                    facts: JobFields(errors: StoredError.list([denied, slow])), at: StoreFixture.at(11))
            }
            #expect(try await cause(bench, denied)?.jobs == 1)
            #expect(try await cause(bench, slow) == nil)
            // Only what failed has errors.
            let canceled = try await bench.running(.plan)
            _ = try await bench.store.change(
                canceled.id, [.cancel], facts: JobFields(errors: StoredError.list([slow])), at: StoreFixture.at(12))
            #expect(try await bench.store.errors(of: canceled.id).isEmpty)
        }
    }

    @Test(arguments: StoreEngine.all) func theNextSuccessSolvesIt(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let (shop, other) = (try await bench.vine(project: "shop"), try await bench.vine(project: "other"))
            try await fail(bench, shop, at: 10, denied)
            try await fail(bench, other, at: 20, denied)
            try await succeed(bench, try await bench.vine(project: "third"), at: 25)
            #expect(try await cause(bench, denied)?.solved == nil)
            let solver = try await succeed(bench, shop, .plan, at: 30)
            let half = try #require(try await cause(bench, denied))
            #expect(half.openVines == 1 && half.solved == JobMoment(job: solver.id, at: StoreFixture.at(30)))
            let vines = try await bench.store.errorVines(of: key(denied), in: nil, limit: 9)
            #expect(vines.map(\.vine) == [other.id, shop.id])
            #expect(vines.map(\.isOpen) == [true, false] && vines.map(\.solved?.job) == [nil, solver.id])
            // A later success is not the one that solved it.
            try await succeed(bench, shop, at: 40)
            #expect(try await cause(bench, denied)?.solved?.job == solver.id)
            // It may come back.
            try await fail(bench, shop, at: 50, denied)
            let again = try #require(try await cause(bench, denied))
            #expect(again.openVines == 2 && again.vines == 2 && again.jobs == 3 && again.solved?.job == solver.id)
            let second = try await succeed(bench, shop, at: 60)
            let last = try await succeed(bench, other, at: 70)
            let solved = try #require(try await cause(bench, denied))
            #expect(!solved.isOpen && solved.solved?.job == last.id)
            #expect(try await cause(bench, denied, in: [shop.id])?.solved?.job == second.id)
        }
    }

    @Test(arguments: StoreEngine.all) func aPlanDoesNotSolveWhatAnApplyShowed(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            try await fail(bench, vine, .destroy, at: 10, denied)
            try await succeed(bench, vine, .plan, at: 20)
            #expect(try await cause(bench, denied)?.isOpen == true)
            let solver = try await succeed(bench, vine, .destroy, at: 30)
            #expect(try await cause(bench, denied)?.solved?.job == solver.id)
        }
    }

    @Test(arguments: StoreEngine.all) func theListIsOrderedFilteredAndPaged(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let (shop, other) = (try await bench.vine(project: "shop"), try await bench.vine(project: "other"))
            func error(_ name: String) -> Diagnostic {
                Diagnostic(summary: "Failure\(name): it broke", file: "\(name).tf")
            }
            let names = ["A", "B", "C", "D"]
            try await fail(bench, other, at: 10, error("A"))
            try await succeed(bench, other, at: 11)
            try await fail(bench, shop, at: 20, error("B"), error("C"))
            try await fail(bench, shop, at: 30, error("C"))
            try await fail(bench, shop, at: 40, error("D"))
            func list(_ query: ErrorQuery, limit: Int = 50) async throws -> [String] {
                var cursor: String?
                var found: [String] = []
                repeat {
                    let page = try await bench.store.errorCauses(query, limit: limit, cursor: cursor)
                    #expect(page.items.count <= limit)
                    found += page.items.map { cause in
                        names.first { StoredError(error($0)).fingerprint == cause.error.fingerprint } ?? "?"
                    }
                    cursor = page.next
                } while cursor != nil
                return found
            }
            for limit in [1, 2, 3, 50] {
                #expect(try await list(ErrorQuery(), limit: limit) == ["C", "D", "B", "A"])
                #expect(try await list(ErrorQuery(vines: [shop.id, other.id]), limit: limit) == ["C", "D", "B", "A"])
                #expect(try await list(ErrorQuery(vines: [shop.id]), limit: limit) == ["C", "D", "B"])
                #expect(try await list(ErrorQuery(isOpen: true), limit: limit) == ["C", "D", "B"])
                #expect(try await list(ErrorQuery(isOpen: false), limit: limit) == ["A"])
                #expect(try await list(ErrorQuery(since: StoreFixture.at(30)), limit: limit) == ["C", "D"])
                #expect(try await list(ErrorQuery(text: "failureb"), limit: limit) == ["B"])
                #expect(try await list(ErrorQuery(text: "a.TF"), limit: limit) == ["A"])
                #expect(try await list(ErrorQuery(vines: []), limit: limit).isEmpty)
            }
            for cursor in ["", "x", "1_2_3_4", "1_2_3"] {
                await expectRefusal(.invalid) {
                    _ = try await bench.store.errorCauses(ErrorQuery(), limit: 5, cursor: cursor)
                }
            }
        }
    }

    @Test(arguments: StoreEngine.all) func theJobsAndDaysOfACause(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let (shop, other) = (try await bench.vine(project: "shop"), try await bench.vine(project: "other"))
            let day: Int64 = 86_400
            let one = try await fail(bench, shop, at: 10, denied)
            let two = try await fail(bench, other, at: 20, denied)
            let three = try await fail(bench, shop, at: 10 + day, denied)
            let page = try await bench.store.errorSightings(of: key(denied), in: nil, limit: 2, cursor: nil)
            #expect(page.items.map(\.job) == [three.id, two.id])
            #expect(page.items[0].error == StoredError(denied) && page.items[0].title == "shop / test")
            #expect(page.items[0].type == .plan && page.items[0].vine == shop.id)
            let rest = try await bench.store.errorSightings(of: key(denied), in: nil, limit: 2, cursor: page.next)
            #expect(rest.items.map(\.job) == [one.id] && rest.next == nil)
            let scoped = try await bench.store.errorSightings(of: key(denied), in: [shop.id], limit: 9, cursor: nil)
            #expect(scoped.items.map(\.job) == [three.id, one.id])
            let today = StoreFixture.at(10).day
            let days = try await bench.store.errorDays(of: [key(denied), key(slow)], in: nil, from: today)
            #expect(days[key(denied)] == [today: 2, today + 1: 1] && days[key(slow)] ?? [:] == [:])
            let later = try await bench.store.errorDays(of: [key(denied)], in: [shop.id], from: today + 1)
            #expect(later[key(denied)] == [today + 1: 1])
            #expect(try await bench.store.errorDays(of: [], in: nil, from: 0).isEmpty)
            #expect(try await bench.store.errorCauses([], in: nil).isEmpty)
        }
    }

    @Test(arguments: StoreEngine.all) func endsThatComeTogetherAreAllCounted(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let errors = (0..<5).map { Diagnostic(summary: "Cause\(["A", "B", "C", "D", "E"][$0]): it broke") }
            var jobs: [JobID] = []
            for _ in 0..<8 { jobs.append(try await bench.running(.destroy).id) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (index, job) in jobs.enumerated() {
                    group.addTask {
                        let list = index % 2 == 0 ? errors : errors.reversed()
                        _ = try await bench.store.change(
                            job, [.fail(epoch: 1, engineKnown: true)],
                            facts: JobFields(errors: StoredError.list(list)), at: StoreFixture.at(20))
                    }
                }
                try await group.waitForAll()
            }
            for error in errors {
                let found = try await cause(bench, error)
                #expect(found?.jobs == 8 && found?.vines == 8 && found?.openVines == 8)
            }
        }
    }
}
