import Domain
import HTTPTypes
import Storage
import Testing
import Wire

@testable import Trellis

/// Inviting people with a role and teams, in one call.
@Suite struct InvitationTests {
    private func invite(_ fields: String, _ api: API) async throws -> Reply {
        try await api.post("/api/users", "{\(fields)}")
    }

    private func makeVineyard(_ api: API) async throws {
        #expect(try await api.post("/api/vineyards", #"{"name": "shop"}"#).status == 201)
        #expect(try await api.post("/api/teams", #"{"name": "web", "members": ["ana"]}"#).status == 201)
    }

    @Test func anInvitationCarriesARoleAndTeams() async throws {
        try await TrellisHarness.run { harness, api async throws in
            try await makeVineyard(api)
            let reply = try await invite(
                #""name": "ben", "role": "planner", "scope": "vineyard:shop", "teams": ["web", "web"]"#, api)
            #expect(reply.status == 201)
            let made = try reply.decode(CreateUserResponse.self)
            #expect(made.url?.contains("#invitation=vni_") == true)
            #expect(made.user.teams == ["web"] && made.user.roles.map(\.role) == ["planner"])
            #expect(made.user.roles.map(\.through) == ["user:ben"])
            let ben = try await RightsRouteTests.signIn("ben", api)
            #expect(try await ben.get("/api/me").decode(MeResponse.self).rights.contains("jobs:plan"))
            // Each deed is an event, all of one request.
            let request = try #require(reply.headers[AuditTrail.requestID])
            let events = try await api.get("/api/audit?request_id=\(request)")
                .decode(ListResponse<AuditEventResponse>.self).items
            #expect(Set(events.map(\.action)) == ["user.create", "grant.create", "team.update", "user.invite"])
            let people = try await api.get("/api/users?q=ben").decode(ListResponse<UserResponse>.self).items
            #expect(people.map(\.roles) == [made.user.roles] && people[0].invitedUntil != nil)
        }
    }

    @Test func aServiceAccountGetsARoleAndNoTeam() async throws {
        try await TrellisHarness.run { _, api async throws in
            try await makeVineyard(api)
            let made = try await invite(
                #""name": "ci", "kind": "service", "role": "operator", "scope": "vineyard:shop""#, api
            ).decode(CreateUserResponse.self)
            #expect(made.url == nil && made.user.roles.map(\.through) == ["service:ci"])
            let refused = try await invite(#""name": "cd", "kind": "service", "teams": ["web"]"#, api)
            #expect(refused.status == 400 && refused.error == "Only people are members of teams.")
        }
    }

    @Test(
        arguments: [
            (#""role": "planner""#, 400), (#""scope": "installation""#, 400),
            (#""role": "king", "scope": "installation""#, 400), (#""role": "viewer", "scope": "everywhere""#, 400),
            (#""role": "viewer", "scope": "vineyard:none""#, 404), (#""teams": ["none"]"#, 404),
            (#""teams": ["web", "none"], "role": "viewer", "scope": "vineyard:shop""#, 404),
        ])
    func whatCanNotBeGrantedMakesNobody(_ fields: String, _ status: Int) async throws {
        try await TrellisHarness.run { _, api async throws in
            try await makeVineyard(api)
            #expect(try await invite(#""name": "ben", \#(fields)"#, api).status == status)
            #expect(try await api.get("/api/users?q=ben").decode(ListResponse<UserResponse>.self).items.isEmpty)
            #expect(
                try await api.get("/api/grants?principal=user:ben").decode(ListResponse<GrantResponse>.self).items
                    .isEmpty)
        }
    }

    @Test func theNumberOfTeamsIsLimited() async throws {
        try await TrellisHarness.run { _, api async throws in
            var names: [String] = []
            for n in 0..<21 {
                names.append("\"t-\(n)\"")
                #expect(try await api.post("/api/teams", #"{"name": "t-\#(n)"}"#).status == 201)
            }
            let list = { (count: Int) in names.prefix(count).joined(separator: ",") }
            #expect(try await invite(#""name": "ben", "teams": [\#(list(21))]"#, api).status == 400)
            #expect(try await invite(#""name": "ben", "teams": [\#(list(20))]"#, api).status == 201)
        }
    }

    /// A token that may manage people but not grants must not grant by inviting.
    @Test func invitingWithARoleNeedsTheRightToGrant() async throws {
        try await TrellisHarness.run { _, api async throws in
            let token = try await api.post("/api/tokens", #"{"name": "hr", "scopes": ["users:manage", "vines:read"]}"#)
                .decode(CreateTokenResponse.self).token
            let people = API(client: api.client, token: token)
            let denied = try await invite(#""name": "eve", "role": "admin", "scope": "installation""#, people)
            #expect(denied.status == 403 && denied.error?.contains("grants:manage") == true)
            #expect(try await invite(#""name": "eve""#, people).status == 201)
        }
    }
}
