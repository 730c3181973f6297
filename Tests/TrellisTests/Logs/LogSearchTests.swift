import Domain
import Foundation
import Storage
import Testing
import Wire

@testable import Trellis

/// Searching a whole log through the API, sealed or not.
@Suite struct LogSearchTests {
    private struct Found {
        var hits: [SearchHitMessage] = []
        var progress: [Int64] = []
        var end: SearchEndMessage?
    }

    private func search(_ api: API, _ job: JobID, _ query: String) async throws -> Found {
        let reply = try await api.get("/api/jobs/\(job)/logs/search?\(query)")
        #expect(reply.status == 200, "\(reply.text)")
        var found = Found()
        for line in reply.body.split(separator: UInt8(ascii: "\n")) {
            if let hit = try? WireJSON.decode(SearchHitMessage.self, from: Data(line)) {
                found.hits.append(hit)
            } else if let end = try? WireJSON.decode(SearchEndMessage.self, from: Data(line)) {
                found.end = end
            } else {
                found.progress.append(try WireJSON.decode([String: Int64].self, from: Data(line))["scanned"] ?? 0)
            }
        }
        return found
    }

    /// A log of several blocks: a needle in each of 12 appends of 4000 lines, and one of STDERR behind it.
    private func withLog(
        limits: TrellisLimits = TrellisLimits(), _ body: @Sendable (API, JobID, Int64) async throws -> Void
    ) async throws {
        try await TrellisHarness.run(limits: limits) { harness, api async throws in
            let (tendril, order) = try await LogsTests().running(api)
            let first = try await harness.store.logSize(of: order.jobId).lines + 1
            for n in 0..<12 {
                for half in 0..<2 {
                    let filler = (0..<1999).map { "\u{1b}[1mhay \($0) in \(n).\(half)\n" }.joined()
                    let needle = half == 0 ? "é \u{1b}[32mneed\u{1b}[0mle-\(n)\n" : "nothing\n"
                    _ = try await tendril.append(order, n: 3 * n + half + 1, needle + filler)
                }
                _ = try await tendril.append(order, n: 3 * n + 3, "needle on stderr\n", stream: "STDERR")
            }
            try await body(api, order.jobId, first)
            while try await harness.store.compact(order.jobId) {}
            try await body(api, order.jobId, first)
        }
    }

    @Test func everyHitIsFoundInTheVisibleText() async throws {
        try await withLog { api, job, first async throws in
            let found = try await search(api, job, "q=needle&progress=1")
            let expected = (0..<12).flatMap { n -> [SearchHitMessage] in
                let line = first + Int64(n) * 4001
                return [SearchHitMessage(n: line, col: 2, len: 6), SearchHitMessage(n: line + 4000, col: 0, len: 6)]
            }
            #expect(found.hits == expected)
            #expect(
                found.end
                    == SearchEndMessage(
                        done: true, total: 24, scanned: first - 1 + 12 * 4001, capped: false, reason: nil))
            #expect(found.progress == found.progress.sorted() && !found.progress.isEmpty)
            #expect(
                try await search(api, job, "q=NEEDLE-7").hits
                    == [expected[14]].map { SearchHitMessage(n: $0.n, col: 2, len: 8) })
            #expect(try await search(api, job, "q=NEEDLE&case=1").hits.isEmpty)
            for space in ["+", "%20"] {
                #expect(try await search(api, job, "q=needle\(space)on\(space)stderr").hits.count == 12)
            }
            #expect(try await search(api, job, "q=%5Bneed").hits.isEmpty)
            #expect(try await search(api, job, "q=%5Ehay%20(7%7C1998)%20in%203%5C.1%24&regex=1").hits.count == 2)
            #expect(try await search(api, job, "q=needle&streams=STDERR").hits == expected.filter { $0.col == 0 })
            let from = try await search(api, job, "q=needle&from=\(expected[3].n)")
            #expect(from.hits == Array(expected[3...]))
            let last = try #require(found.end).scanned
            #expect(try await search(api, job, "q=needle&from=\(last + 1)").end?.scanned == last)
        }
    }

    @Test func reportsReachedLimits() async throws {
        try await withLog(limits: TrellisLimits(search: SearchLimits(hits: 24))) { api, job, _ async throws in
            #expect(try await search(api, job, "q=needle").end?.capped == false)
        }
        try await withLog(limits: TrellisLimits(search: SearchLimits(hits: 23))) { api, job, first async throws in
            let found = try await search(api, job, "q=needle")
            #expect(found.hits.count == 23 && found.end?.capped == true)
            #expect(found.end?.reason == "There are more than 23 hits.")
            // The next search goes on where this one ended.
            let scanned = found.end?.scanned ?? 0
            let more = try await search(api, job, "q=needle&from=\(scanned + 1)")
            #expect(more.hits.count == 1 && more.end?.capped == false)
        }
        try await withLog(limits: TrellisLimits(search: SearchLimits(milliseconds: -1))) { api, job, _ async throws in
            let found = try await search(api, job, "q=needle")
            #expect(found.end?.capped == true && found.end?.reason?.contains("stopped after") == true)
        }
    }

    @Test func expensivePatternEndsOnlyItsSearch() async throws {
        try await TrellisHarness.run { _, api async throws in
            let (tendril, order) = try await LogsTests().running(api)
            _ = try await tendril.append(order, n: 1, String(repeating: "a", count: 200) + "!\n")
            let found = try await search(api, order.jobId, "q=(a%2B)%2B%24&regex=1")
            #expect(found.hits.isEmpty && found.end?.capped == true && found.end?.reason?.contains("Simplify") == true)
        }
    }

    @Test func rejectsInvalidParameters() async throws {
        try await TrellisHarness.run(limits: TrellisLimits(search: SearchLimits(queryBytes: 5))) {
            _, api async throws in
            let (_, order) = try await LogsTests().running(api)
            let path = "/api/jobs/\(order.jobId)/logs/search"
            for query in ["", "q=", "q=123456", "q=(&regex=1", "q=x&regex=2", "q=x&from=0", "q=x&streams=x"] {
                let reply = try await api.get("\(path)?\(query)")
                #expect(reply.status == 400 && reply.error != nil, "\(query)")
            }
            #expect(try await api.get("\(path)?q=(&regex=1").error?.hasPrefix("Invalid regular expression: ") == true)
            #expect(try await api.get("\(path)?q=12345").status == 200)
            #expect(try await api.stranger.get("\(path)?q=x").status == 401)
        }
    }

    @Test func searchesHaveTheirNumberAndTheirWork() async throws {
        try await TrellisHarness.run(limits: TrellisLimits(search: SearchLimits(atOnce: 0))) { _, api async throws in
            let (_, order) = try await LogsTests().running(api)
            #expect(try await api.get("/api/jobs/\(order.jobId)/logs/search?q=x").status == 429)
        }
        let limits = TrellisLimits(search: SearchLimits(workMilliseconds: 0))
        try await withLog(limits: limits) { api, job, _ async throws in
            // Plain text is found in linear time and needs no clock.
            #expect(try await search(api, job, "q=needle").end?.capped == false)
            let found = try await search(api, job, "q=needle&regex=1")
            #expect(found.hits.isEmpty && found.end?.reason?.contains("Simplify") == true)
        }
    }
}
