import Domain
import Foundation
import Storage
import Testing

/// What decides whether a plan may be applied.
@Suite struct PlanFactsTests {
    @Test(arguments: StoreEngine.all) func aFreshPlanIsValid(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            let plan = try await bench.plan(of: vine)
            _ = try await bench.store.change(
                plan.id, [], facts: JobFields(plannedState: .some(nil)), at: StoreFixture.at(6))
            let facts = try #require(try await bench.store.planFacts(plan.id))
            #expect(
                facts
                    == PlanValidity.Facts(
                        planType: .plan, planStatus: .success, plannedDigest: "digest-1", currentDigest: "digest-1",
                        plannedState: nil, currentState: nil, artifactStored: true, deploy: nil))
            #expect(PlanValidity.evaluate(facts) == .valid)
        }
    }

    @Test(arguments: StoreEngine.all) func reportsStateChanges(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            let plan = try await bench.plan(of: vine)
            let planned = StatePosition(lineage: "a", serial: 4)
            _ = try await bench.store.change(
                plan.id, [], facts: JobFields(plannedState: planned), at: StoreFixture.at(6))
            let state = Data("state".utf8)
            _ = try await bench.store.saveState(
                state, of: vine.id, position: StatePosition(lineage: "a", serial: 5), sha256: state.sha256, job: nil,
                lockID: nil, at: StoreFixture.at(7))
            let deploy = try await bench.job(.deploy, of: vine, plan: plan.id)
            _ = try await bench.store.deleteArtifacts(before: StoreFixture.at(100))
            let facts = try #require(try await bench.store.planFacts(plan.id))
            #expect(facts.plannedState == planned)
            #expect(facts.currentState == StatePosition(lineage: "a", serial: 5))
            #expect(facts.deploy == deploy.id)
            #expect(!facts.artifactStored)
            try await bench.change(deploy.id, .cancel)
            #expect(try await bench.store.planFacts(plan.id)?.deploy == nil)
        }
    }

    @Test(arguments: StoreEngine.all) func comparesTheVineAsItIsNow(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            var vine = try await bench.vine()
            let secrets = VineSecrets(variables: ["password": "first-secret"])
            vine = try await bench.store.updateVine(vine, secrets: secrets)
            var job = bench.draft(of: vine)
            job.snapshot.digest = try bench.vault.configurationDigest(of: vine.settings, secrets: secrets)
            try await bench.store.createJob(job, secrets: secrets, systemLines: [])
            func isCurrent() async throws -> Bool {
                let facts = try await bench.store.planFacts(job.id)
                return facts?.currentDigest == facts?.plannedDigest
            }
            vine.settings.projectName = "renamed"
            vine = try await bench.store.updateVine(vine, secrets: secrets)
            #expect(try await isCurrent())
            vine = try await bench.store.updateVine(vine, secrets: VineSecrets(variables: ["password": "other-secret"]))
            #expect(try await !isCurrent())
            vine = try await bench.store.updateVine(vine, secrets: secrets)
            #expect(try await isCurrent())
            vine.settings.region = "eu-1"
            _ = try await bench.store.updateVine(vine, secrets: secrets)
            #expect(try await !isCurrent())
        }
    }

    @Test(arguments: StoreEngine.all) func aDeletedVineHasNoDigest(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            let plan = try await bench.plan(of: vine)
            try await bench.store.deleteVine(vine.id, at: StoreFixture.at(10))
            let facts = try #require(try await bench.store.planFacts(plan.id))
            #expect(facts.currentDigest == nil)
            #expect(facts.plannedDigest == "digest-1")
        }
    }
}
