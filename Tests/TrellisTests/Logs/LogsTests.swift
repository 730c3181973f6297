import Domain
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import LiveFeed
import Storage
import Testing
import Wire

@testable import Trellis

/// The log through the API: appends, pages, windows, text and streams.
@Suite struct LogsTests {
    /// A running job with a lease.
    func running(_ api: API) async throws -> (tendril: API, order: ClaimResponse) {
        let vine = try await api.makeVine()
        let tendril = try await api.makeTendril()
        _ = try await api.makeJob(on: vine.id)
        let order = try await tendril.claim()
        #expect(try await tendril.report(order, API.start).status == 200)
        return (tendril, order)
    }

    @Test func appendsAreIdempotentAndContiguous() async throws {
        try await TrellisHarness.run { _, api async throws in
            let (tendril, order) = try await running(api)
            let first = try await tendril.append(order, n: 1, "one\ntwo\n").decode(LogCursorResponse.self)
            #expect(first.nextN == 2)
            #expect(try await tendril.append(order, n: 1, "one\ntwo\n").decode(LogCursorResponse.self).seq == first.seq)
            let other = try await tendril.append(order, n: 1, "else\n")
            #expect(other.status == 409 && other.error?.contains("diverged") == true)
            let hole = try await tendril.append(order, n: 5, "x\n")
            #expect(hole.status == 409 && hole.error?.contains("2") == true)
            let cursor = try await tendril.get("/api/jobs/\(order.jobId)/logs/cursor?epoch=1").decode(
                LogCursorResponse.self)
            #expect(cursor.nextN == 2 && cursor.stored == ["STDOUT": 8])
        }
    }

