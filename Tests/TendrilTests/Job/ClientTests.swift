import Domain
import Foundation
import Synchronization
import Testing
import Wire

@testable import Tendril

@Suite struct EventParserTests {
    private let text =
        ": hello\n\nevent: work\ndata: {}\n\nevent:stop\r\ndata: one\r\ndata:two\r\n\r\ndata: x\n\nevent: none\n\n"

    @Test func findsEventsHoweverTheBytesCome() {
        let expected: [EventStreamParser.Event] = [
            .init(name: "work", data: "{}"), .init(name: "stop", data: "one\ntwo"), .init(name: "message", data: "x"),
        ]
        for size in [1, 2, 3, 7, 1000] {
            var parser = EventStreamParser()
            let bytes = Array(text.utf8)
            let events = stride(from: 0, to: bytes.count, by: size).flatMap { start in
                parser.take(bytes[start..<min(start + size, bytes.count)])
            }
            #expect(events == expected, "pieces of \(size)")
        }
    }

    @Test func anEndlessLineCostsNoMemoryAndNoEvent() {
        var parser = EventStreamParser()
        for _ in 0..<200 { #expect(parser.take(Array(repeating: UInt8(ascii: "x"), count: 1000)).isEmpty) }
        #expect(parser.take(Array("\n\ndata: y\n\n".utf8)) == [.init(name: "message", data: "y")])
    }

    @Test func onlyKnownEventsAreSignals() {
        let job = SystemDependencies.system.makeID(Job.self)
        #expect(TendrilEvent(.init(name: "work", data: "{}")) == .work)
        #expect(TendrilEvent(.init(name: "stop", data: #"{"job_id":"\#(job)"}"#)) == .stop(job))
        #expect(TendrilEvent(.init(name: "stop", data: #"{"job_id":"../x"}"#)) == nil)
        #expect(TendrilEvent(.init(name: "other", data: "{}")) == nil)
    }
}

@Suite struct BackoffTests {
    @Test func doublesUpToItsLimit() {
        let ambient = SystemDependencies(
            now: { Timestamp(milliseconds: 0) }, randomBytes: { Array(repeating: 255, count: $0) })
        var backoff = Backoff(first: .milliseconds(100), limit: .seconds(1), dependencies: ambient)
        let steps = (0..<6).map { _ in backoff.next().milliseconds }
        #expect(steps == [100, 200, 400, 800, 1000, 1000])
        backoff.reset()
        #expect(backoff.next() == .milliseconds(100))
    }

    @Test func jitterTakesAtMostHalf() {
        let ambient = SystemDependencies(
            now: { Timestamp(milliseconds: 0) }, randomBytes: { Array(repeating: 0, count: $0) })
        var backoff = Backoff(first: .milliseconds(100), dependencies: ambient)
        #expect(backoff.next() == .milliseconds(50))
    }
}

@Suite struct HTTPTrellisTests {
    private static let token = "worker-token-that-must-not-show"

    private func withTrellis<Result: Sendable>(
        _ answer: @escaping TinyServer.Answer, _ body: (HTTPTrellisClient, TinyServer) async throws -> Result
    ) async throws -> Result {
        let server = try TinyServer(answer)
        let trellis = client(server.url)
        do {
            let result = try await body(trellis, server)
            await trellis.shutdown()
            return result
        } catch {
            await trellis.shutdown()
            throw error
        }
    }

    private func client(_ url: String) -> HTTPTrellisClient {
        HTTPTrellisClient(
            url: url + "/", id: Fixtures.worker, token: Self.token, version: "1", ambient: .system,
            sleeper: Fixtures.hurried, logger: Fixtures.logger)
    }

    @Test func callsCarryTheTendrilsHeaders() async throws {
        let order = Fixtures.order()
        let body = String(decoding: try WireJSON.encode(order), as: UTF8.self)
        try await withTrellis({ _ in TinyServer.answer(200, body) }) { trellis, server in
            let claimed = try await trellis.claim()
            #expect(claimed?.jobId == order.jobId)
            #expect(server.requests.first?.line == "POST /api/jobs/claim HTTP/1.1")
            #expect(server.requests.first?.body == "{}")
            #expect(server.requests.first?.header("X-Worker-ID") == Fixtures.worker.rawValue)
            #expect(server.requests.first?.header("X-Worker-Token") == Self.token)
            let lease = LeaseMessage(jobId: order.jobId, epoch: 3)
            _ = try await trellis.work(lease)
            #expect(server.requests.last?.line == "GET /api/jobs/\(order.jobId)/work?epoch=3 HTTP/1.1")
        }
    }

    @Test func nothingToClaimIsNoError() async throws {
        try await withTrellis({ _ in TinyServer.answer(204) }) { trellis, _ in
            let claimed = try await trellis.claim()
            #expect(claimed == nil)
            let state = try await trellis.state(of: SystemDependencies.system.makeID())
            #expect(state == nil)
        }
    }

