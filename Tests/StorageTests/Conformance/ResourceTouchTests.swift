import Domain
import Foundation
import Postgres
import Storage
import Testing

@testable import StoragePostgres
@testable import StorageSQLite

/// Which job changed a vine's resource last.
@Suite struct ResourceTouchTests {
    private func resource(
        _ address: String, _ action: PlanAction = .create, _ state: RunResource.State = .done, at seconds: Int64? = 5
    ) -> RunResource {
        RunResource(
            address: address, action: action, state: state, startedAt: StoreFixture.at(1),
            endedAt: seconds.map(StoreFixture.at))
    }

    private func touches(_ vine: Vine, in bench: StoreFixture) async throws -> [String: ResourceTouch] {
        try await bench.store.lastTouches(of: ["x.a", "x.b", "x.c", "x.a[\"ü\"]", "x.none"], in: vine.id)
    }

    @Test(arguments: StoreEngine.all) func theLastChangeOfEachIsKept(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            #expect(try await touches(vine, in: bench) == [:])
            let first = try await bench.running(.destroy, of: vine)
            try await bench.store.saveResources(
                [
                    resource("x.a"), resource("x.b", .update, .running, at: nil), resource("x.c", .noOp),
                    resource("x.a[\"ü\"]", .import),
                ], graph: nil, of: first.id, epoch: 1)
            #expect(
                try await touches(vine, in: bench) == [
                    "x.a": ResourceTouch(job: first.id, action: .create, hasFailed: false, at: StoreFixture.at(5)),
                    "x.a[\"ü\"]": ResourceTouch(
                        job: first.id, action: .import, hasFailed: false, at: StoreFixture.at(5)),
                ])
            try await bench.change(first.id, .fail(epoch: 1, engineKnown: true))
            let second = try await bench.running(.destroy, of: vine)
            try await bench.store.saveResources(
                [
                    resource("x.a", .delete, .failed, at: 8), resource("x.b", .update, at: 9),
                    resource("x.a[\"ü\"]", .delete),
                ], graph: nil, of: second.id, epoch: 1)
            #expect(
                try await touches(vine, in: bench) == [
                    "x.a": ResourceTouch(job: second.id, action: .delete, hasFailed: true, at: StoreFixture.at(8)),
                    "x.b": ResourceTouch(job: second.id, action: .update, hasFailed: false, at: StoreFixture.at(9)),
                ])
            #expect(try await touches(try await bench.vine(), in: bench) == [:])
        }
    }

    /// A plan refreshes and reads; whatever it says, it changes nothing.
    @Test(arguments: StoreEngine.all) func aPlanChangesNothing(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            let plan = try await bench.running(.plan, of: vine)
            try await bench.store.saveResources(
                [resource("x.a"), resource("x.b", .read)], graph: nil, of: plan.id, epoch: 1)
            #expect(try await touches(vine, in: bench) == [:])
        }
    }

    /// The migration finds the same in what earlier versions stored.
    @Test(arguments: StoreEngine.all) func whatEarlierVersionsStoredIsFound(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            for seconds: Int64 in [5, 7] {
                let job = try await bench.running(.destroy, of: vine)
                try await bench.store.saveResources(
                    [
                        resource("x.a", .update, at: seconds), resource("x.b", .delete),
                        resource("x.c", .create, .failed, at: seconds),
                    ], graph: nil, of: job.id, epoch: 1)
                try await bench.change(job.id, .fail(epoch: 1, engineKnown: true))
            }
            let known = try await touches(vine, in: bench)
            #expect(known.keys.sorted() == ["x.a", "x.c"])
            if let store = bench.store as? SQLiteStore {
                try await store.write { db, _ in
                    try db.run("DELETE FROM vine_resources")
                    try db.run(SQLiteSchema.earlierTouches)
                }
            } else if let store = bench.store as? PostgresStore {
                try await store.write { db, _ in
                    db.run("DELETE FROM vine_resources")
                    db.run(PostgresSchema.earlierTouches)
                }
            }
            let found = try await touches(vine, in: bench)
            #expect(found.keys.sorted() == ["x.a", "x.c"])
            // Both jobs were made at the same moment, so either may count as the later one.
            #expect(found["x.a"]?.action == .update && found["x.c"]?.hasFailed == true)
        }
    }
}
