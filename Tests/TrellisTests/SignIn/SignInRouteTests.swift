import Domain
import Foundation
import HTTPTypes
import OpenID
import Storage
import Testing
import Wire

@testable import Trellis

@Suite struct SignInRouteTests {
    private static let password = "correct horse battery"

    /// A person with a local account and a password.
    private func invite(_ name: String, _ api: API) async throws -> UserResponse {
        let made = try await api.post("/api/users", #"{"name": "\#(name)"}"#).decode(CreateUserResponse.self)
        let secret = try #require(made.url?.split(separator: "=").last)
        let reply = try await api.stranger.post(
            "/sign-in", #"{"invitation": "\#(secret)", "password": "\#(Self.password)"}"#)
        #expect(reply.status == 200, "\(reply.text)")
        return made.user
    }

    private func signIn(_ name: String, _ password: String, _ api: API) async throws -> Reply {
        try await api.stranger.post("/sign-in", #"{"name": "\#(name)", "password": "\#(password)"}"#)
    }

    @Test func anInvitationLeadsToAPassword() async throws {
        try await TrellisHarness.run { harness, api async throws in
            let made = try await api.post("/api/users", #"{"name": "hal"}"#).decode(CreateUserResponse.self)
            #expect(made.user.invitedUntil != nil && !made.user.hasPassword)
            let secret = try #require(made.url?.split(separator: "=").last)
            let body = #"{"invitation": "\#(secret)"}"#
            let found = try await api.stranger.post("/sign-in/invitation", body).decode(InvitationResponse.self)
            #expect(found.user == "hal" && found.invitedBy == "admin")
            let short = try await api.stranger.post(
                "/sign-in", #"{"invitation": "\#(secret)", "password": "eleven char"}"#)
            #expect(short.status == 400)
            let used = #"{"invitation": "\#(secret)", "password": "\#(Self.password)"}"#
            let reply = try await api.stranger.post("/sign-in", used)
            #expect(reply.status == 200 && reply.headers[.setCookie]?.contains("HttpOnly") == true)
            #expect(try await api.stranger.post("/sign-in", used).status == 401)
            #expect(try await api.stranger.post("/sign-in/invitation", body).status == 401)
            #expect(try await signIn("HAL", Self.password, api).status == 200)
        }
    }

    @Test func aWrongNameAndAWrongPasswordAreAnsweredAlike() async throws {
        try await TrellisHarness.run { _, api async throws in
            _ = try await invite("hal", api)
            let wrong = try await signIn("hal", "wrong wrong wrong", api)
            let unknown = try await signIn("nobody", "wrong wrong wrong", api)
            #expect(wrong.status == 401 && wrong.error == unknown.error)
            #expect(wrong.error == "Wrong name or password. 9 tries left in the next 10 min.")
        }
    }

    @Test func attemptsAreLimitedAndTheLinkStillWorks() async throws {
        try await TrellisHarness.run { harness, api async throws in
            _ = try await invite("hal", api)
            for _ in 0..<10 { #expect(try await signIn("hal", "wrong wrong wrong", api).status == 401) }
            let refused = try await signIn("hal", Self.password, api)
            #expect(refused.status == 429 && refused.error?.contains("Try again in 10 min") == true)
            let link = try await api.post("/api/sign-in-links", #"{"user": "hal"}"#).decode(SignInLinkResponse.self)
            let secret = try #require(link.url.split(separator: "=").last)
            #expect(try await api.stranger.post("/sign-in", #"{"link": "\#(secret)"}"#).status == 200)
            harness.clock.advance(seconds: 600)
            #expect(try await signIn("hal", Self.password, api).status == 200)
        }
    }

    @Test func aDisabledAndARemovedPersonDoNotGetIn() async throws {
        try await TrellisHarness.run { harness, api async throws in
            let user = try await invite("hal", api)
            #expect(try await api.post("/api/users/\(user.id)/disable").status == 200)
            #expect(try await signIn("hal", Self.password, api).status == 401)
            #expect(try await api.post("/api/users/\(user.id)/enable").status == 200)
            #expect(try await signIn("hal", Self.password, api).status == 200)
            #expect(try await api.call(.delete, "/api/users/\(user.id)").status == 204)
            #expect(try await signIn("hal", Self.password, api).status == 401)
            #expect(try await api.get("/api/users/\(user.id)").status == 404)
            #expect(try await harness.store.sessions(at: harness.clock.now).isEmpty)
        }
    }

    @Test func theAdministratorSetsAPasswordAndStays() async throws {
        try await TrellisHarness.run { harness, api async throws in
            let body = #"{"password": "\#(Self.password)"}"#
            #expect(try await api.put("/api/account/password", body).status == 204)
            #expect(try await api.put("/api/account/password", body).status == 403, "the current one is missing")
            let change = #"{"current": "\#(Self.password)", "password": "another long one"}"#
            #expect(try await api.put("/api/account/password", change).status == 204)
            #expect(try await signIn("admin", "another long one", api).status == 200)
            let admin = try #require(try await harness.store.user(named: "admin"))
            #expect(try await api.post("/api/users/\(admin.id)/disable").status == 409)
            #expect(try await api.call(.delete, "/api/users/\(admin.id)").status == 409)
            #expect(try await api.post("/api/users", #"{"name": "Admin"}"#).status == 409)
        }
    }

    @Test func tokensHaveScopesAnOwnerAndAnEnd() async throws {
        try await TrellisHarness.run { harness, api async throws in
            let expiry = harness.clock.now.advanced(by: 60_000)
            let made = try await api.post(
                "/api/tokens",
                #"{"name": "ci", "scopes": ["jobs:read", "account:read", "account:write"], "expires_at": "\#(expiry)"}"#
            ).decode(CreateTokenResponse.self)
            let scoped = API(client: api.client, token: made.token)
            let account = try await scoped.get("/api/account").decode(AccountResponse.self)
            #expect(account.name == "admin")
            // It makes no token that may do more, no password, and no session.
            #expect(try await scoped.post("/api/tokens", #"{"name": "all"}"#).status == 403)
            let more = #"{"name": "all", "scopes": ["state:read"]}"#
            #expect(try await scoped.post("/api/tokens", more).status == 403)
            let fewer = #"{"name": "fewer", "scopes": ["jobs:read"]}"#
            #expect(try await scoped.post("/api/tokens", fewer).status == 201)
            let password = #"{"password": "\#(Self.password)"}"#
            #expect(try await scoped.put("/api/account/password", password).status == 403)
            #expect(try await scoped.stranger.post("/sign-in", #"{"token": "\#(made.token)"}"#).status == 401)
            let list = try await api.get("/api/tokens").decode(ListResponse<TokenResponse>.self)
            #expect(list.items.map(\.name) == ["admin", "ci", "fewer"])
            #expect(list.items[1].scopes == [.accountRead, .accountWrite, .jobsRead])
            harness.clock.advance(seconds: 60)
            #expect(try await scoped.get("/api/account").status == 401)
            let past = #"{"name": "old", "expires_at": "\#(expiry)"}"#
            #expect(try await api.post("/api/tokens", past).status == 400)
            #expect(try await api.post("/api/tokens", #"{"name": "odd", "scopes": ["jobs:shout"]}"#).status == 400)
        }
    }

    @Test func aServiceAccountSignsInWithTokensOnly() async throws {
        try await TrellisHarness.run { harness, api async throws in
            let made = try await api.post("/api/users", #"{"name": "ci-bot", "kind": "service"}"#).decode(
                CreateUserResponse.self)
            #expect(made.url == nil)
            #expect(try await api.post("/api/users/\(made.user.id)/invitation").status == 409)
            let token = try await api.post("/api/tokens", #"{"name": "main", "user": "ci-bot"}"#).decode(
                CreateTokenResponse.self)
            let bot = API(client: api.client, token: token.token)
            let account = try await bot.get("/api/account").decode(AccountResponse.self)
            #expect(account.name == "ci-bot" && account.kind == .service)
            #expect(try await bot.stranger.post("/sign-in", #"{"token": "\#(token.token)"}"#).status == 401)
            #expect(try await bot.put("/api/account/password", #"{"password": "\#(Self.password)"}"#).status == 409)
            _ = try await invite("hal", api)
            #expect(try await api.post("/api/tokens", #"{"name": "x", "user": "hal"}"#).status == 400)
        }
    }

    @Test func theLastUseIsWrittenInOneCommit() async throws {
        try await TrellisHarness.run { harness, api async throws in
            _ = try await api.get("/api/tokens")
            #expect(try await harness.store.tokens(of: nil)[0].lastUsedAt == nil)
            try await harness.parts.lastUse.write()
            #expect(try await harness.store.tokens(of: nil)[0].lastUsedAt == harness.clock.now)
        }
    }

    @Test(arguments: [
        ("/dashboard/vines?q=a", "/dashboard/vines?q=a"), ("//evil.example", "/dashboard/jobs"),
        ("/\\evil.example", "/dashboard/jobs"), ("https://evil.example", "/dashboard/jobs"), ("", "/dashboard/jobs"),
        ("/a\tb", "/dashboard/jobs"),
    ])
    func onlyALocalPathIsGoneOnTo(_ text: String, _ path: String) {
        #expect(LocalPath.checked(text) == path)
    }
}

@Suite struct ProviderConfigurationTests {
    private func read(_ text: String) throws -> [OpenIDProvider] {
        let providers = try ProviderConfiguration.read(Data(text.utf8)) { "secret of \($0)" }
        try ProviderConfiguration.check(providers)
        return providers
    }

    @Test func severalProvidersAreRead() throws {
        let found = try read(
            """
            [{"name": "Company SSO", "issuer": "https://id.example.com", "client_id": "vintner",
              "client_secret_file": "/etc/secret"},
             {"name": "Contractors", "issuer": "https://sso.example.net/realms/x", "client_id": "v",
              "groups_claim": "roles", "scopes": ["profile"]}]
            """)
        #expect(found.map(\.id) == ["company-sso", "contractors"])
        #expect(found[0].clientSecret == "secret of /etc/secret" && found[0].groupsClaim == "groups")
        #expect(found[1].clientSecret == nil && found[1].groupsClaim == "roles" && found[1].scopes == ["profile"])
    }

    @Test(arguments: [
        "", "{}", #"[{"name": "A"}]"#, #"[{"name": "A", "issuer": "http://id.example.com", "client_id": "v"}]"#,
        #"[{"name": "A", "issuer": "https://id.example.com", "client_id": "v", "secret": "x"}]"#,
        #"[{"name": "A", "issuer": "https://a", "client_id": "v"}, {"name": "a!", "issuer": "https://b", "client_id": "v"}]"#,
        #"[{"name": "A", "issuer": "https://a", "client_id": "v"}, {"name": "B", "issuer": "https://a", "client_id": "v"}]"#,
        #"[{"name": "A", "issuer": "https://a", "client_id": ""}]"#,
        #"[{"name": "", "issuer": "https://a", "client_id": "v"}]"#,
    ])
    func whatCanNotWorkIsRefused(_ text: String) {
        #expect(throws: TrellisStartError.self) { try read(text) }
    }
}
