import Domain
import Foundation
import Storage
import Testing

/// Vineyards, teams and grants.
@Suite struct RightsTests {
    private func grant(
        _ principal: String, _ role: Role, _ scope: GrantScope = .installation, by user: String = "admin",
        at seconds: Int64 = 1
    ) throws -> Grant {
        Grant(
            id: StoreFixture.newID(), principal: try #require(GrantPrincipal(principal)), role: role, scope: scope,
            createdBy: user, createdAt: StoreFixture.at(seconds))
    }

    private func vineyard(_ name: String) -> Vineyard {
        Vineyard(id: StoreFixture.newID(), name: name, createdBy: "ana", createdAt: StoreFixture.at(1))
    }

    private func roles(_ account: Account, _ store: any Store) async throws -> Set<Role> {
        Set(try await store.rights(of: account).held.map(\.role))
    }

    @Test(arguments: StoreEngine.all) func grantsReachAnAccountDirectlyAndThroughItsTeams(
        _ engine: StoreEngine
    ) async throws {
        try await engine.run { bench in
            let store = bench.store
            try await store.createTeam(
                Team(name: "shop", members: ["ana"], createdBy: "admin", createdAt: StoreFixture.at(1)))
            try await store.createTeam(
                Team(name: "ops", group: "grp-ops", members: [], createdBy: "admin", createdAt: StoreFixture.at(1)))
            _ = try await store.createGrant(grant("user:ana", .viewer))
            _ = try await store.createGrant(grant("team:shop", .planner))
            _ = try await store.createGrant(grant("team:ops", .maintainer))
            _ = try await store.createGrant(grant("service:ana", .stateReader))
            #expect(try await roles(Account(name: "ana"), store) == [.viewer, .planner])
            let inGroup = Account(name: "ben", groups: ["other", "grp-ops"])
            #expect(try await roles(inGroup, store) == [.maintainer])
            #expect(try await roles(Account(name: "ben"), store) == [])
            #expect(try await roles(Account(name: "ana", kind: .service, groups: ["grp-ops"]), store) == [.stateReader])
            #expect(try await roles(Account(name: "admin"), store) == [.admin])
            let limited = Account(name: "ana", scopes: [.jobsRead])
            #expect(try await store.rights(of: limited).scopes == [.jobsRead])
            let updated = try await store.updateTeam("shop", group: "grp-shop", members: ["cai"])
            #expect(updated.members == ["cai"] && updated.group == "grp-shop")
            #expect(try await store.teams().map(\.name) == ["ops", "shop"])
            #expect(try await store.teams()[1] == updated)
            #expect(try await roles(Account(name: "ana"), store) == [.viewer])
            try await store.deleteTeam("shop")
            #expect(try await roles(Account(name: "cai"), store) == [])
            await expectRefusal(.notFound) { try await store.deleteTeam("shop") }
            await expectRefusal(.notFound) { _ = try await store.updateTeam("shop", group: nil, members: []) }
            try await store.removeRights(of: GrantPrincipal(.user, "ana"))
            #expect(try await roles(Account(name: "ana"), store) == [])
        }
    }

