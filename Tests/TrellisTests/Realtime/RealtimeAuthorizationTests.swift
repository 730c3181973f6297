import Domain
import Foundation
import HTTPTypes
import Hummingbird
import LiveFeed
import Storage
import Testing

@testable import Trellis

/// Who may open a Realtime connection.
@Suite struct RealtimeAuthorizationTests {
    private func door(_ harness: TrellisHarness, limit: Int = 10) -> RealtimeAuthorization {
        RealtimeAuthorization(
            access: harness.parts.access, origins: harness.parts.origins, cookie: harness.parts.cookie,
            connections: harness.parts.connections, limit: limit)
    }

    private func request(_ query: String = "", host: String = "localhost", _ headers: HTTPFields = [:]) -> HTTPRequest {
        HTTPRequest(
            method: .get, scheme: "http", authority: host, path: "/realtime/v1/websocket" + query,
            headerFields: headers)
    }

    /// The status of the refusal; nil where the request is let in.
    private func refusal(_ door: RealtimeAuthorization, _ request: HTTPRequest) async -> Int? {
        do {
            _ = try await door.admit(request)
            return nil
        } catch {
            return (error as? HTTPError)?.status.code ?? 500
        }
    }

    @Test func acceptsTokenInQueryOrHeader() async throws {
        let harness = try await TrellisHarness.make()
        let (door, token) = (door(harness), harness.token)
        #expect(try await door.admit(request("?apikey=\(token)")).account.name == "admin")
        #expect(try await door.admit(request("?apikey=\(token)")).version == .v1)
        #expect(try await door.admit(request("?apikey=\(token)&vsn=2.0.0")).version == .v2)
        #expect(await refusal(door, request("", [.authorization: "Bearer \(token)"])) == nil)
        #expect(await refusal(door, request("?apikey=wrong", [headerName("x-api-key"): token])) == nil)
        // A token is no ambient authority: pages of other sites may use one that they were given.
        #expect(await refusal(door, request("?apikey=\(token)", [.origin: "https://elsewhere.example"])) == nil)
        try await harness.store.close()
    }

    @Test func everythingElseIsRefusedWithItsReason() async throws {
        let harness = try await TrellisHarness.make()
        let (door, token) = (door(harness), harness.token)
        #expect(await refusal(door, request()) == 401)
        #expect(await refusal(door, request("?apikey=")) == 401)
        #expect(await refusal(door, request("?apikey=\(token)x")) == 401)
        #expect(await refusal(door, request("", [.authorization: "Basic \(token)"])) == 401)
        #expect(await refusal(door, request("?apikey=\(token)&vsn=3.0.0")) == 400)
        #expect(await refusal(door, request("?apikey=\(token)", host: "evil.example")) == 421)
        #expect(await refusal(self.door(harness, limit: 0), request("?apikey=\(token)")) == 429)
        let worker = try await harness.store.tendrils().first
        #expect(worker == nil)
        try await harness.store.close()
    }

    @Test func aCookieNeedsOurOwnOriginAndAGoodSession() async throws {
        let harness = try await TrellisHarness.make()
        let door = door(harness)
        let now = harness.clock.now
        try await harness.store.createSession(
            hash: Credentials.hash("vns_x"), user: "ana", expiresAt: now.advanced(by: 60_000))
        let cookie = "\(harness.parts.cookie.name)=vns_x"
        let own: HTTPFields = [.cookie: cookie, .origin: "http://localhost"]
        #expect(try await door.admit(request("", own)).account.name == "ana")
        #expect(await refusal(door, request("", [.cookie: cookie])) == 403)
        #expect(await refusal(door, request("", [.cookie: cookie, .origin: "http://evil.example"])) == 403)
        #expect(await refusal(door, request("", [.cookie: cookie, .origin: "null"])) == 403)
        harness.clock.advance(seconds: 61)
        #expect(await refusal(door, request("", own)) == 401)
        try await harness.store.close()
    }

    /// The connections count from the moment that they are let in, not from the start of their session.
    @Test func manyAtOnceDoNotExceedTheLimit() async throws {
        let harness = try await TrellisHarness.make()
        let (door, request) = (door(harness, limit: 3), request("?apikey=\(harness.token)"))
        let admitted = await withTaskGroup(of: RealtimeClient?.self) { group -> [RealtimeClient] in
            for _ in 0..<40 { group.addTask { try? await door.admit(request) } }
            var clients: [RealtimeClient] = []
            for await client in group { if let client { clients.append(client) } }
            return clients
        }
        #expect(admitted.count == 3)
        #expect(await refusal(door, request) == 429)
        admitted.first?.slot.release()
        #expect(await refusal(door, request) == nil)
        try await harness.store.close()
    }

    @Test func refusedUpgradeExplains() async throws {
        try await TrellisHarness.run { _, api async throws in
            let reply = try await api.get("/realtime/v1/websocket")
            #expect(reply.status == 426)
            #expect(reply.headers[.upgrade] == "websocket")
            #expect(reply.error?.contains("WebSocket") == true)
            #expect(try await api.get("/realtime/v1/websocket?vsn=9").status == 400)
            let tendril = try await api.makeTendril()
            #expect(try await tendril.get("/realtime/v1/websocket").status == 401)
        }
    }

    @Test func tokenBucketBurstsThenRefills() {
        var bucket = TokenBucket(capacity: 3, perSecond: 10, at: Timestamp(milliseconds: 0))
        let moments: [Int64] = [0, 0, 0, 0, 99, 101, 102, 100_000, 100_000, 100_000, 100_000]
        let taken = moments.map { bucket.take(at: Timestamp(milliseconds: $0)) }
        #expect(taken == [true, true, true, false, false, true, false, true, true, true, false])
    }
}
