import Domain
import Foundation
import Storage
import Testing

@Suite struct UserTests {
    private static let issuer = "https://id.example.com"

    private func user(_ name: String, kind: Account.Kind = .user) -> User {
        User(id: StoreFixture.newID(), name: name, kind: kind, createdBy: "admin", createdAt: StoreFixture.at(1))
    }

    private func identity(_ subject: String) -> ExternalIdentity {
        ExternalIdentity(issuer: Self.issuer, subject: subject)
    }

    private func signIn(
        _ bench: StoreFixture, _ subject: String, names: [String] = ["ana"], groups: [String] = [],
        at seconds: Int64 = 1
    ) async throws -> User {
        try await bench.store.signIn(
            identity(subject), names: names, groups: groups, newID: StoreFixture.newID(), at: StoreFixture.at(seconds))
    }

    // MARK: - Users

    @Test(arguments: StoreEngine.all) func aNameIsTakenOnce(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let ana = user("Ana")
            try await bench.store.createUser(ana)
            #expect(try await bench.store.user(ana.id) == ana)
            #expect(try await bench.store.user(named: "aNA") == ana)
            #expect(try await bench.store.user(named: "ben") == nil)
            await expectRefusal(.conflict, saying: "taken") { try await bench.store.createUser(user("ana")) }
            let names = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<6 { group.addTask { (try? await bench.store.createUser(user("ben"))) != nil } }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(names == 1)
        }
    }

    @Test(arguments: StoreEngine.all) func usersAreListedByName(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            for name in ["dee", "Ana", "ben", "cai"] { try await bench.store.createUser(user(name)) }
            try await bench.store.createUser(user("ci-bot", kind: .service))
            let first = try await bench.store.users(matching: "", kind: nil, limit: 3, cursor: nil)
            #expect(first.items.map(\.name) == ["Ana", "ben", "cai"])
            let rest = try await bench.store.users(matching: "", kind: nil, limit: 3, cursor: first.next)
            #expect(rest.items.map(\.name) == ["ci-bot", "dee"] && rest.next == nil)
            let found = try await bench.store.users(matching: "AN", kind: .user, limit: 9, cursor: nil)
            #expect(found.items.map(\.name) == ["Ana"])
            #expect(try await bench.store.users(matching: "%", kind: nil, limit: 9, cursor: nil).items.isEmpty)
            let bots = try await bench.store.users(matching: "", kind: .service, limit: 9, cursor: nil)
            #expect(bots.items.map(\.name) == ["ci-bot"])
            await expectRefusal(.invalid) {
                _ = try await bench.store.users(matching: "", kind: nil, limit: 3, cursor: "nothing")
            }
        }
    }

    @Test(arguments: StoreEngine.all) func aPasswordEndsOtherSessions(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            try await bench.store.createUser(user("Ana"))
            #expect(try await bench.store.password(ofUser: "ana") == nil)
            for (hash, name) in [(1, "Ana"), (2, "Ana"), (3, "ben")] as [(UInt8, String)] {
                try await bench.store.createSession(.of(name, hash: Data([hash]), until: StoreFixture.at(99)))
            }
            let ended = try await bench.store.setPassword("secret", ofUser: "ana", keepingSession: Data([1]))
            #expect(ended.map(\.hash) == [Data([2])])
            let stored = try await bench.store.password(ofUser: "ANA")
            #expect(stored?.name == "Ana" && stored?.encoded == "secret")
            #expect(try await bench.store.user(named: "ana")?.hasPassword == true)
            await expectRefusal(.notFound) {
                _ = try await bench.store.setPassword("x", ofUser: "nobody", keepingSession: nil)
            }
        }
    }

    @Test(arguments: StoreEngine.all) func aDisabledUserHasNoAccess(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let ana = user("ana")
            try await bench.store.createUser(ana)
            _ = try await bench.store.setPassword("secret", ofUser: "ana", keepingSession: nil)
            try await bench.store.createSession(.of("ana", hash: Data([1]), until: StoreFixture.at(99)))
            try await bench.store.createToken(
                NewToken(hash: Data([2]), name: "ci", owner: "ana"), at: StoreFixture.at(1))
            try await bench.store.createSignInLink(hash: Data([3]), user: "ana", expiresAt: StoreFixture.at(99))
            let ended = try await bench.store.setDisabled(true, user: ana.id, at: StoreFixture.at(5))
            #expect(Set(ended.map(\.kind)) == [.session, .link])
            #expect(try await bench.store.user(ana.id)?.disabledAt == StoreFixture.at(5))
            #expect(try await bench.store.password(ofUser: "ana") == nil)
            #expect(try await bench.store.account(ofToken: Data([2]), at: StoreFixture.at(6)) == nil)
            try await bench.store.createSignInLink(hash: Data([4]), user: "ana", expiresAt: StoreFixture.at(99))
            let used = try await bench.store.redeemSignInLink(
                hash: Data([4]), newID: StoreFixture.newID(), at: StoreFixture.at(6))
            #expect(used == nil)
            _ = try await bench.store.setDisabled(false, user: ana.id, at: StoreFixture.at(7))
            #expect(try await bench.store.account(ofToken: Data([2]), at: StoreFixture.at(8))?.name == "ana")
        }
    }

    @Test(arguments: StoreEngine.all) func theAdministratorStays(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let admin = user(User.administrator)
            try await bench.store.createUser(admin)
            await expectRefusal(.conflict, saying: "administrator") {
                _ = try await bench.store.setDisabled(true, user: admin.id, at: StoreFixture.at(1))
            }
            await expectRefusal(.conflict, saying: "administrator") {
                _ = try await bench.store.removeUser(admin.id, at: StoreFixture.at(1))
            }
        }
    }

    @Test(arguments: StoreEngine.all) func aRemovedUserLosesEverything(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let ana = try await signIn(bench, "42", groups: ["ops"])
            let ben = user("ben")
            try await bench.store.createUser(ben)
            try await bench.store.createSession(.of("ana", hash: Data([1]), until: StoreFixture.at(99)))
            try await bench.store.createToken(
                NewToken(hash: Data([2]), name: "ci", owner: "ana"), at: StoreFixture.at(1))
            let ended = try await bench.store.removeUser(ana.id, at: StoreFixture.at(5))
            #expect(Set(ended.map(\.kind)) == [.session, .token])
            #expect(try await bench.store.user(ana.id) == nil)
            #expect(try await bench.store.user(named: "ana") == nil)
            #expect(try await bench.store.users(matching: "", kind: nil, limit: 9, cursor: nil).items == [ben])
            await expectRefusal(.conflict, saying: "removed") { _ = try await signIn(bench, "42", at: 6) }
            // The name of somebody who signed in elsewhere is not given to another person.
            #expect(try await signIn(bench, "43", at: 6).name == "ana-2")
            await expectRefusal(.conflict) { try await bench.store.createUser(user("ana")) }
            await expectRefusal(.notFound) { _ = try await bench.store.removeUser(ana.id, at: StoreFixture.at(7)) }
            // A local account of the same name can be made again: its tokens and sessions are gone.
            _ = try await bench.store.removeUser(ben.id, at: StoreFixture.at(8))
            try await bench.store.createUser(user("ben"))
        }
    }

    // MARK: - Identities

    @Test(arguments: StoreEngine.all) func aPersonIsFoundBySubject(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let first = try await signIn(bench, "42", names: ["ana"], groups: ["ops"])
            #expect(first.name == "ana" && first.groups == ["ops"] && first.identity == identity("42"))
            // Another name at the provider is the same person.
            let again = try await signIn(bench, "42", names: ["ana.new"], groups: ["dev"], at: 9)
            #expect(again.id == first.id && again.name == "ana" && again.groups == ["dev"])
            #expect(again.groupsAt == StoreFixture.at(9) && again.lastSeenAt == StoreFixture.at(9))
            #expect(try await signIn(bench, "43", names: ["Ana", "ana@example.com"]).name == "ana@example.com")
            #expect(try await signIn(bench, "44", names: ["ana"]).name == "ana-2")
            #expect(try await signIn(bench, "45", names: ["admin"]).name == "user-45")
            #expect(try await signIn(bench, "46", names: ["ADMIN", "eve"]).name == "eve")
            #expect(try await signIn(bench, "47", names: []).name == "user-47")
        }
    }

    @Test(arguments: StoreEngine.all) func groupsCountForTwelveHours(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            _ = try await signIn(bench, "42", groups: ["ops"], at: 0)
            try await bench.store.createToken(
                NewToken(hash: Data([2]), name: "ci", owner: "ana", scopes: [.jobsRead]), at: StoreFixture.at(0))
            let end: Int64 = 12 * 3600
            let before = try await bench.store.account(ofToken: Data([2]), at: StoreFixture.at(end - 1))
            #expect(before == Account(name: "ana", groups: ["ops"], scopes: [.jobsRead]))
            #expect(try await bench.store.account(ofToken: Data([2]), at: StoreFixture.at(end))?.groups == [])
        }
    }

    @Test(arguments: StoreEngine.all) func aSessionIsRefreshed(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            _ = try await signIn(bench, "42", groups: ["ops"], at: 0)
            for (hash, token) in [(1, "refresh-1"), (2, nil)] as [(UInt8, String?)] {
                var session = NewSession.of("ana", hash: Data([hash]), until: StoreFixture.at(999))
                (session.method, session.refreshToken) = (.provider, token)
                try await bench.store.createSession(session)
            }
            #expect(try await bench.store.sessionsToRefresh(before: StoreFixture.at(0), limit: 9).isEmpty)
            let due = try await bench.store.sessionsToRefresh(before: StoreFixture.at(1), limit: 9)
            #expect(
                due == [
                    RefreshableSession(
                        hash: Data([1]), user: "ana", identity: identity("42"), refreshToken: "refresh-1",
                        refreshedAt: StoreFixture.at(0))
                ])
            let claimed = StoreFixture.at(59)
            #expect(try await bench.store.claimRefresh(ofSession: Data([1]), since: claimed, at: claimed))
            let change = try await bench.store.recordRefresh(
                ofSession: Data([1]), claim: claimed, refreshToken: "refresh-2", groups: ["dev"],
                at: StoreFixture.at(60))
            #expect(change == GroupsChange(from: ["ops"], to: ["dev"]))
            let gone = try await bench.store.recordRefresh(
                ofSession: Data([9]), claim: claimed, refreshToken: "x", groups: ["dev"], at: StoreFixture.at(60))
            #expect(gone.isEmpty)
            #expect(try await bench.store.sessionsToRefresh(before: StoreFixture.at(60), limit: 9).isEmpty)
            let next = try await bench.store.sessionsToRefresh(before: StoreFixture.at(61), limit: 9)
            #expect(next.map(\.refreshToken) == ["refresh-2"])
            let account = try await bench.store.account(ofSession: Data([2]), at: StoreFixture.at(61))
            #expect(account == Account(name: "ana", groups: ["dev"]))
            try await bench.store.endRefusedSession(hash: Data([1]), claim: nil)
            #expect(try await bench.store.account(ofSession: Data([1]), at: StoreFixture.at(62)) == nil)
            #expect(try await bench.store.account(ofSession: Data([2]), at: StoreFixture.at(62))?.groups == [])
        }
    }

    @Test(arguments: StoreEngine.all) func oneNodeRefreshesASessionAtATime(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            _ = try await signIn(bench, "42", groups: ["ops"], at: 0)
            for (hash, token) in [(1, "refresh-1"), (2, nil)] as [(UInt8, String?)] {
                var session = NewSession.of("ana", hash: Data([hash]), until: StoreFixture.at(999))
                (session.method, session.refreshToken) = (.provider, token)
                try await bench.store.createSession(session)
            }
            func claim(_ hash: UInt8 = 1, since: Int64 = 0, at seconds: Int64) async throws -> Bool {
                try await bench.store.claimRefresh(
                    ofSession: Data([hash]), since: StoreFixture.at(since), at: StoreFixture.at(seconds))
            }
            let claims = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<6 { group.addTask { (try? await claim(at: 10)) == true } }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(claims == 1)
            #expect(try await !claim(2, at: 10), "it has no refresh token")
            let end = 10 + RefreshableSession.claimLifetime / 1000
            #expect(try await !claim(at: end - 1))
            #expect(try await claim(at: end), "the node that had it is gone")
            try await bench.store.releaseRefresh(ofSession: Data([1]), claim: StoreFixture.at(end))
            #expect(try await claim(at: end + 1))
            // The node that is too late changes nothing.
            try await bench.store.recordRefresh(
                ofSession: Data([1]), claim: StoreFixture.at(10), refreshToken: "old", groups: ["old"],
                at: StoreFixture.at(end + 2))
            try await bench.store.releaseRefresh(ofSession: Data([1]), claim: StoreFixture.at(10))
            #expect(try await !bench.store.endRefusedSession(hash: Data([1]), claim: StoreFixture.at(10)))
            #expect(try await bench.store.refreshableSession(ofSession: Data([1]))?.refreshToken == "refresh-1")
            #expect(try await !claim(at: end + 2))
            try await bench.store.recordRefresh(
                ofSession: Data([1]), claim: StoreFixture.at(end + 1), refreshToken: "refresh-2", groups: [],
                at: StoreFixture.at(end + 2))
            #expect(try await !claim(at: end + 3), "it was refreshed since")
            #expect(try await claim(since: end + 2, at: end + 3))
        }
    }

    @Test(arguments: StoreEngine.all) func theSessionOfACredentialIsFound(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            _ = try await signIn(bench, "42", at: 0)
            for (hash, token) in [(1, "one"), (2, "two"), (3, nil)] as [(UInt8, String?)] {
                var session = NewSession.of("ana", hash: Data([hash]), until: StoreFixture.at(999))
                (session.method, session.refreshToken) = (.provider, token)
                try await bench.store.createSession(session)
            }
            try await bench.store.createToken(
                NewToken(hash: Data([7]), name: "laptop", owner: "ana"), at: StoreFixture.at(1))
            try await bench.store.createUser(user("ben"))
            try await bench.store.createToken(
                NewToken(hash: Data([8]), name: "x", owner: "ben"), at: StoreFixture.at(1))
            #expect(try await bench.store.refreshableSession(ofSession: Data([1]))?.refreshToken == "one")
            #expect(try await bench.store.refreshableSession(ofSession: Data([3])) == nil)
            let claimed = StoreFixture.at(59)
            _ = try await bench.store.claimRefresh(ofSession: Data([2]), since: claimed, at: claimed)
            try await bench.store.recordRefresh(
                ofSession: Data([2]), claim: claimed, refreshToken: "two-2", groups: [], at: StoreFixture.at(60))
            #expect(try await bench.store.refreshableSession(ofToken: Data([7]))?.refreshToken == "two-2")
            #expect(try await bench.store.refreshableSession(ofToken: Data([8])) == nil)
            #expect(try await bench.store.refreshableSession(ofToken: Data([9])) == nil)
        }
    }

    /// What a list of people shows besides the accounts.
    @Test(arguments: StoreEngine.all) func peopleHaveTeamsRolesAndCredentials(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let ana = try await signIn(bench, "42", groups: ["eng", "all"], at: 0)
            let (ben, bot) = (user("ben"), user("bot", kind: .service))
            for user in [ben, bot] { try await bench.store.createUser(user) }
            for (name, group) in [("web", "eng"), ("ops", nil), ("empty", "none")] as [(String, String?)] {
                try await bench.store.createTeam(
                    Team(name: name, group: group, members: [], createdBy: "admin", createdAt: StoreFixture.at(1)))
            }
            try await bench.store.addMember("ben", toTeam: "ops")
            try await bench.store.addMember("ben", toTeam: "ops")
            try await bench.store.addMember("ana", toTeam: "ops")
            await expectRefusal(.notFound) { try await bench.store.addMember("ben", toTeam: "nothing") }
            #expect(try await bench.store.teams().map(\.members) == [[], ["ana", "ben"], []])
            for (n, (principal, role)) in [
                (GrantPrincipal(.team, "web"), Role.planner), (GrantPrincipal(.user, "ana"), .viewer),
                (GrantPrincipal(.service, "bot"), .operator), (GrantPrincipal(.team, "empty"), .admin),
            ].enumerated() {
                _ = try await bench.store.createGrant(
                    Grant(
                        id: StoreFixture.newID(), principal: principal, role: role, scope: .installation,
                        createdBy: "admin", createdAt: StoreFixture.at(Int64(n))))
            }
            try await bench.store.createToken(
                NewToken(hash: Data([7]), name: "x", owner: "bot"), at: StoreFixture.at(1))
            try await bench.store.createLink(
                NewLink(kind: .invitation, hash: Data([5]), user: "ben", expiresAt: StoreFixture.at(50)))
            let found = try await bench.store.overviews(of: [ana, ben, bot], at: StoreFixture.at(9))
            #expect(found[ana.id]?.teams == ["ops", "web"] && found[ana.id]?.held.map(\.role) == [.viewer, .planner])
            #expect(found[ana.id]?.held.map(\.through.description) == ["user:ana", "team:web"])
            #expect(found[ben.id] == UserOverview(teams: ["ops"], invitedUntil: StoreFixture.at(50)))
            #expect(found[bot.id]?.held.map(\.role) == [.operator] && found[bot.id]?.tokens == 1)
            // Groups count for twelve hours, and invitations until they end.
            let late = try await bench.store.overviews(of: [ana, ben], at: StoreFixture.at(12 * 3600))
            #expect(late[ana.id]?.teams == ["ops"] && late[ben.id]?.invitedUntil == nil)
            #expect(try await bench.store.overviews(of: [], at: StoreFixture.at(9)).isEmpty)
        }
    }

    @Test(arguments: StoreEngine.all) func aRefreshTokenIsEncrypted(_ engine: StoreEngine) async throws {
        guard engine.name == StoreEngine.sqlite.name else { return }
        try await engine.run { bench in
            _ = try await signIn(bench, "42")
            var session = NewSession.of("ana", hash: Data([1]), until: StoreFixture.at(999))
            session.refreshToken = "a-refresh-token-in-plain-text"
            try await bench.store.createSession(session)
            for name in try FileManager.default.contentsOfDirectory(atPath: bench.folder.path) {
                let data = FileManager.default.contents(atPath: bench.folder.appending(path: name).path) ?? Data()
                #expect(data.range(of: Data("a-refresh-token-in-plain-text".utf8)) == nil, "\(name)")
            }
        }
    }

    // MARK: - Tokens and links

    @Test(arguments: StoreEngine.all) func tokensHaveAnOwnerScopesAndAnEnd(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            try await bench.store.createToken(
                NewToken(
                    hash: Data([1]), name: "ci", owner: "ana", scopes: [.jobsRead, .jobsPlan],
                    expiresAt: StoreFixture.at(10)), at: StoreFixture.at(1))
            await expectRefusal(.conflict, saying: "ci") {
                try await bench.store.createToken(
                    NewToken(hash: Data([2]), name: "ci", owner: "ana"), at: StoreFixture.at(1))
            }
            try await bench.store.createToken(
                NewToken(hash: Data([3]), name: "ci", owner: "ben"), at: StoreFixture.at(1))
            let account = try await bench.store.account(ofToken: Data([1]), at: StoreFixture.at(9))
            #expect(account == Account(name: "ana", scopes: [.jobsRead, .jobsPlan]))
            #expect(try await bench.store.account(ofToken: Data([1]), at: StoreFixture.at(10)) == nil)
            #expect(try await bench.store.account(ofToken: Data([3]), at: StoreFixture.at(10))?.scopes == nil)
            #expect(try await bench.store.tokens(of: "ana").map(\.hash) == [Data([1])])
            #expect(try await bench.store.tokens(of: nil).count == 2)
            try await bench.store.recordUse(tokens: [Data([1]): StoreFixture.at(7)], sessions: [:])
            try await bench.store.recordUse(tokens: [Data([1]): StoreFixture.at(5)], sessions: [:])
            #expect(try await bench.store.tokens(of: "ana")[0].lastUsedAt == StoreFixture.at(7))
        }
    }

    @Test(arguments: StoreEngine.all) func theUseOfASessionIsSeen(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            try await bench.store.createUser(user("ana"))
            var session = NewSession.of("ana", hash: Data([1]), until: StoreFixture.at(999))
            (session.method, session.address, session.agent) = (.password, "192.0.2.1", "Firefox")
            try await bench.store.createSession(session)
            try await bench.store.recordUse(tokens: [:], sessions: [Data([1]): StoreFixture.at(30)])
            let entry = try #require(try await bench.store.sessions(at: StoreFixture.at(31)).first)
            #expect(entry.lastUsedAt == StoreFixture.at(30) && entry.createdAt == StoreFixture.at(0))
            #expect(entry.method == .password && entry.address == "192.0.2.1" && entry.agent == "Firefox")
            #expect(try await bench.store.user(named: "ana")?.lastSeenAt == StoreFixture.at(30))
        }
    }

    @Test(arguments: StoreEngine.all) func anInvitationSetsAPasswordOnce(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            try await bench.store.createUser(user("hal"))
            let link = NewLink(
                kind: .invitation, hash: Data([1]), user: "hal", createdBy: "ana", expiresAt: StoreFixture.at(10))
            try await bench.store.createLink(link)
            let found = try await bench.store.invitation(hash: Data([1]), at: StoreFixture.at(9))
            #expect(found?.name == "hal" && found?.createdBy == "ana" && found?.kind == .invitation)
            #expect(try await bench.store.invitation(hash: Data([1]), at: StoreFixture.at(10)) == nil)
            // An invitation is no sign-in link.
            let used = try await bench.store.redeemSignInLink(
                hash: Data([1]), newID: StoreFixture.newID(), at: StoreFixture.at(2))
            #expect(used == nil)
            let names = await withTaskGroup(of: String?.self) { group in
                for _ in 0..<6 {
                    group.addTask {
                        try? await bench.store.redeemInvitation(
                            hash: Data([1]), password: "secret", at: StoreFixture.at(9))
                    }
                }
                return await group.reduce(into: [String]()) { if let name = $1 { $0.append(name) } }
            }
            #expect(names == ["hal"])
            #expect(try await bench.store.password(ofUser: "hal")?.encoded == "secret")
        }
    }

    @Test(arguments: StoreEngine.all) func aLinkMakesTheFirstAccount(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            try await bench.store.createSignInLink(hash: Data([1]), user: "admin", expiresAt: StoreFixture.at(10))
            #expect(try await bench.store.user(named: "admin") == nil)
            let name = try await bench.store.redeemSignInLink(
                hash: Data([1]), newID: StoreFixture.newID(), at: StoreFixture.at(5))
            #expect(name == "admin")
            #expect(try await bench.store.user(named: "admin")?.createdAt == StoreFixture.at(5))
        }
    }

    @Test(arguments: StoreEngine.all) func aLoginCodeIsForItsCommand(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            func redeem(_ code: UInt8, _ detail: String, _ token: UInt8) async throws -> AccessEntry? {
                try await bench.store.redeemLoginCode(
                    hash: Data([code]), detail: detail, token: Data([token]), at: StoreFixture.at(5))
            }
            for code in [1, 2] as [UInt8] {
                try await bench.store.createLink(
                    NewLink(
                        kind: .login, hash: Data([code]), user: "ana", detail: "challenge\nlaptop",
                        expiresAt: StoreFixture.at(10)))
            }
            #expect(try await redeem(1, "other\nlaptop", 11) == nil)
            #expect(try await redeem(1, "challenge\nlaptop", 11)?.name == "laptop")
            #expect(try await redeem(1, "challenge\nlaptop", 12) == nil)
            // A second token of that name has another one.
            #expect(try await redeem(2, "challenge\nlaptop", 13)?.name == "laptop 2")
            #expect(try await bench.store.account(ofToken: Data([11]), at: StoreFixture.at(6))?.name == "ana")
        }
    }
}
