import Domain
import Foundation
import Storage
import Testing
import Wire

@testable import Trellis

/// Searching the logs of many jobs through the API.
@Suite struct LogsSearchTests {
    private struct Found {
        var hits: [LogsHitMessage] = []
        var more: [LogsMoreMessage] = []
        var progress: [LogsProgressMessage] = []
        var end: LogsEndMessage?
    }

    private func search(_ api: API, _ query: String) async throws -> Found {
        let reply = try await api.get("/api/search?\(query)")
        #expect(reply.status == 200, "\(reply.text)")
        var found = Found()
        for line in reply.body.split(separator: UInt8(ascii: "\n")).map({ Data($0) }) {
            if let hit = try? WireJSON.decode(LogsHitMessage.self, from: line) {
                found.hits.append(hit)
            } else if let end = try? WireJSON.decode(LogsEndMessage.self, from: line) {
                found.end = end
            } else if let more = try? WireJSON.decode(LogsMoreMessage.self, from: line) {
                found.more.append(more)
            } else {
                found.progress.append(try WireJSON.decode(LogsProgressMessage.self, from: line))
            }
        }
        return found
    }

    /// A PLAN with this log that failed.
    private func job(
        _ harness: TrellisHarness, _ api: API, _ tendril: API, on vine: VineID, _ text: String,
        stream: String = "STDOUT"
    ) async throws -> JobID {
        harness.clock.advance(seconds: 10)
        let job = try await api.makeJob(on: vine)
        #expect(try await tendril.beat().status == 200)
        let order = try await tendril.claim()
        #expect(try await tendril.report(order, API.start).status == 200)
        #expect(try await tendril.append(order, n: 1, text, stream: stream).status == 200)
        #expect(try await tendril.report(order, #""status": "FAILED", "engine_state": "GONE""#).status == 200)
        return job.id
    }

    private func withJobs(
        limits: TrellisLimits = TrellisLimits(),
        _ body: @Sendable (TrellisHarness, API, [JobID], VineID) async throws -> Void
    ) async throws {
        try await TrellisHarness.run(limits: limits) { harness, api async throws in
            let (shop, other) = (try await api.makeVine("shop"), try await api.makeVine("other"))
            let tendril = try await api.makeTendril()
            var jobs: [JobID] = []
            jobs.append(
                try await job(
                    harness, api, tendril, on: shop.id, "hay\né \u{1b}[32mneed\u{1b}[0mle and a Needle\nhay\n"))
            jobs.append(try await job(harness, api, tendril, on: other.id, "nothing\n"))
            jobs.append(try await job(harness, api, tendril, on: other.id, String(repeating: "a needle\n", count: 12)))
            jobs.append(try await job(harness, api, tendril, on: shop.id, "the needle\n", stream: "STDERR"))
            try await body(harness, api, jobs, shop.id)
            for job in jobs { while try await harness.store.compact(job) {} }
            try await body(harness, api, jobs, shop.id)
        }
    }

