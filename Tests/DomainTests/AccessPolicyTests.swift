import Domain
import Testing

/// Who may do what, as a pure function of grants.
@Suite struct AccessPolicyTests {
    private let here = VineyardID(randomBytes: [UInt8](repeating: 1, count: 16))
    private let there = VineyardID(randomBytes: [UInt8](repeating: 2, count: 16))
    private let vine = VineID(randomBytes: [UInt8](repeating: 3, count: 16))
    private let other = VineID(randomBytes: [UInt8](repeating: 4, count: 16))

    private func rights(_ grants: (Role, GrantScope)..., scopes: Set<Permission>? = nil) -> Rights {
        Rights(
            grants.map { Rights.Held(role: $0.0, scope: $0.1, through: GrantPrincipal(.user, "ana")) },
            scopes: scopes)
    }

    @Test func rolesGrow() {
        let ladder: [Role] = [.viewer, .planner, .operator, .maintainer, .admin]
        for (less, more) in zip(ladder, ladder.dropFirst()) {
            #expect(less.permissions.isStrictSubset(of: more.permissions), "\(less) \(more)")
        }
        #expect(!Role.maintainer.permissions.contains(.stateRead))
        #expect(Role.stateReader.permissions == [.stateRead])
        #expect(Role.least(for: .jobsApply) == .operator && Role.least(for: .stateRead) == .stateReader)
        for permission in Permission.allCases where permission.level != .account {
            #expect(Role.least(for: permission) != nil && Role.admin.permissions.contains(permission))
        }
    }

    @Test func aGrantCountsForWhatIsBelow() {
        let place = AccessPlace.vine(vine, in: here)
        for scope in [GrantScope.installation, .vineyard(here), .vine(vine)] {
            #expect(rights((.planner, scope)).decide(.jobsPlan, on: place) == .allowed, "\(scope)")
            #expect(
                rights((.planner, scope)).decide(.jobsApply, on: place) == .denied(.missing(.jobsApply)))
        }
        for scope in [GrantScope.vineyard(there), .vine(other)] {
            #expect(rights((.admin, scope)).decide(.jobsPlan, on: place) == .hidden, "\(scope)")
        }
        #expect(rights((.viewer, .vine(vine))).decide(.vinesRead, on: .vineyard(here)) == .hidden)
        #expect(
            rights((.viewer, .vineyard(here)), (.operator, .vine(vine))).allows(.jobsApply, on: place))
        #expect(
            !rights((.viewer, .vineyard(here)), (.operator, .vine(other))).allows(.jobsApply, on: place))
    }

    @Test func whatIsOfTheInstallationNeedsAGrantThere() {
        let inVineyard = rights((.admin, .vineyard(here)))
        for permission in Permission.allCases where permission.level == .installation {
            #expect(inVineyard.decide(permission, on: .installation) == .denied(.missing(permission)))
            #expect(inVineyard.decide(permission, on: .vineyard(here)) == .denied(.missing(permission)))
            #expect(rights((.admin, .installation)).allows(permission, on: .installation))
        }
        #expect(inVineyard.allows(.grantsManage, on: .vineyard(here)))
        #expect(!inVineyard.allows(.grantsManage, on: .installation))
    }

    @Test func withoutAGrantThereIsNothingButTheAccount() {
        let nothing = rights()
        for permission in Permission.allCases {
            let isOfAccount = permission.level == .account
            #expect(nothing.allows(permission, on: .anywhere) == isOfAccount, "\(permission)")
            guard permission.level == .vine else { continue }
            #expect(nothing.decide(permission, on: .vine(vine, in: here)) == .hidden)
        }
        // Whoever may only download states may not know more than that.
        let reader = rights((.stateReader, .vine(vine)))
        #expect(reader.allows(.stateRead, on: .vine(vine, in: here)))
        #expect(reader.decide(.jobsRead, on: .vine(vine, in: here)) == .hidden)
    }

    @Test func scopesTakeAwayAndNeverGive() {
        let limited = rights((.operator, .installation), scopes: [.jobsRead, .stateRead])
        let place = AccessPlace.vine(vine, in: here)
        #expect(limited.allows(.jobsRead, on: place))
        #expect(limited.decide(.jobsPlan, on: place) == .denied(.outOfScope(.jobsPlan)))
        #expect(limited.decide(.stateRead, on: place) == .denied(.missing(.stateRead)))
        #expect(limited.visible(.vinesRead) == .none && limited.visible(.jobsRead) == .all)
        #expect(
            limited.allows(.accountRead, on: .installation)
                && !limited.allows(.accountWrite, on: .installation))
    }

    @Test func listsShowWhatIsVisible() {
        let some = rights(
            (.viewer, .vineyard(here)), (.planner, .vine(other)), (.stateReader, .vineyard(there)))
        #expect(some.visible(.jobsRead) == VisibleVines(vineyards: [here], vines: [other]))
        #expect(some.visible(.jobsPlan) == VisibleVines(vines: [other]))
        #expect(
            some.visible(.jobsRead).contains(vine, in: here)
                && some.visible(.jobsRead).contains(other, in: there))
        #expect(!some.visible(.jobsRead).contains(vine, in: there))
        #expect(rights((.viewer, .installation)).visible(.jobsRead).isAll)
    }

    @Test func principalsAndScopesHaveOneSpelling() {
        for text in ["user:ana", "team:on call", "service:ci:bot"] {
            #expect(GrantPrincipal(text)?.description == text)
        }
        let long = String(repeating: "x", count: RightsLimits.name)
        #expect(GrantPrincipal("user:" + long) != nil)
        for text in [
            "", "ana", "user:", "group:x", "USER:ana", "user:\(long)x", "user:a\u{202e}b", "user:a\u{7}",
        ] {
            #expect(GrantPrincipal(text) == nil, "\(text)")
        }
        for text in ["installation", "vineyard:\(here)", "vine:\(vine)"] {
            #expect(GrantScope(text)?.description == text)
        }
        for text in ["", "installation:", "vineyard:", "vineyard:x", "vine", "job:\(vine)"] {
            #expect(GrantScope(text) == nil, "\(text)")
        }
    }
}
