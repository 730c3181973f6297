import Domain
import Foundation
import Storage
import Testing

/// What plans change.
@Suite struct PlanChangesTests {
    private func record(
        _ n: Int, _ address: String? = nil, _ action: PlanAction = .create, type: String = "aws_instance",
        detail: JSONValue = ["diff": []]
    ) -> PlanChangeRecord {
        PlanChangeRecord(
            change: PlanChange(
                n: n, address: address ?? "module.a.\(type).b[\(n)]", module: "module.a", type: type, action: action,
                forces: ["x"], attributes: ["x", "y"]),
            digest: "digest-\(n)", detail: detail)
    }

    private func save(
        _ records: [PlanChangeRecord], _ summary: JSONValue? = nil, first: Bool = true, of job: Job, epoch: Int = 1,
        in bench: StoreFixture
    ) async throws {
        try await bench.store.savePlanChanges(
            PlanChangesPart(changes: records, summary: summary, isFirst: first), of: job.id, epoch: epoch)
    }

    @Test(arguments: StoreEngine.all) func storesPartsAndTheirSummary(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            #expect(try await bench.store.planSummary(of: job.id) == nil)
            let detail: JSONValue = ["diff": [["path": "x", "after": 12_345_678_901_234_567]], "unchanged": 3]
            try await save([record(1, detail: detail), record(2)], of: job, in: bench)
            #expect(try await bench.store.planSummary(of: job.id) == StoredPlanSummary(summary: nil))
            _ = bench.seen.take()
            try await save([record(3)], ["total": 3], first: false, of: job, in: bench)
            #expect(try await bench.store.planSummary(of: job.id)?.summary == ["total": 3])
            #expect(bench.seen.take().joined().contains(.job(job.id)))
            #expect(try await bench.store.planChange(1, of: job.id) == record(1, detail: detail))
            #expect(try await bench.store.planChange(4, of: job.id) == nil)
            #expect(
                try await bench.store.planDigests(of: job.id).map(\.digest) == ["digest-1", "digest-2", "digest-3"])
            #expect(try await bench.store.planDigests(of: job.id).map(\.change) == (1...3).map { record($0).change })
        }
    }

    @Test(arguments: StoreEngine.all) func partsMayBeRepeated(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            try await save([record(1), record(2), record(3)], ["total": 3], of: job, in: bench)
            try await save([record(1, "x.new")], of: job, in: bench)
            #expect(try await bench.store.planDigests(of: job.id).map(\.change.address) == ["x.new"])
            #expect(try await bench.store.planSummary(of: job.id)?.summary == nil)
            try await save([record(2, "x.a")], first: false, of: job, in: bench)
            try await save([record(2, "x.b")], ["total": 2], first: false, of: job, in: bench)
            #expect(try await bench.store.planDigests(of: job.id).map(\.change.address) == ["x.new", "x.b"])
        }
    }

    @Test(arguments: StoreEngine.all) func requiresTheLease(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            await expectRefusal(.leaseLost) { try await save([record(1)], of: job, epoch: 2, in: bench) }
            try await bench.change(job.id, .giveUp(epoch: 1))
            await expectRefusal(.leaseLost) { try await save([record(1)], of: job, in: bench) }
            await expectRefusal(.notFound) {
                try await bench.store.savePlanChanges(
                    PlanChangesPart(changes: [], isFirst: true), of: StoreFixture.newID(), epoch: 1)
            }
            #expect(try await bench.store.planSummary(of: job.id) == nil)
        }
    }

    @Test(arguments: StoreEngine.all) func pagesAndFilters(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let (job, other) = (try await bench.running(), try await bench.running())
            try await save([record(1, "x.other")], of: other, in: bench)
            try await save(
                [
                    record(1, "aws_db.Main", .delete, type: "aws_db"), record(2, "aws_db.a%b", .update, type: "aws_db"),
                    record(3), record(4), record(5, "x.y", .move, type: "x"),
                ], [:], of: job, in: bench)
            func numbers(_ query: PlanChangeQuery, limit: Int = 10, after: Int = 0) async throws -> ([Int], Int?) {
                let page = try await bench.store.planChanges(of: job.id, query, limit: limit, after: after)
                return (page.items.map(\.n), page.next)
            }
            #expect(try await numbers(PlanChangeQuery()) == ([1, 2, 3, 4, 5], nil))
            #expect(try await numbers(PlanChangeQuery(), limit: 2) == ([1, 2], 2))
            #expect(try await numbers(PlanChangeQuery(), limit: 2, after: 2) == ([3, 4], 4))
            #expect(try await numbers(PlanChangeQuery(), limit: 2, after: 4) == ([5], nil))
            #expect(try await numbers(PlanChangeQuery(actions: [.delete, .move])) == ([1, 5], nil))
            #expect(try await numbers(PlanChangeQuery(type: "aws_db")) == ([1, 2], nil))
            #expect(try await numbers(PlanChangeQuery(text: "MAIN")) == ([1], nil))
            // No pattern, only text.
            #expect(try await numbers(PlanChangeQuery(text: "a%b")) == ([2], nil))
            #expect(try await numbers(PlanChangeQuery(text: "a_b")) == ([], nil))
            #expect(
                try await numbers(PlanChangeQuery(actions: [.create], type: "aws_instance", text: "[4]")) == ([4], nil))
            #expect(try await numbers(PlanChangeQuery(), after: .max) == ([], nil))
        }
    }

    /// A page checks a bounded number of rows: it may be empty although another one follows.
    @Test(arguments: StoreEngine.all) func searchesInSteps(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            for start in stride(from: 1, through: 5_000, by: 1_000) {
                try await save(
                    (start..<start + 1_000).map { record($0, $0 == 5_000 ? "x.needle" : "x.hay[\($0)]") },
                    start > 4_000 ? [:] : nil, first: start == 1, of: job, in: bench)
            }
            var (found, after, pages) = ([Int](), Int?.some(0), 0)
            while let next = after {
                let page = try await bench.store.planChanges(
                    of: job.id, PlanChangeQuery(text: "needle"), limit: 10, after: next)
                found += page.items.map(\.n)
                (after, pages) = (page.next, pages + 1)
            }
            #expect(found == [5_000] && pages <= 10)
        }
    }

    @Test(arguments: StoreEngine.all) func attributesAreNotReadableOnDisk(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            try await save(
                [record(1, detail: ["diff": [["after": "plain-attribute-text"]]])], ["outputs": ["plain-output-text"]],
                of: job, in: bench)
            for name in try FileManager.default.subpathsOfDirectory(atPath: bench.folder.path) {
                let data = (try? Data(contentsOf: bench.folder.appending(path: name))) ?? Data()
                #expect(data.range(of: Data("plain-attribute-text".utf8)) == nil, "\(name)")
                #expect(data.range(of: Data("plain-output-text".utf8)) == nil, "\(name)")
            }
        }
    }
}
