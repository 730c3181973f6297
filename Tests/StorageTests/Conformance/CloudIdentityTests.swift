import Domain
import Foundation
import Storage
import Testing

/// Cloud identities and signing keys.
@Suite struct CloudIdentityTests {
    private func identity(_ name: String, in vineyard: VineyardID = Vineyard.defaultID) -> CloudIdentity {
        CloudIdentity(
            id: StoreFixture.newID(), name: name, vineyard: vineyard, provider: .aws,
            plan: CloudAccess(roleArn: "arn:aws:iam::111122223333:role/plan", region: "eu-west-1"),
            apply: CloudAccess(roleArn: "arn:aws:iam::111122223333:role/apply"), createdBy: "ana",
            createdAt: StoreFixture.at(1), updatedAt: StoreFixture.at(1))
    }

    @Test(arguments: StoreEngine.all) func identitiesAreStoredAndUsed(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let store = bench.store
            let vineyard = Vineyard(
                id: StoreFixture.newID(), name: "shop", createdBy: "ana", createdAt: StoreFixture.at(1))
            try await store.createVineyard(vineyard)
            let (first, second) = (identity("b"), identity("a"))
            try await store.createIdentity(first)
            try await store.createIdentity(second)
            #expect(try await store.identities() == [second, first])
            #expect(try await store.identity(first.id) == first)
            await #expect(throws: Refusal.self) { try await store.createIdentity(identity("a")) }
            // Another vineyard may have the name as well.
            let elsewhere = identity("a", in: vineyard.id)
            try await store.createIdentity(elsewhere)
            await #expect(throws: Refusal.notFound("vineyard")) {
                try await store.createIdentity(identity("c", in: StoreFixture.newID()))
            }
            var changed = first
            changed.name = "c"
            changed.plan.region = nil
            changed.updatedAt = StoreFixture.at(2)
            #expect(try await store.updateIdentity(changed) == changed)
            #expect(try await store.identity(first.id) == changed)
            let taken = CloudIdentity(
                id: first.id, name: "a", vineyard: first.vineyard, provider: .aws, plan: first.plan,
                apply: first.apply, createdBy: "ana", createdAt: first.createdAt, updatedAt: first.updatedAt)
            await #expect(throws: Refusal.self) { try await store.updateIdentity(taken) }

            // A vine uses one of its own vineyard.
            var vine = try await bench.vine()
            vine.settings.identity = first.id
            vine = try await store.updateVine(vine, secrets: VineSecrets())
            #expect(try await store.vine(vine.id)?.settings.identity == first.id)
            #expect(try await store.vines(using: first.id, limit: 10).map(\.id) == [vine.id])
            #expect(try await store.vines(using: second.id, limit: 10).isEmpty)
            func refuse(_ change: (inout Vine) -> Void) async throws -> Refusal? {
                var other = vine
                change(&other)
                do {
                    _ = try await store.updateVine(other, secrets: VineSecrets())
                    return nil
                } catch let refusal as Refusal { return refusal }
            }
            #expect(try await refuse { $0.vineyard = vineyard.id }?.kind == .conflict)
            #expect(try await refuse { $0.settings.identity = elsewhere.id }?.kind == .conflict)
            #expect(
                try await refuse { $0.settings.identity = StoreFixture.newID() }
                    == Refusal.notFound("cloud identity"))
            await #expect(throws: Refusal.self) { try await store.deleteIdentity(first.id) }
            await #expect(throws: Refusal.self) { try await store.deleteVineyard(vineyard.id) }
            // A deleted vine holds nothing back.
            _ = try await store.deleteVine(vine.id, isConfirmed: true, at: StoreFixture.at(9))
            try await store.deleteIdentity(first.id)
            #expect(try await store.identity(first.id) == nil)
            await #expect(throws: Refusal.notFound("cloud identity")) { try await store.deleteIdentity(first.id) }
            #expect(try await store.anyVine(vine.id) != nil)
            try await store.deleteIdentity(elsewhere.id)
            try await store.deleteVineyard(vineyard.id)
        }
    }

    @Test(arguments: StoreEngine.all) func signingKeysAreEncryptedAndAddedOnce(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let store = bench.store
            func key(_ id: String, from seconds: Int64) -> SigningKey {
                SigningKey(
                    place: SigningKeySchedule.Key(
                        id: id, createdAt: StoreFixture.at(0), usedFrom: StoreFixture.at(seconds)),
                    privateKey: Data("private-\(id)".utf8), publicKey: #"{"kid":"\#(id)"}"#)
            }
            #expect(try await store.addSigningKey(key("a", from: 0), after: nil))
            // Another node was faster.
            #expect(try await !store.addSigningKey(key("b", from: 0), after: nil))
            #expect(try await store.addSigningKey(key("b", from: 10), after: "a"))
            #expect(try await store.signingKeys() == [key("a", from: 0), key("b", from: 10)])
            try await store.deleteSigningKeys(["a", "unknown"])
            #expect(try await store.signingKeys().map(\.place.id) == ["b"])
        }
    }

    /// The CHECK of older databases knows three types of jobs.
    @Test(arguments: StoreEngine.all) func aConnectionTestIsStored(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            var draft = bench.draft(.connectionTest, of: vine)
            draft.options = RunOptions(testedPhase: .apply)
            try await bench.store.createJob(draft, secrets: VineSecrets(), systemLines: [])
            let stored = try await bench.store.job(draft.id)
            #expect(stored?.type == .connectionTest && stored?.options.testedPhase == .apply)
        }
    }
}
