import Domain
import Foundation
import HTTPTypes
import Hummingbird
import Storage
import Testing
import Wire

@testable import Trellis

/// The table of routes: the API is endpoints and nothing else, and every route needs a credential but for a short list.
@Suite struct RouteTests {
    /// docs/threat-model.md names these.
    private static let open = [
        "GET /healthz": 200, "GET /readyz": 200, "GET /sign-in": 200, "POST /sign-in": 401,
        "POST /sign-in/invitation": 400, "POST /sign-in/code": 400, "GET /sign-in/oidc/start": 404,
        "GET /sign-in/oidc/callback": 400, "GET /.well-known/openid-configuration": 200,
        "GET /.well-known/jwks.json": 200,
    ]

    @Test func theAPIIsItsEndpoints() async throws {
        let harness = try await TrellisHarness.make()
        let table = try await harness.parts.routes()
        let declared = Endpoints.all.map { "\($0.method.rawValue) \($0.path)" }
        let served = table.endpoints.map { "\($0.method.rawValue) \($0.path)" }
        #expect(served.sorted() == declared.sorted())
        #expect(table.others.allSatisfy { !$0.path.hasPrefix("/api") })
        try await harness.store.close()
    }

    @Test func everyRouteNeedsACredentialButForTheList() async throws {
        try await TrellisHarness.run { harness, api async throws in
            let table = try await harness.parts.routes()
            var routes = table.others.map { ($0.method.rawValue, $0.path) }
            routes += table.endpoints.map { ($0.method.rawValue, $0.path) }
            #expect(routes.count > 50)
            for (method, template) in routes {
                let path = template.replacing("{id}", with: AuthorizationTests.id).replacing("{number}", with: "1")
                    .replacing("{name}", with: "x")
                let body = method == "GET" ? nil : "{}"
                let reply = try await api.stranger.call(try #require(.init(rawValue: method)), path, body)
                let (name, status) = ("\(method) \(template)", reply.status)
                if name == "GET /" || name == "GET /dashboard" {
                    #expect(status == 302 && reply.headers[.location] == "/dashboard/jobs", "\(name)")
                } else if template.hasPrefix("/dashboard") {
                    #expect(status == 302 && reply.headers[.location]?.hasPrefix("/sign-in?") == true, "\(name)")
                } else if let expected = Self.open[name] {
                    #expect(status == expected, "\(name)")
                } else {
                    #expect(status == 401 && reply.error != nil, "\(name): \(status)")
                }
            }
        }
    }

    @Test func everyCallRefusesAnUnknownQueryParameter() async throws {
        try await TrellisHarness.run { harness, api async throws in
            for endpoint in Endpoints.all where endpoint.caller.permission != nil {
                let path = endpoint.path.replacing("{id}", with: AuthorizationTests.id)
                    .replacing("{number}", with: "1")
                let method = try #require(HTTPRequest.Method(rawValue: endpoint.method.rawValue))
                let reply = try await api.call(method, path + "?shrug=1", endpoint.method == .get ? nil : "{}")
                #expect(reply.status == 400 && reply.error?.contains("\"shrug\"") == true, "\(endpoint.operation)")
                for parameter in endpoint.query {
                    #expect(reply.error?.contains("\"\(parameter.name)\"") == true, "\(endpoint.operation)")
                }
            }
        }
    }

    @Test func anotherMethodIsRefusedWithTheMethodsThatThereAre() async throws {
        try await TrellisHarness.run { _, api async throws in
            let reply = try await api.call(.put, "/api/jobs", nil)
            #expect(reply.status == 405 && reply.headers[.allow] == "GET, POST")
            #expect(reply.error == "Use GET, POST here.")
            #expect(try await api.call(.trace, "/api/jobs/\(AuthorizationTests.id)/cancel", nil).status == 405)
            #expect(try await api.call(.post, "/healthz", nil).status == 405)
            // Who may make no call learns nothing about them.
            #expect(try await api.stranger.call(.put, "/api/jobs", nil).status == 401)
        }
    }

    @Test func callsOfTendrilsAreNotForUsers() async throws {
        try await TrellisHarness.run { _, api async throws in
            for endpoint in Endpoints.all where endpoint.caller == .tendril {
                let path = endpoint.path.replacing("{id}", with: AuthorizationTests.id)
                let method = try #require(HTTPRequest.Method(rawValue: endpoint.method.rawValue))
                #expect(try await api.call(method, path, nil).status == 403, "\(endpoint.operation)")
            }
        }
    }
}