    @Test func hitsComeWithTheirJobsNewestFirst() async throws {
        try await withJobs { _, api, jobs, shop async throws in
            let found = try await search(api, "q=needle")
            #expect(found.hits.map(\.jobId) == [jobs[3]] + Array(repeating: jobs[2], count: 5) + [jobs[0]])
            let last = try #require(found.hits.last)
            #expect(last.text == "é needle and a Needle" && last.from == 0 && last.matches == [[2, 6], [15, 6]])
            #expect(
                last.vineTitle == "shop / dev" && last.vineId == shop && last.status == .failed && last.jobType == .plan
            )
            let line = try await api.get("/api/jobs/\(jobs[0])/logs/lines?from=\(last.n)&count=1").decode(
                LineWindowResponse.self)
            #expect(line.lines.first?.text == last.text && line.lines.first?.t == last.t)
            #expect(found.hits.first?.stream == .stderr && last.stream == .stdout)
            #expect(found.more == [LogsMoreMessage(jobId: jobs[2], lines: 12, capped: false)])
            #expect(
                found.end
                    == LogsEndMessage(
                        done: true, searched: 4, jobs: 3, lines: 14, capped: false, reason: nil, nextCursor: nil))
            #expect(found.progress.last?.searched == 4)
        }
    }

    @Test func filtersLimitTheJobs() async throws {
        try await withJobs { harness, api, jobs, shop async throws in
            func seen(_ query: String) async throws -> [JobID] {
                var seen: [JobID] = []
                for hit in try await search(api, query).hits where seen.last != hit.jobId { seen.append(hit.jobId) }
                return seen
            }
            #expect(try await seen("q=needle&vine=\(shop)") == [jobs[3], jobs[0]])
            #expect(try await seen("q=needle&status=SUCCESS").isEmpty)
            #expect(try await seen("q=needle&status=FAILED&type=PLAN").count == 3)
            #expect(try await seen("q=needle&type=DESTROY").isEmpty)
            #expect(try await seen("q=needle&streams=STDERR") == [jobs[3]])
            #expect(try await seen("q=Needle&case=1") == [jobs[0]])
            #expect(try await seen("q=%5Ea%20needle%24&regex=1") == [jobs[2]])
            let created = try #require(try await harness.store.job(jobs[2])).createdAt
            #expect(try await seen("q=needle&since=\(created)") == [jobs[3], jobs[2]])
            #expect(try await seen("q=needle&since=\(created.advanced(by: 1))") == [jobs[3]])
        }
    }

    @Test func aLimitEndsItAndTheCursorGoesOn() async throws {
        let limits = SearchLimits(jobs: 2, shownLines: 2, countedLines: 4)
        try await withJobs(limits: TrellisLimits(search: limits)) { _, api, jobs, _ async throws in
            let first = try await search(api, "q=needle")
            #expect(first.hits.map(\.jobId) == [jobs[3], jobs[2], jobs[2]])
            #expect(first.more == [LogsMoreMessage(jobId: jobs[2], lines: 4, capped: true)])
            #expect(
                first.end?.capped == true && first.end?.reason == "The search stopped after 2 jobs."
                    && first.end?.searched == 2)
            let cursor = try #require(first.end?.nextCursor)
            let second = try await search(api, "q=needle&cursor=\(cursor)")
            #expect(second.hits.map(\.jobId) == [jobs[0]])
            #expect(second.end?.capped == false && second.end?.nextCursor == nil && second.end?.searched == 2)
        }
        try await withJobs(limits: TrellisLimits(search: SearchLimits(lines: 2))) { _, api, jobs, _ async throws in
            let found = try await search(api, "q=needle")
            #expect(Set(found.hits.map(\.jobId)) == [jobs[3], jobs[2]])
            #expect(found.end?.reason == "The search stopped after 2 lines with hits.")
        }
        // However little time there is, each request searches at least one log.
        try await withJobs(limits: TrellisLimits(search: SearchLimits(milliseconds: -1))) {
            _, api, jobs, _ async throws in
            let found = try await search(api, "q=needle")
            #expect(found.end?.searched == 1 && found.end?.capped == true && found.end?.nextCursor != nil)
        }
    }

    @Test func aLongLineIsShownAroundItsMatch() async throws {
        try await TrellisHarness.run { harness, api async throws in
            let vine = try await api.makeVine()
            let tendril = try await api.makeTendril()
            let text = String(repeating: "ü", count: 5000) + "needle" + String(repeating: "ü", count: 5000) + "needle\n"
            _ = try await job(harness, api, tendril, on: vine.id, text)
            let hit = try #require(try await search(api, "q=needle").hits.first)
            #expect(hit.text.utf8.count <= ExcerptSearch.excerptBytes && hit.matches.count == 1)
            let (column, length) = (hit.matches[0][0], hit.matches[0][1])
            #expect(hit.from + column == 5000)
            #expect(
                String(Array(hit.text.utf16)[column..<column + length].map { Character(UnicodeScalar($0)!) })
                    == "needle")
        }
    }

    @Test func badRequestsAreRefused() async throws {
        try await TrellisHarness.run(limits: TrellisLimits(search: SearchLimits(queryBytes: 5, manyAtOnce: 0))) {
            _, api async throws in
            for query in ["", "q=", "q=123456", "q=x&regex=2", "q=x&streams=x", "q=x&since=1", "q=x&status=x"] {
                let reply = try await api.get("/api/search?\(query)")
                #expect(reply.status == 400 && reply.error != nil, "\(query)")
            }
            #expect(try await api.get("/api/search?q=x").status == 429)
        }
        try await TrellisHarness.run { _, api async throws in
            for query in ["q=(&regex=1", "q=x&cursor=x"] {
                #expect(try await api.get("/api/search?\(query)").status == 400, "\(query)")
            }
            // A refused search holds no slot.
            for _ in 0..<10 { _ = try await api.get("/api/search?q=(&regex=1") }
            #expect(
                try await search(api, "q=x").end
                    == LogsEndMessage(
                        done: true, searched: 0, jobs: 0, lines: 0, capped: false, reason: nil, nextCursor: nil))
        }
    }
}