    @Test func pagesAndWindowsShowEveryLineOnce() async throws {
        try await TrellisHarness.run { _, api async throws in
            let (tendril, order) = try await running(api)
            for n in 1...20 { _ = try await tendril.append(order, n: n, "line \(n)\n\u{1b}[31mred \(n)\u{1b}[0m\n") }
            var after: Int64 = 0
            var text = ""
            while true {
                let page = try await api.get("/api/jobs/\(order.jobId)/logs?after=\(after)&limit=7").decode(
                    LogPageResponse.self)
                if page.chunks.isEmpty { break }
                #expect(
                    page.chunks.map(\.seq) == Array(page.chunks[0].seq..<page.chunks[0].seq + Int64(page.chunks.count)))
                text += page.chunks.filter { $0.streamType == .stdout }.map(\.logChunk).joined()
                after = page.next
            }
            #expect(text == (1...20).map { "line \($0)\n\u{1b}[31mred \($0)\u{1b}[0m\n" }.joined())
            let window = try await api.get("/api/jobs/\(order.jobId)/logs/lines?from=3&count=5").decode(
                LineWindowResponse.self)
            #expect(window.lines.map(\.n) == [3, 4, 5, 6, 7])
            #expect(window.lines.contains { $0.text.hasPrefix("red ") && !$0.text.contains("\u{1b}") })
            let plain = try await api.get("/api/jobs/\(order.jobId)/logs?format=text&ansi=0").text
            #expect(plain.contains("red 20\n") && !plain.contains("\u{1b}"))
            let raw = try await api.call(.get, "/api/jobs/\(order.jobId)/logs", headers: [.accept: "text/plain"]).text
            #expect(raw.contains("\u{1b}[31mred 20\u{1b}[0m\n"))
        }
    }

    @Test(arguments: ["after=-1", "after=x", "limit=0", "limit=10001", "from=0", "count=99999999999"])
    func badNumbersAreRefused(query: String) async throws {
        try await TrellisHarness.run { _, api async throws in
            let (_, order) = try await running(api)
            let path = query.hasPrefix("from") || query.hasPrefix("count") ? "logs/lines" : "logs"
            #expect(try await api.get("/api/jobs/\(order.jobId)/\(path)?\(query)").status == 400)
        }
    }

    @Test func anAppendOverTheLimitIsRefusedWhole() async throws {
        let limits = TrellisLimits(log: LogLimits(chunkBytes: 100, appendBytes: 150, appendChunks: 2))
        try await TrellisHarness.run(limits: limits) { _, api in
            let (tendril, order) = try await running(api)
            #expect(try await tendril.append(order, n: 1, String(repeating: "x", count: 101)).status == 413)
            #expect(try await tendril.append(order, n: 1, String(repeating: "x", count: 100)).status == 200)
            #expect(try await tendril.append(order, n: 2, "").status == 400)
        }
    }

    @Test func cutLinesAreJoinedUnlessAnotherStreamCameBetween() {
        func chunk(_ stream: LogStream, _ text: String, continued: Bool = false) -> LogChunk {
            LogChunk(
                id: 1, job: JobID(randomBytes: [UInt8](repeating: 0, count: 16)), epoch: 1, seq: 1, firstLine: 1,
                lineCount: 1, stream: stream, text: text, continued: continued, times: LineTimes(),
                createdAt: Timestamp(milliseconds: 0))
        }
        var joiner = LogTextJoiner(keepsANSI: false)
        let text = [
            chunk(.stdout, "a"), chunk(.stdout, "b\n", continued: true), chunk(.stdout, "c"), chunk(.stderr, "err\n"),
            chunk(.stdout, "d\n", continued: true),
        ].map { joiner.add($0) }.joined()
        #expect(text == "ab\nc\nerr\nd\n")
    }

    /// Over a real socket: backlog, live part, end; then a resume, and a shutdown that does not hang on open streams.
    @Test func aStreamHasTheBacklogThenGoesLiveThenEnds() async throws {
        let harness = try await TrellisHarness.make()
        let feeds = harness.parts.feeds
        let application = Application(
            router: try await harness.parts.router(),
            configuration: .init(address: .hostname("127.0.0.1", port: 0)), logger: TrellisHarness.quiet)
        try await application.test(.live) { client in
            var headers: HTTPFields = [.authorization: "Bearer \(harness.token)"]
            headers[headerName("Host")] = "localhost"
            let api = API(client: client, token: harness.token, headers: headers)
            let (tendril, order) = try await running(api)
            var worker = tendril
            worker.headers?[headerName("Host")] = "localhost"
            #expect(try await worker.append(order, n: 1, "backlog\n").status == 200)
            let reader = Reader(
                try await LogFollower(
                    order.jobId, after: 0, in: feeds.logs, jobs: StoredJobs(store: harness.store), bell: feeds.bell,
                    heartbeat: .seconds(30)))
            try await reader.read(until: "backlog")
            async let live: Void = reader.read(until: "live")
            #expect(try await worker.append(order, n: 2, "live\n").status == 200)
            try await live
            let end = #""status": "FAILED", "engine_state": "GONE", "log": {"incomplete": "test"}"#
            #expect(try await worker.report(order, end).status == 200)
            try await reader.read(until: "<ended>")
            let stream = try await api.get("/api/jobs/\(order.jobId)/logs/stream?after=1").text
            #expect(stream.contains("event: chunk") && stream.contains("event: end") && !stream.contains("id: 1\n"))
            // The test's clock, not the machine's.
            let now = String(decoding: try WireJSON.encode(["now": harness.clock.now]), as: UTF8.self)
            let times = stream.matches(of: /"server_now":("[^"]*")/).map { String($0.1) }
            #expect(!times.isEmpty && times.allSatisfy { now.contains($0) }, "\(times) \(now)")
        }
        try await harness.store.close()
        try FileManager.default.removeItem(atPath: harness.folder)
    }
}

/// Reads a follower until a text has come by.
actor Reader {
    private var follower: LogFollower
    private var seen = ""

    init(_ follower: LogFollower) { self.follower = follower }

    func read(until stop: String) async throws {
        var follower = follower
        while !seen.contains(stop) {
            switch try await follower.next() {
            case .rows(let rows): seen += rows.compactMap { $0.columns["log_chunk"]?.stringValue }.joined()
            case .job: continue
            case .ended: seen += "<ended>"
            case .idle, .closed: throw CancellationError()
            }
        }
        self.follower = follower
    }
}
