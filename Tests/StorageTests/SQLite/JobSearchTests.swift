import Domain
import Foundation
import GRDB
import Testing

@testable import Storage
@testable import StorageSQLite

/// What a search and the list of active jobs cost, counted in rows and in steps of SQLite's machine.
@Suite struct JobSearchTests {
    /// A store with `count` ended jobs of one vine, newest last, and one running job.
    private func run(_ count: Int, _ body: (SQLiteStore, StoreFixture) async throws -> Void) async throws {
        try await StoreEngine.sqlite.run { bench in
            let store = try #require(bench.store as? SQLiteStore)
            let vine = try await bench.vine(project: "orchard", stage: "prod")
            let running = try await bench.running()
            let template = try await bench.job(of: vine)
            _ = try await store.change(template.id, [.cancel], facts: JobFields(), at: StoreFixture.at(2))
            try await store.write { db, _ in
                let columns = try db.columns(in: "provision_jobs").map(\.name)
                    .filter { !["id", "created_at", "holds_vine", "tendril_id"].contains($0) }.joined(separator: ", ")
                try db.execute(
                    sql: """
                        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(count))
                        INSERT INTO provision_jobs (id, created_at, \(columns))
                        SELECT printf('%08x-0000-4000-8000-%012x', (i * 2654435761) & 0xffffffff, i),
                            1800000100000 + i, \(columns) FROM n, provision_jobs WHERE id = ?
                        """, arguments: [template.id.rawValue])
            }
            #expect(try await store.activeJobs().map(\.id) == [running.id])
            try await body(store, bench)
        }
    }

    /// The rows that one page of a search looks at.
    private func cost(_ text: String, _ query: JobQuery = JobQuery(), in store: SQLiteStore) async throws -> [Int] {
        try await store.read { db in
            var search = JobSearch(text, query, after: nil)
            let found = try search.run(limit: 50, in: SQLiteJobIndex(db: db))
            return [found.rows.count, search.ids, search.rows]
        }
    }

    @Test func aSearchCostsTheSameHoweverManyJobsThereAre() async throws {
        var costs: [[[Int]]] = []
        for count in [1_000, 20_000] {
            try await run(count) { store, _ in
                costs.append([
                    try await cost("no such thing", in: store), try await cost("orchard", in: store),
                    try await cost("orchard", JobQuery(status: .failed), in: store),
                    try await cost("0123456789", in: store),
                ])
            }
        }
        #expect(costs[0] == costs[1])
        #expect(costs[1] == [[0, 0, 0], [50, 50, 50], [0, 1000, 1000], [0, 0, 0]])
    }

    /// However rare a beginning of an id is, one page looks at a bounded number of rows, and the next one continues.
    @Test func aSearchThatFindsLittleContinuesOnTheNextPage() async throws {
        try await run(12_000) { store, _ in
            #expect(try await cost("0", in: store)[1] <= JobSearch.maxIDs)
            var found: [JobID] = []
            var cursor: String?
            var pages = 0
            repeat {
                let page = try await store.jobs(JobQuery(text: "0f"), limit: 200, cursor: cursor)
                found += page.items.map(\.id)
                cursor = page.next
                pages += 1
            } while cursor != nil
            let expected = try await store.read { db in
                try db.rows(
                    "SELECT id FROM provision_jobs WHERE id LIKE '0f%' ORDER BY created_at DESC, id DESC"
                ) { row -> JobID in try row.id("id") }
            }
            // The name of another vine may contain the text, too.
            #expect(found.filter { $0.rawValue.hasPrefix("0f") } == expected && !expected.isEmpty)
            #expect(pages > 1)
        }
    }

    /// The list of active jobs takes no more steps with more jobs that have ended.
    @Test func activeJobsCostTheSameHoweverManyHaveEnded() async throws {
        var steps: [Int] = []
        for count in [100, 20_000] {
            try await run(count) { store, _ in
                steps.append(
                    try await store.read { db in
                        let plan = try db.rows("EXPLAIN QUERY PLAN " + SQLiteStore.activeJobsSQL) {
                            try $0.text("detail")
                        }
                        #expect(plan == ["SCAN provision_jobs USING INDEX provision_jobs_active_newest"])
                        return try db.rows(SQLiteStore.activeJobsSQL) { try $0.text("id") }.count
                    })
            }
        }
        #expect(steps == [1, 1])
    }
}
