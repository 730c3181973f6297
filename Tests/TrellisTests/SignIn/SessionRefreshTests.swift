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
        let refreshes = Mutex(0)

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
                refreshes.withLock { $0 += 1 }
                if status == 0 { throw .unreachable }
                return answer(#"{"access_token": "a", "refresh_token": "next"}"#, status)
            case base + "/userinfo":
                let list = groups.withLock { $0.map { "\"\($0)\"" }.joined(separator: ",") }
                return answer(#"{"sub": "42", "groups": [\#(list)]}"#)
            default: return answer("", 404)
            }
        }
    }

    private static let configured = OpenIDProvider(
        id: "sso", name: "Company SSO", issuer: "https://id.example.com", clientID: "vintner")

    private func run(
        configured: OpenIDProvider = SessionRefreshTests.configured,
        _ body: (TrellisHarness, SessionRefresh, Provider, Seen) async throws -> Void
    ) async throws {
        let harness = try await TrellisHarness.make()
        let provider = Provider()
        let seen = Seen()
        let refresh = SessionRefresh(
            store: harness.store,
            providers: IdentityProviders([configured], transport: provider, ambient: harness.parts.ambient),
            ambient: harness.parts.ambient, logger: TrellisHarness.quiet, interval: 8000,
            onEnded: { credential in seen.ended.withLock { $0.append(credential) } },
            onChange: { seen.changes.withLock { $0 += 1 } })
        let now = harness.clock.now
        _ = try await harness.store.signIn(
            ExternalIdentity(issuer: Self.configured.issuer, subject: "42"), names: ["ana"], groups: ["ops", "dev"],
            newID: harness.parts.ambient.makeID(), at: now)
        try await harness.store.createSession(
            NewSession(
                hash: Data([1]), user: "ana", method: .provider, createdAt: now,
                expiresAt: now.advanced(by: 12 * 3_600_000), refreshToken: "first"))
        try await body(harness, refresh, provider, seen)
        try await harness.store.close()
    }

    private final class Seen: Sendable {
        let ended = Mutex<[Credential]>([])
        let changes = Mutex(0)
    }

    private static let session = Credential.sessionHash(Data([1]))

    private func account(_ harness: TrellisHarness) async throws -> Account? {
        try await harness.store.account(ofSession: Data([1]), at: harness.clock.now)
    }

    private func events(_ harness: TrellisHarness, _ action: AuditAction) async throws -> [AuditEvent] {
        try await harness.store.auditEvents(AuditQuery(keys: [.action(action.rawValue)]), limit: 9, cursor: nil)
            .items.map(\.event)
    }

    @Test func aLostGroupIsGoneAtTheNextReadingAndRecorded() async throws {
        try await run { harness, refresh, _, seen async throws in
            // A feed is open, and nobody sends a request.
            harness.clock.advance(seconds: 7)
            await refresh.readInUse(open: [Self.session])
            #expect(try await account(harness)?.groups == ["ops", "dev"], "not more often than the interval")
            #expect(seen.changes.withLock { $0 } == 0)
            for _ in 0..<2 {
                harness.clock.advance(seconds: 1)
                await refresh.readInUse(open: [Self.session])
            }
            #expect(try await account(harness)?.groups == ["ops"])
            #expect(seen.changes.withLock { $0 } == 1, "what is open is asked about again")
            #expect(seen.ended.withLock { $0.isEmpty })
            let events = try await events(harness, .changeGroups)
            #expect(events.map(\.changes) == [["removed": ["dev"]]])
            #expect(events.first?.actor == .system && events.first?.resource?.name == "ana")
            // The same groups again are no event.
            harness.clock.advance(seconds: 8)
            await refresh.readInUse(open: [Self.session])
            #expect(try await self.events(harness, .changeGroups).count == 1)
        }
    }

    @Test func aRequestAfterAPauseIsAnsweredWithTheGroupsOfNow() async throws {
        try await run { harness, refresh, provider, _ async throws in
            #expect(await refresh.confirm(Self.session))
            #expect(await !refresh.confirm(Self.session), "nothing to wait for")
            provider.groups.withLock { $0 = [] }
            harness.clock.advance(seconds: 3600)
            #expect(await refresh.confirm(Self.session))
            #expect(try await account(harness)?.groups == [])
        }
    }

    @Test func aTokenOfThePersonHasTheGroupsOfNow() async throws {
        try await run { harness, refresh, _, _ async throws in
            try await harness.store.createToken(
                NewToken(hash: Data([7]), name: "laptop", owner: "ana"), at: harness.clock.now)
            harness.clock.advance(seconds: 60)
            #expect(await refresh.confirm(.tokenHash(Data([7]))))
            let account = try await harness.store.account(ofToken: Data([7]), at: harness.clock.now)
            #expect(account?.groups == ["ops"])
        }
    }

    @Test func manyRequestsAtOnceAskTheProviderOnce() async throws {
        try await run { harness, refresh, provider, _ async throws in
            harness.clock.advance(seconds: 60)
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<20 { group.addTask { _ = await refresh.confirm(Self.session) } }
            }
            #expect(provider.refreshes.withLock { $0 } == 1)
        }
    }

    @Test func anotherNodeThatRefreshesIsNotDisturbed() async throws {
        try await run { harness, refresh, provider, _ async throws in
            harness.clock.advance(seconds: 60)
            let now = harness.clock.now
            #expect(try await harness.store.claimRefresh(ofSession: Data([1]), since: now, at: now))
            await refresh.readInUse(open: [Self.session])
            #expect(provider.refreshes.withLock { $0 } == 0)
            // A node that never came back does not keep the session from being read forever.
            harness.clock.advance(seconds: RefreshableSession.claimLifetime / 1000)
            await refresh.readInUse(open: [Self.session])
            #expect(provider.refreshes.withLock { $0 } == 1)
        }
    }

    @Test func aSessionThatNobodyUsesIsReadNowAndThen() async throws {
        try await run { harness, refresh, provider, _ async throws in
            harness.clock.advance(seconds: 300)
            try await refresh.readIdle()
            #expect(provider.refreshes.withLock { $0 } == 0)
            harness.clock.advance(seconds: 1)
            try await refresh.readIdle()
            #expect(provider.refreshes.withLock { $0 } == 1)
            #expect(try await account(harness)?.groups == ["ops"])
        }
    }

    @Test func aRefusedRefreshEndsTheSession() async throws {
        try await run { harness, refresh, provider, seen async throws in
            provider.status.withLock { $0 = 400 }
            harness.clock.advance(seconds: 61)
            await refresh.readInUse(open: [Self.session])
            #expect(try await account(harness) == nil)
            #expect(seen.ended.withLock { $0 } == [Self.session] && seen.changes.withLock { $0 } == 1)
            #expect(try await harness.store.user(named: "ana")?.groups == [])
        }
    }

    @Test func anOutageIsBorneForAQuarterOfAnHour() async throws {
        try await run { harness, refresh, provider, _ async throws in
            provider.status.withLock { $0 = 0 }
            harness.clock.advance(seconds: 15 * 60)
            await refresh.readInUse(open: [Self.session])
            #expect(try await account(harness)?.groups == ["ops", "dev"])
            // The pause after a failure is over, and so is the patience.
            harness.clock.advance(seconds: 8)
            await refresh.readInUse(open: [Self.session])
            #expect(try await account(harness) == nil)
        }
    }

    @Test func aProviderThatIsNotConfiguredAnyMoreEndsItsSessions() async throws {
        let other = OpenIDProvider(id: "x", name: "X", issuer: "https://x.example.com", clientID: "v")
        try await run(configured: other) { harness, refresh, _, _ async throws in
            harness.clock.advance(seconds: 61)
            await refresh.readInUse(open: [Self.session])
            #expect(try await account(harness) == nil)
        }
    }
}