    @Test func refusalsKeepTheirSentence() async throws {
        try await withTrellis({ _ in TinyServer.answer(409, #"{"error":"The job is CANCELLED."}"#) }) {
            trellis, server in
            let report = try MaskedReport(ReportStatusRequest(epoch: 1), Masker(secrets: []))
            let error = await #expect(throws: TrellisCallError.self) {
                try await trellis.report(report, job: SystemDependencies.system.makeID())
            }
            #expect(error?.kind == .refused(status: 409))
            #expect(error?.sentence == "The job is CANCELLED.")
            #expect(error?.isConflict == true)
            #expect(server.requests.count == 1)
        }
    }

    @Test func aLockedStateNamesItsHolder() async throws {
        try await withTrellis({ _ in TinyServer.answer(423, #"{"ID":"x","Who":"ana@laptop"}"#) }) { trellis, _ in
            let error = await #expect(throws: TrellisCallError.self) {
                try await trellis.lock(SystemDependencies.system.makeID(), LockInfo(ID: "y"))
            }
            #expect(error?.kind == .locked(holder: "ana@laptop"))
        }
    }

    @Test func retriesTransientErrorsExceptClaim() async throws {
        let count = Mutex(0)
        let answer: TinyServer.Answer = { _ in
            count.withLock { count in
                count += 1
                return count < 3 ? TinyServer.answer(503) : TinyServer.answer(200, #"{"next_n":4,"seq":9}"#)
            }
        }
        try await withTrellis(answer) { trellis, server in
            let cursor = try await trellis.cursor(SystemDependencies.system.makeID(), epoch: 1)
            #expect(cursor.nextN == 4)
            #expect(server.requests.count == 3)
        }
        try await withTrellis({ _ in TinyServer.answer(503) }) { trellis, server in
            let error = await #expect(throws: TrellisCallError.self) { try await trellis.claim() }
            #expect(error?.isTransient == true)
            #expect(server.requests.count == 1)
        }
    }

    @Test func unreachableErrorHidesToken() async throws {
        // A port that was free a moment ago.
        let url = try TinyServer({ _ in "" }).url
        let trellis = client(url)
        let error = await #expect(throws: TrellisCallError.self) { try await trellis.claim() }
        await trellis.shutdown()
        #expect(error?.kind == .unreachable)
        #expect(!"\(String(describing: error)) \(String(reflecting: error))".contains(Self.token))
    }

    @Test func invalidResponseIsMalformed() async throws {
        try await withTrellis({ _ in TinyServer.answer(200, "<html>") }) { trellis, _ in
            let error = await #expect(throws: TrellisCallError.self) {
                try await trellis.work(LeaseMessage(jobId: SystemDependencies.system.makeID(), epoch: 1))
            }
            #expect(error?.kind == .malformed)
        }
    }

    @Test func artifactsGoFromFileToFile() async throws {
        let place = try Place()
        let bytes = String(repeating: "0123456789", count: 100_000)
        try place.write(bytes, to: "a")
        let lease = LeaseMessage(jobId: SystemDependencies.system.makeID(), epoch: 2)
        try await withTrellis({
            $0.line.hasPrefix("PUT") ? TinyServer.answer(200, "{}") : TinyServer.answer(200, bytes)
        }) {
            trellis, server in
            try await trellis.uploadArtifact(place.path + "/a", sha256: "abc", lease: lease)
            #expect(server.requests.last?.body == bytes)
            #expect(server.requests.last?.header("X-Content-SHA256") == "abc")
            #expect(server.requests.last?.line == "PUT /api/jobs/\(lease.jobId)/artifact?epoch=2 HTTP/1.1")
            try await trellis.downloadArtifact(of: lease.jobId, for: lease, to: place.path + "/b", limit: 1 << 20)
            #expect(place.text(of: "b") == bytes)
            let error = await #expect(throws: TrellisCallError.self) {
                try await trellis.downloadArtifact(of: lease.jobId, for: lease, to: place.path + "/c", limit: 1000)
            }
            #expect(error?.status == 413)
        }
    }

    @Test func stateAndItsLockIDTravelRaw() async throws {
        let state = Fixtures.state(serial: 4)
        let vine = SystemDependencies.system.makeID(Vine.self)
        try await withTrellis({ _ in TinyServer.answer(200, String(decoding: state, as: UTF8.self)) }) {
            trellis, server in
            let fetched = try await trellis.state(of: vine)
            #expect(fetched == state)
            try await trellis.storeState(state, of: vine, lockID: "job:1")
            #expect(server.requests.last?.line == "POST /api/vines/\(vine)/state?ID=job%3A1 HTTP/1.1")
            #expect(server.requests.last?.body == String(decoding: state, as: UTF8.self))
        }
    }

    @Test func streamReportsEvents() async throws {
        let job = SystemDependencies.system.makeID(Job.self)
        let text = ": hi\n\nevent: work\ndata: {}\n\nevent: stop\ndata: {\"job_id\":\"\(job)\"}\n\n"
        try await withTrellis({ _ in TinyServer.answer(200, text, type: "text/event-stream") }) { trellis, _ in
            let heard = Mutex<[TendrilEvent]>([])
            try await trellis.follow { signal in heard.withLock { $0.append(signal) } }
            #expect(heard.withLock { $0 } == [.connected, .work, .stop(job)])
        }
    }
}