    @Test(arguments: StoreEngine.all) func grantsAreListedOnceAndRevoked(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let store = bench.store
            let vine = try await bench.vine()
            let first = try await store.createGrant(grant("user:ana", .viewer, .vine(vine.id), at: 2))
            let again = try await store.createGrant(grant("user:ana", .viewer, .vine(vine.id), at: 3))
            #expect(again.id == first.id)
            #expect(try await store.grant(first.id) == first)
            let second = try await store.createGrant(grant("user:ben", .admin, at: 4))
            let page = try await store.grants(GrantQuery(), limit: 2, cursor: nil)
            #expect(page.items == [second, first])
            let rest = try await store.grants(GrantQuery(), limit: 2, cursor: page.next)
            #expect(rest.items.map(\.principal) == [Grant.admin] && rest.next == nil)
            func found(_ query: GrantQuery) async throws -> [GrantID] {
                try await store.grants(query, limit: 9, cursor: nil).items.map(\.id)
            }
            #expect(try await found(GrantQuery(principal: first.principal)) == [first.id])
            #expect(try await found(GrantQuery(scopes: [.vine(vine.id)])) == [first.id])
            #expect(try await found(GrantQuery(scopes: [])) == [])
            #expect(try await found(GrantQuery(scopes: [.installation], role: .admin)).first == second.id)
            try await store.revokeGrant(first.id)
            await expectRefusal(.notFound) { try await store.revokeGrant(first.id) }
            await expectRefusal(.conflict) { try await store.revokeGrant(rest.items[0].id) }
            for scope in [GrantScope.vine(StoreFixture.newID()), .vineyard(StoreFixture.newID())] {
                await expectRefusal(.notFound) { _ = try await store.createGrant(grant("user:x", .viewer, scope)) }
            }
            await expectRefusal(.notFound) { _ = try await store.createGrant(grant("team:none", .viewer)) }
        }
    }

    /// Without roles everybody is an administrator. The first role that somebody grants ends that.
    @Test(arguments: StoreEngine.all) func peopleAreAdmittedUntilRolesAreUsed(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let store = bench.store
            func admit(_ name: String) async throws -> Bool {
                try await store.admit(name, id: StoreFixture.newID(), at: StoreFixture.at(1))
            }
            #expect(try await admit("ana"))
            #expect(try await !admit("ana"))
            #expect(try await admit("ben"))
            #expect(try await roles(Account(name: "ana"), store) == [.admin])
            _ = try await store.createGrant(grant("user:ben", .planner, by: "ana", at: 2))
            #expect(try await roles(Account(name: "ben"), store) == [.planner])
            #expect(try await !admit("cai"))
            #expect(try await roles(Account(name: "cai"), store) == [])
            // Nobody locks oneself out.
            _ = try await store.createGrant(grant("user:ana", .viewer, by: "ana", at: 3))
            #expect(try await roles(Account(name: "ana"), store) == [.admin, .viewer])
        }
    }

    @Test(arguments: StoreEngine.all) func aVineIsInAVineyardAndItsJobsAre(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let store = bench.store
            #expect(try await store.vineyards().map(\.id) == [Vineyard.defaultID])
            let shop = vineyard("shop")
            try await store.createVineyard(shop)
            await expectRefusal(.conflict) { try await store.createVineyard(vineyard("shop")) }
            #expect(try await store.vineyard(shop.id) == shop)
            var vine = try await bench.vine(project: "twin")
            let job = try await bench.job(of: vine)
            #expect(job.vineyard == Vineyard.defaultID)
            vine.vineyard = shop.id
            vine.needsTwoPeople = true
            vine = try await store.updateVine(vine, secrets: VineSecrets())
            #expect(try await store.vine(vine.id) == vine && vine.vineyard == shop.id && vine.needsTwoPeople)
            #expect(try await store.vineyard(of: vine.id) == shop.id)
            #expect(try await store.vineyard(of: StoreFixture.newID()) == nil)
            let place = try #require(try await store.vine(of: job.id))
            #expect(place.vine == vine.id && place.vineyard == shop.id)
            #expect(try await store.job(job.id)?.vineyard == shop.id)
            #expect(try await store.vine(of: StoreFixture.newID())?.vine == nil)
            // A name is taken in its vineyard only.
            _ = try await bench.vine(project: "twin")
            vine.vineyard = Vineyard.defaultID
            await expectRefusal(.conflict) { [vine] in _ = try await store.updateVine(vine, secrets: VineSecrets()) }
            vine.vineyard = StoreFixture.newID()
            await expectRefusal(.notFound) { [vine] in _ = try await store.updateVine(vine, secrets: VineSecrets()) }
            await expectRefusal(.conflict) { try await store.deleteVineyard(shop.id) }
            await expectRefusal(.conflict) { try await store.deleteVineyard(Vineyard.defaultID) }
            let empty = vineyard("empty")
            try await store.createVineyard(empty)
            _ = try await store.createGrant(grant("user:ana", .viewer, .vineyard(empty.id)))
            #expect(try await store.renameVineyard(empty.id, to: "bare").name == "bare")
            await expectRefusal(.conflict) { _ = try await store.renameVineyard(empty.id, to: "shop") }
            try await store.deleteVineyard(empty.id)
            #expect(try await roles(Account(name: "ana"), store) == [])
            await expectRefusal(.notFound) { try await store.deleteVineyard(empty.id) }
        }
    }

    @Test(arguments: StoreEngine.all) func listsShowWhatIsVisible(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let store = bench.store
            let (shop, bank) = (vineyard("shop"), vineyard("bank"))
            for vineyard in [shop, bank] { try await store.createVineyard(vineyard) }
            var (one, two) = (try await bench.vine(project: "one", at: 1), try await bench.vine(project: "two", at: 2))
            let three = try await bench.vine(project: "three", at: 3)
            (one.vineyard, two.vineyard) = (shop.id, bank.id)
            one = try await store.updateVine(one, secrets: VineSecrets())
            two = try await store.updateVine(two, secrets: VineSecrets())
            var jobs: [Job] = []
            for (second, vine) in [one, two, three, one, two, three].enumerated() {
                jobs.append(try await bench.job(of: vine, at: Int64(second + 1)))
            }
            try await bench.change(jobs[3].id, .cancel, at: 20)
            func found(_ query: JobQuery) async throws -> [JobID] {
                var (ids, cursor): ([JobID], String?) = ([], nil)
                repeat {
                    let page = try await store.jobs(query, limit: 2, cursor: cursor)
                    ids += page.items.map(\.id)
                    cursor = page.next
                } while cursor != nil
                return ids
            }
            let seen = VisibleVines(vineyards: [shop.id], vines: [three.id])
            #expect(try await found(JobQuery(visible: seen)) == [5, 3, 2, 0].map { jobs[$0].id })
            #expect(try await found(JobQuery(visible: .none)) == [])
            #expect(try await found(JobQuery(status: .queued, visible: seen)) == [5, 2, 0].map { jobs[$0].id })
            #expect(try await found(JobQuery(status: .cancelled, visible: seen)) == [jobs[3].id])
            #expect(try await found(JobQuery(type: .destroy, visible: seen)) == [])
            #expect(try await found(JobQuery(vine: two.id, visible: seen)) == [])
            #expect(try await found(JobQuery(vine: one.id, visible: seen)) == [3, 0].map { jobs[$0].id })
            #expect(try await found(JobQuery(vine: three.id, visible: seen)) == [5, 2].map { jobs[$0].id })
            #expect(try await found(JobQuery(text: "two", visible: seen)) == [])
            #expect(try await found(JobQuery(text: "one", visible: seen)) == [3, 0].map { jobs[$0].id })
            #expect(try await found(JobQuery(text: jobs[1].id.short, visible: seen)) == [])
            #expect(try await found(JobQuery(text: jobs[2].id.short, visible: seen)) == [jobs[2].id])
            for (index, isSeen) in [(0, true), (1, false), (2, true)] {
                let ids = try await store.jobIDs(startingWith: jobs[index].id.short, visible: seen, limit: 9)
                #expect(ids == (isSeen ? [jobs[index].id] : []), "\(index)")
            }
            #expect(try await store.vines(in: seen) == [one.id, three.id])
            let vines = try await store.vines(text: nil, visible: seen, limit: 9, cursor: nil).items
            #expect(vines.map(\.id) == [three.id, one.id])
            #expect(try await store.vines(text: "two", visible: seen, limit: 9, cursor: nil).items.isEmpty)
            for job in jobs { _ = try? await bench.change(job.id, .cancel, at: 21) }
            for vine in [one, two] { try await store.deleteVine(vine.id, at: StoreFixture.at(30)) }
            #expect(
                try await store.deletedVines(visible: seen, limit: 9, cursor: nil).items.map(\.id) == [one.id])
        }
    }

    @Test(arguments: StoreEngine.all) func aTendrilRunsJobsOfItsVineyardsOnly(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let store = bench.store
            let shop = vineyard("shop")
            try await store.createVineyard(shop)
            let bound = try await bench.tendril("bound", slots: 2)
            try await store.setVineyards([shop.id], of: bound.id)
            #expect(try await store.tendril(bound.id)?.vineyards == [shop.id])
            #expect(try await store.tendrils().first?.vineyards == [shop.id])
            var vine = try await bench.vine()
            let job = try await bench.job(of: vine)
            let now = StoreFixture.at(5)
            #expect(try await !store.hasWork(for: bound.id, at: now))
            #expect(try await store.claim(by: bound.id, at: now) == nil)
            guard case .noTendril(let reason)? = try await store.waitReason(of: job.id, at: now) else {
                Issue.record("no reason")
                return
            }
            #expect(reason.contains("this vineyard"))
            await expectRefusal(.conflict) {
                try await store.assign(job.id, to: bound.id, systemLine: "x", at: now)
            }
            await expectRefusal(.conflict) { [vine] in
                _ = try await bench.job(of: vine, assignedTo: bound.id)
            }
            vine.vineyard = shop.id
            vine = try await store.updateVine(vine, secrets: VineSecrets())
            #expect(try await store.hasWork(for: bound.id, at: now))
            #expect(try await store.claim(by: bound.id, at: now)?.id == job.id)
            await expectRefusal(.notFound) { try await store.setVineyards([StoreFixture.newID()], of: bound.id) }
            await expectRefusal(.notFound) { try await store.setVineyards([], of: StoreFixture.newID()) }
            #expect(try await store.tendril(bound.id)?.vineyards == [shop.id])
            try await store.setVineyards([], of: bound.id)
            let free = try await bench.job(of: bench.vine())
            #expect(try await store.claim(by: bound.id, at: now)?.id == free.id)
        }
    }

    @Test(arguments: StoreEngine.all) func whoeverAppliesIsNotWhoeverPlanned(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            var vine = try await bench.vine()
            vine.needsTwoPeople = true
            vine = try await bench.store.updateVine(vine, secrets: VineSecrets())
            let plan = try await bench.plan(of: vine)
            var deploy = bench.draft(.deploy, of: vine, plan: plan.id)
            await expectRefusal(.forbidden) { [deploy] in
                try await bench.store.createJob(deploy, secrets: VineSecrets(), systemLines: [])
            }
            await expectRefusal(.forbidden) { [vine] in _ = try await bench.job(.destroy, of: vine) }
            deploy.createdBy = "ben"
            try await bench.store.createJob(deploy, secrets: VineSecrets(), systemLines: [])
            _ = try await bench.job(.plan, of: vine)
        }
    }
}
