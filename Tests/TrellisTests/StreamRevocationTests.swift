import AsyncHTTPClient
import Domain
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import LiveFeed
import NIOCore
import NIOHTTP1
import Storage
import Testing
import Wire

@testable import Trellis

/// Event streams over real sockets, whose credential is taken away.
@Suite(.timeLimit(.minutes(5))) struct StreamRevocationTests {
    /// Runs `body` with a server; the address comes with it.
    private func serving(_ body: @Sendable (TrellisHarness, API, String) async throws -> Void) async throws {
        let harness = try await TrellisHarness.make()
        let application = Application(
            router: try await harness.parts.router(),
            configuration: .init(address: .hostname("127.0.0.1", port: 0)), logger: TrellisHarness.quiet)
        try await application.test(.live) { client in
            var headers: HTTPFields = [.authorization: "Bearer \(harness.token)"]
            headers[headerName("Host")] = "localhost"
            let api = API(client: client, token: harness.token, headers: headers)
            try await body(harness, api, "http://127.0.0.1:\(client.port ?? 0)")
        }
        try await harness.store.close()
        try FileManager.default.removeItem(atPath: harness.folder)
    }

    /// Opens a stream and returns its events once it is registered.
    private func open(
        _ url: String, _ headers: [(String, String)], _ harness: TrellisHarness
    ) async throws -> HTTPClientResponse.Body.AsyncIterator {
        let before = harness.parts.streams.count
        var request = HTTPClientRequest(url: url)
        request.headers.add(contentsOf: HTTPHeaders(headers + [("Host", "localhost")]))
        let response = try await HTTPClient.shared.execute(request, timeout: .minutes(4))
        #expect(response.status == .ok)
        var body = response.body.makeAsyncIterator()
        let first = try await body.next()
        #expect(first.map { String(buffer: $0) }?.hasPrefix(": connected") == true)
        #expect(harness.parts.streams.count == before + 1)
        return body
    }

    /// Reads until the stream is cut or ends.
    private func readToTheEnd(_ body: inout HTTPClientResponse.Body.AsyncIterator) async {
        while let _ = try? await body.next() {}
    }

    private func sweep(_ harness: TrellisHarness) async throws {
        try await harness.parts.streams.sweep(harness.parts.access, harness.parts.rights, harness.store)
    }

    @Test func aRevokedTokensFollowersAreCutAtOnce() async throws {
        try await serving { harness, api, url in
            let vine = try await api.makeVine()
            let path = "\(url)/api/jobs/\(try await api.makeJob(on: vine.id).id)/logs/stream"
            let made = try await api.post("/api/tokens", #"{"name": "ci"}"#).decode(CreateTokenResponse.self)
            var ci = try await open(path, [("Authorization", "Bearer \(made.token)")], harness)
            // A stream ends when its reader is released.
            var admin = try await open(path, [("Authorization", "Bearer \(harness.token)")], harness)
            #expect(try await api.call(.delete, "/api/tokens/\(made.id)").status == 204)
            await readToTheEnd(&ci)
            #expect(harness.parts.streams.count == 1)
            try await sweep(harness)
            #expect(harness.parts.streams.count == 1)
            harness.parts.feeds.bell.close()
            await readToTheEnd(&admin)
        }
    }

    @Test func aSessionThatExpiresAndATendrilThatIsRevokedAreSwept() async throws {
        try await serving { harness, api, url in
            let vine = try await api.makeVine()
            let path = "\(url)/api/jobs/\(try await api.makeJob(on: vine.id).id)/logs/stream"
            try await harness.store.createSession(
                hash: Credentials.hash("vns_x"), user: "ana", expiresAt: harness.clock.now.advanced(by: 60_000))
            let worker = try await api.post("/api/workers", #"{"name": "rose"}"#).decode(RegisterWorkerResponse.self)
            var session = try await open(path, [("Cookie", "\(harness.parts.cookie.name)=vns_x")], harness)
            var tendril = try await open(
                url + "/api/workers/stream",
                [(WorkerHeader.id, worker.workerId.rawValue), (WorkerHeader.token, worker.workerToken)], harness)
            try await sweep(harness)
            #expect(harness.parts.streams.count == 2)
            harness.clock.advance(seconds: 61)
            try await harness.store.revokeTendril(worker.workerId, at: harness.clock.now)
            try await sweep(harness)
            await readToTheEnd(&session)
            await readToTheEnd(&tendril)
            #expect(harness.parts.streams.count == 0)
        }
    }

    @Test func lookingTakesLessThanTheFifteenSecondsThatAreKept() {
        #expect(CredentialSweep.interval <= .seconds(10))
    }
}
