import Domain
import Foundation
import JWTKit
import Synchronization
import Testing

@testable import OpenID

@Suite struct OpenIDClientTests {
    let provider = FakeProvider()

    @Test func aCodeBecomesAPerson() async throws {
        let client = provider.client()
        let found = try await provider.signIn(client)
        #expect(found.subject == "42" && found.names == ["ana"] && found.groups == ["dev", "ops"])
        #expect(found.refreshToken == "refresh-1")
        let request = try #require(provider.requests(to: "/token").first)
        #expect(request.authorization == "Basic " + Data("vintner:s3%20cret%3A".utf8).base64EncodedString())
        let form = try #require(request.form)
        #expect(form.contains(.init("code", "the code")) && form.contains(.init("redirect_uri", FakeProvider.redirect)))
        #expect(form.contains { $0.name == "code_verifier" && $0.value.count == 43 })
        #expect(!form.contains { $0.name == "client_secret" })
    }

    @Test func theBrowserIsSentWithEverythingThatTiesTheAnswer() async throws {
        let attempt = SignInAttempt(provider: "sso", next: "/", ambient: provider.ambient)
        let url = try await provider.client().authorizationURL(for: attempt, redirectURI: FakeProvider.redirect)
        #expect(
            url.hasPrefix("https://id.example.com/authorize?response_type=code&client_id=vintner&redirect_uri=https%3A")
        )
        #expect(url.contains("&scope=openid%20profile%20email&"))
        #expect(url.contains("&state=\(attempt.state)&nonce=\(attempt.nonce)&code_challenge=\(attempt.challenge)"))
        #expect(url.hasSuffix("&code_challenge_method=S256") && !url.contains(attempt.verifier))
        #expect(Set([attempt.state, attempt.nonce, attempt.verifier]).count == 3)
    }

    @Test func theChallengeIsTheOneOfTheRFC() throws {
        var attempt = SignInAttempt(provider: "sso", next: "/", ambient: provider.ambient)
        attempt.verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        #expect(attempt.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
    }

    @Test func aProviderThatKnowsOfflineAccessIsAskedForIt() async throws {
        var metadata = FakeProvider.metadata
        metadata["scopes_supported"] = ["openid", "offline_access"]
        metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
        provider.set("/.well-known/openid-configuration", .object(metadata))
        let client = provider.client()
        let attempt = SignInAttempt(provider: "sso", next: "/", ambient: provider.ambient)
        let url = try await client.authorizationURL(for: attempt, redirectURI: FakeProvider.redirect)
        #expect(url.contains("scope=openid%20profile%20email%20offline_access&"))
        _ = try await provider.signIn(client)
        let request = try #require(provider.requests(to: "/token").first)
        #expect(request.authorization == nil && request.form?.contains(.init("client_secret", "s3 cret:")) == true)
        let own = provider.client { $0.scopes = ["openid", "groups"] }
        #expect(try await own.authorizationURL(for: attempt, redirectURI: "").contains("scope=openid%20groups&"))
    }

    // MARK: - Claims

    @Test(
        arguments: [
            ("iss", "https://evil.example.com", .issuer), ("aud", "other", .audience), ("aud", ["other"], .audience),
            ("aud", ["vintner", "other"], .authorizedParty), ("azp", "other", .authorizedParty),
            ("exp", .integer(1_799_999_940), .expired), ("iat", .integer(1_800_000_061), .notYetValid),
            ("nbf", .integer(1_800_000_061), .notYetValid), ("exp", .null, .malformed), ("iat", "now", .malformed),
            ("nonce", "another", .nonce), ("sub", "", .malformed), ("sub", .null, .malformed),
            ("exp", .integer(.max), .malformed),
        ] as [(String, JSONValue, OpenIDError.TokenDefect)])
    func aWrongClaimIsRefused(_ name: String, _ value: JSONValue, _ defect: OpenIDError.TokenDefect) async throws {
        provider.state.withLock { $0.claims[name] = value }
        await #expect(throws: OpenIDError.badToken(defect)) { try await provider.signIn(provider.client()) }
    }

    @Test(
        arguments: [
            ("exp", .integer(1_799_999_941)), ("iat", .integer(1_800_000_060)), ("nbf", .integer(1_800_000_060)),
            ("azp", "vintner"), ("aud", ["vintner"]),
        ] as [(String, JSONValue)])
    func theClockMayBeOffByAMinute(_ name: String, _ value: JSONValue) async throws {
        provider.state.withLock { $0.claims[name] = value }
        #expect(try await provider.signIn(provider.client()).subject == "42")
    }

    @Test func severalAudiencesNeedThePartyToBeUs() async throws {
        provider.state.withLock {
            $0.claims["aud"] = ["vintner", "other"]
            $0.claims["azp"] = "vintner"
        }
        #expect(try await provider.signIn(provider.client()).subject == "42")
    }

    @Test func groupsMayHaveAnotherName() async throws {
        provider.state.withLock {
            $0.claims["groups"] = nil
            $0.claims["realm_access"] = ["roles": ["b", "a", 1, "", "\u{202e}x"]]
            $0.claims["https://example.com/team"] = "solo"
        }
        let nested = provider.client { $0.groupsClaim = "realm_access.roles" }
        #expect(try await provider.signIn(nested).groups == ["a", "b"])
        let url = provider.client { $0.groupsClaim = "https://example.com/team" }
        #expect(try await provider.signIn(url).groups == ["solo"])
    }

    @Test func groupsAreLimited() async throws {
        let groups = (1...OpenIDLimits.groups).map { JSONValue.string("g\($0)") }
        provider.state.withLock { $0.claims["groups"] = .array(groups) }
        #expect(try await provider.signIn(provider.client()).groups?.count == OpenIDLimits.groups)
        provider.state.withLock { $0.claims["groups"] = .array(groups + ["one more"]) }
        await #expect(throws: OpenIDError.badToken(.groups)) { try await provider.signIn(provider.client()) }
        let long = String(repeating: "x", count: OpenIDLimits.groupBytes)
        provider.state.withLock { $0.claims["groups"] = [.string(long), .string(long + "x")] }
        #expect(try await provider.signIn(provider.client()).groups == [long])
    }

    @Test func groupsThatAreNotInTheTokenComeFromUserInfo() async throws {
        provider.state.withLock {
            $0.claims["groups"] = nil
            $0.userInfo = ["sub": "42", "groups": ["late"]]
        }
        #expect(try await provider.signIn(provider.client()).groups == ["late"])
        #expect(provider.requests(to: "/userinfo").first?.authorization == "Bearer access")
        provider.state.withLock { $0.userInfo = ["sub": "43", "groups": ["admins"]] }
        await #expect(throws: OpenIDError.badToken(.subject)) { try await provider.signIn(provider.client()) }
    }

    // MARK: - Keys

    @Test func aRotatedKeyIsFetchedOnce() async throws {
        let client = provider.client()
        _ = try await provider.signIn(client)
        provider.state.withLock {
            $0.keyID = "two"
            $0.key = ES256PrivateKey()
        }
        await #expect(throws: OpenIDError.badToken(.unknownKey)) { try await provider.signIn(client) }
        #expect(provider.requests(to: "/jwks").count == 1, "keys are not fetched again within five seconds")
        provider.advance(seconds: 5)
        _ = try await provider.signIn(client)
        _ = try await provider.signIn(client)
        #expect(provider.requests(to: "/jwks").count == 2)
    }

    @Test func aTokenOfAnUnknownKeyCostsOneRequest() async throws {
        let client = provider.client()
        _ = try await provider.signIn(client)
        provider.set("/jwks", FakeProvider.jwks(provider.state.withLock { $0 }))
        provider.state.withLock { $0.keyID = "unpublished" }
        provider.advance(seconds: 5)
        for _ in 0..<3 {
            await #expect(throws: OpenIDError.badToken(.unknownKey)) { try await provider.signIn(client) }
        }
        #expect(provider.requests(to: "/jwks").count == 2)
    }

    @Test func keysAreFetchedAgainAfterAnHour() async throws {
        let client = provider.client()
        _ = try await provider.signIn(client)
        provider.state.withLock { $0.claims["exp"] = .integer(1_900_000_000) }
        provider.advance(seconds: 3599)
        _ = try await provider.signIn(client)
        #expect(provider.requests(to: "/jwks").count == 1)
        provider.advance(seconds: 1)
        _ = try await provider.signIn(client)
        #expect(provider.requests(to: "/jwks").count == 2)
        #expect(provider.requests(to: "openid-configuration").count == 2)
    }

    // MARK: - Refresh

    @Test func aRefreshBringsTheGroupsOfNow() async throws {
        provider.state.withLock {
            $0.refreshClaims = $0.claims
            $0.refreshClaims?["groups"] = ["dev"]
            $0.refreshToken = "refresh-2"
        }
        let client = provider.client()
        let found = try await client.refresh("refresh-1", subject: "42")
        #expect(found.groups == ["dev"] && found.refreshToken == "refresh-2")
        provider.state.withLock { $0.refreshToken = nil }
        #expect(try await client.refresh("refresh-2", subject: "42").refreshToken == "refresh-2")
        await #expect(throws: OpenIDError.badToken(.subject)) { try await client.refresh("refresh-2", subject: "43") }
    }

    @Test func aRefreshWithoutAnIDTokenAsksUserInfo() async throws {
        provider.state.withLock { $0.userInfo = ["sub": "42", "groups": ["dev"]] }
        let found = try await provider.client().refresh("refresh-1", subject: "42")
        #expect(found.groups == ["dev"])
    }

    @Test(arguments: [
        (400, OpenIDError.refused), (401, .refused), (403, .refused), (500, .unreachable), (302, .unreachable),
        (429, .unreachable),
    ])
    func aRefusalIsNotAnOutage(_ status: Int, _ error: OpenIDError) async throws {
        provider.set("/token", ["error": "invalid_grant"], status: status)
        await #expect(throws: error) { try await provider.client().refresh("refresh-1", subject: "42") }
    }
}
