import Domain
import Foundation
import OpenID
import Storage
import Synchronization
import Testing

@testable import Trellis

@Suite struct SessionRefreshTests {
    /// A provider that answers each refresh with the groups of the moment, or not at all.
    private final class Provider: OpenIDTransport, Sendable {
        let groups = Mutex<[String]>(["ops"])
        let status = Mutex(200)

        func send(_ request: OpenIDRequest) async throws(OpenIDError) -> OpenIDAnswer {
            func answer(_ text: String, _ status: Int = 200) -> OpenIDAnswer {
                OpenIDAnswer(status: status, body: [UInt8](text.utf8))
            }
            let base = "https://id.example.com"
            switch request.url {
            case base + "/.well-known/openid-configuration":
                return answer(
                    """
                    {"issuer": "\(base)", "authorization_endpoint": "\(base)/a", "token_endpoint": "\(base)/token",
                     "jwks_uri": "\(base)/keys", "userinfo_endpoint": "\(base)/userinfo"}
                    """)
            case base + "/token":
                let status = status.withLock { $0 }
                if status == 0 { throw .unreachable }
                return answer(#"{"access_token": "a", "refresh_token": "next"}"#, status)
            case base + "/userinfo":
                let list = groups.withLock { $0.map { "\"\($0)\"" }.joined(separator: ",") }
                return answer(#"{"sub": "42", "groups": [\#(list)]}"#)
            default: return answer("", 404)
            }
        }
    }

    private func run(
        _ body: (TrellisHarness, SessionRefresh, Provider, Ended) async throws -> Void
    ) async throws {
        let harness = try await TrellisHarness.make()
        let provider = Provider()
        let ended = Ended()
        let configured = OpenIDProvider(
            id: "sso", name: "Company SSO", issuer: "https://id.example.com", clientID: "vintner")
        let refresh = SessionRefresh(
            store: harness.store,
            providers: IdentityProviders([configured], transport: provider, ambient: harness.parts.ambient),
            ambient: harness.parts.ambient, logger: TrellisHarness.quiet, interval: 60_000,
            onEnded: { credential in ended.list.withLock { $0.append(credential) } })
        let now = harness.clock.now
        _ = try await harness.store.signIn(
            ExternalIdentity(issuer: configured.issuer, subject: "42"), names: ["ana"], groups: ["ops", "dev"],
            newID: harness.parts.ambient.makeID(), at: now)
        try await harness.store.createSession(
            NewSession(
                hash: Data([1]), user: "ana", method: .provider, createdAt: now,
                expiresAt: now.advanced(by: 12 * 3_600_000), refreshToken: "first"))
        try await body(harness, refresh, provider, ended)
        try await harness.store.close()
    }

    private final class Ended: Sendable { let list = Mutex<[Credential]>([]) }

    private func account(_ harness: TrellisHarness) async throws -> Account? {
        try await harness.store.account(ofSession: Data([1]), at: harness.clock.now)
    }

    @Test func aLostGroupIsGoneAfterAMinute() async throws {
        try await run { harness, refresh, _, ended in
            harness.clock.advance(seconds: 60)
            try await refresh.runOnce()
            #expect(try await account(harness)?.groups == ["ops", "dev"], "not more often than once a minute")
            harness.clock.advance(seconds: 1)
            try await refresh.runOnce()
            #expect(try await account(harness)?.groups == ["ops"])
            #expect(ended.list.withLock { $0.isEmpty })
        }
    }

    @Test func aRefusedRefreshEndsTheSession() async throws {
        try await run { harness, refresh, provider, ended in
            provider.status.withLock { $0 = 400 }
            harness.clock.advance(seconds: 61)
            try await refresh.runOnce()
            #expect(try await account(harness) == nil)
            #expect(ended.list.withLock { $0 } == [.sessionHash(Data([1]))])
            #expect(try await harness.store.user(named: "ana")?.groups == [])
        }
    }

    @Test func anOutageIsBorneForAQuarterOfAnHour() async throws {
        try await run { harness, refresh, provider, _ in
            provider.status.withLock { $0 = 0 }
            harness.clock.advance(seconds: 15 * 60)
            try await refresh.runOnce()
            #expect(try await account(harness)?.groups == ["ops", "dev"])
            harness.clock.advance(seconds: 1)
            try await refresh.runOnce()
            #expect(try await account(harness) == nil)
        }
    }

    @Test func aProviderThatIsNotConfiguredAnyMoreEndsItsSessions() async throws {
        try await run { harness, refresh, _, _ in
            var other = refresh
            let configured = OpenIDProvider(id: "x", name: "X", issuer: "https://x.example.com", clientID: "v")
            other.providers = IdentityProviders([configured], transport: Provider(), ambient: harness.parts.ambient)
            harness.clock.advance(seconds: 61)
            try await other.runOnce()
            #expect(try await account(harness) == nil)
        }
    }
}
