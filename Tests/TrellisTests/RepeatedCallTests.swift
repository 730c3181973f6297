import Domain
import Foundation
import HTTPTypes
import Storage
import Testing
import Wire

@testable import Trellis

/// `Idempotency-Key` on the calls that create something.
@Suite struct RepeatedCallTests {
    private func key(_ text: String) -> HTTPFields { [RepeatedCalls.field: text] }

    @Test func theSameRequestIsCarriedOutOnce() async throws {
        try await TrellisHarness.run { _, api in
            let body = #"{"name": "ci"}"#
            let first = try await api.call(.post, "/api/tokens", body, headers: key("build-77"))
            let again = try await api.call(.post, "/api/tokens", body, headers: key("\"build-77\""))
            #expect(first.status == 201 && again.status == 201)
            // The token is in both answers, although it is shown once.
            #expect(first.body == again.body)
            #expect(first.headers[RepeatedCalls.replayed] == nil && again.headers[RepeatedCalls.replayed] == "true")

            let other = try await api.call(.post, "/api/tokens", #"{"name": "cd"}"#, headers: key("build-77"))
            #expect(other.status == 409)
            // Another path, too.
            let elsewhere = try await api.call(.post, "/api/teams", body, headers: key("build-77"))
            #expect(elsewhere.status == 409)
        }
    }

    /// What a token without limits was answered is not for one with few scopes.
    @Test func anotherTokenOfTheAccountGetsNoEarlierAnswer() async throws {
        try await TrellisHarness.run { _, api in
            let made = try await api.post("/api/tokens", #"{"name": "weak", "scopes": ["account:write"]}"#)
            let weak = API(client: api.client, token: try JSONDecoder().decode(Token.self, from: made.body).token)
            let body = #"{"name": "ci"}"#
            #expect(try await api.call(.post, "/api/tokens", body, headers: key("make-ci")).status == 201)
            let reply = try await weak.call(.post, "/api/tokens", body, headers: key("make-ci"))
            #expect(reply.status == 409)
            #expect(!String(decoding: reply.body, as: UTF8.self).contains("\"token\""))
        }
    }

    private struct Token: Decodable { var token: String }

    @Test func aRefusedRequestCanBeSentAgain() async throws {
        try await TrellisHarness.run { _, api in
            let body = #"{"name": "north"}"#
            _ = try await api.post("/api/vineyards", body)
            let refused = try await api.call(.post, "/api/vineyards", body, headers: key("a"))
            #expect(refused.status == 409)
            let list = try JSONDecoder().decode(
                ListOfIDs.self, from: try await api.get("/api/vineyards").body)
            for item in list.items where item.name == "north" {
                _ = try await api.call(.delete, "/api/vineyards/\(item.id)")
            }
            let made = try await api.call(.post, "/api/vineyards", body, headers: key("a"))
            #expect(made.status == 201, "\(String(decoding: made.body, as: UTF8.self))")
        }
    }

    private struct ListOfIDs: Decodable {
        struct Item: Decodable {
            var id: String
            var name: String
        }
        var items: [Item]
    }

    @Test func keysAreForgottenAfterADay() async throws {
        try await TrellisHarness.run { harness, api in
            let body = #"{"name": "north"}"#
            let first = try await api.call(.post, "/api/teams", body, headers: key("a"))
            #expect(first.status == 201)
            harness.clock.advance(seconds: 86_401)
            _ = try await harness.store.deleteRepeatableRequests(
                before: harness.clock.now.advanced(by: -RepeatableRequest.lifetime), limit: 10)
            // Now it is a new request: the name is taken.
            #expect(try await api.call(.post, "/api/teams", body, headers: key("a")).status == 409)
        }
    }

    @Test(arguments: ["", "\"\"", "a b", String(repeating: "k", count: 256), "\"a\"b"])
    func anInvalidKeyIsRefused(_ text: String) async throws {
        try await TrellisHarness.run { _, api in
            let reply = try await api.call(.post, "/api/teams", #"{"name": "x"}"#, headers: key(text))
            #expect(reply.status == 400, "\(text)")
            #expect(String(decoding: reply.body, as: UTF8.self).contains("Idempotency-Key"))
        }
    }

    @Test func everyCallThatCreatesSomethingTakesAKey() {
        let creations = Endpoints.all.filter { $0.operation.hasPrefix("create") && $0.caller.permission != nil }
        #expect(creations.count > 6)
        for endpoint in creations {
            #expect(endpoint.isCreation, "\(endpoint.operation)")
            #expect(endpoint.headers.contains(Endpoints.idempotencyKey), "\(endpoint.operation)")
        }
    }
}
