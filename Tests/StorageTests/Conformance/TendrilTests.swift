import Crypto
import Domain
import Foundation
import Storage
import Testing

/// Tendrils.
@Suite struct TendrilTests {
    @Test(arguments: StoreEngine.all) func storesEveryField(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let tofu = Engine(name: .tofu, version: "1.9.0", platform: "linux_arm64")
            let tendril = try await bench.tendril("rose", slots: 3, engines: [tofu, StoreFixture.terraform])
            let fresh = Tendril(id: StoreFixture.newID(), name: "anemone", createdAt: StoreFixture.at(1))
            try await bench.store.createTendril(fresh, tokenHash: Data([7]))
            #expect(try await bench.store.tendril(tendril.id) == tendril)
            #expect(try await bench.store.tendril(fresh.id) == fresh)
            #expect(try await bench.store.tendrils() == [fresh, tendril])
            #expect(try await bench.store.tendril(StoreFixture.newID()) == nil)
        }
    }

    @Test(arguments: StoreEngine.all) func namesAreUnique(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let tendril = try await bench.tendril("rose")
            await expectRefusal(.conflict, saying: "rose") { _ = try await bench.tendril("rose") }
            await expectRefusal(.conflict) { try await bench.store.createTendril(tendril, tokenHash: Data()) }
            #expect(try await bench.store.tendrils().count == 1)
        }
    }

    @Test(arguments: StoreEngine.all) func tokensAreReplaced(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let tendril = try await bench.tendril()
            #expect(try await bench.store.tendrilTokenHash(tendril.id) == Data([1, 2, 3]))
            try await bench.store.setTendrilTokenHash(tendril.id, Data([4]))
            #expect(try await bench.store.tendrilTokenHash(tendril.id) == Data([4]))
            #expect(try await bench.store.tendrilTokenHash(StoreFixture.newID()) == nil)
            await expectRefusal(.notFound) { try await bench.store.setTendrilTokenHash(StoreFixture.newID(), Data()) }
        }
    }

    @Test(arguments: StoreEngine.all) func aRevokedOneIsGoneButNotForgotten(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let tendril = try await bench.tendril("rose")
            let vine = try await bench.vine()
            let queued = try await bench.job(of: vine, assignedTo: tendril.id)
            await expectRefusal(.conflict, saying: "meant for rose") {
                try await bench.store.revokeTendril(tendril.id, at: StoreFixture.at(9))
            }
            _ = try await bench.store.claim(by: tendril.id, at: StoreFixture.at(2))
            await expectRefusal(.conflict, saying: queued.id.short) {
                try await bench.store.revokeTendril(tendril.id, at: StoreFixture.at(9))
            }
            try await bench.change(queued.id, .start(epoch: 1), .fail(epoch: 1, engineKnown: true))
            _ = bench.seen.take()
            for _ in 0..<2 { try await bench.store.revokeTendril(tendril.id, at: StoreFixture.at(9)) }
            #expect(bench.seen.take() == [[.tendril(tendril.id)]])
            #expect(try await bench.store.tendrils().isEmpty)
            #expect(try await bench.store.tendrilTokenHash(tendril.id) == nil)
            #expect(try await bench.store.tendril(tendril.id)?.name.hasPrefix("rose (revoked") == true)
            #expect(try await bench.tendril("rose").id != tendril.id)
            await expectRefusal(.notFound) {
                try await bench.store.revokeTendril(StoreFixture.newID(), at: StoreFixture.at(9))
            }
        }
    }

    @Test(arguments: StoreEngine.all) func heartbeatsRenewTheOffer(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let tendril = try await bench.tendril()
            let tofu = Engine(name: .tofu, version: "1.9.0", platform: "linux_amd64")
            let offer = TendrilCapabilities(
                version: "2.0", slots: 4, engines: [tofu, StoreFixture.terraform], runRoot: "/new")
            try await bench.store.heartbeat(tendril.id, offer: offer, draining: true, at: StoreFixture.at(50))
            var expected = tendril
            expected.offer = offer
            expected.draining = true
            expected.lastSeenAt = StoreFixture.at(50)
            #expect(try await bench.store.tendril(tendril.id) == expected)
            try await bench.store.heartbeat(tendril.id, offer: offer, draining: false, at: StoreFixture.at(60))
            #expect(try await bench.store.tendril(tendril.id)?.status(at: StoreFixture.at(61)) == .online)
            await expectRefusal(.notFound) {
                try await bench.store.heartbeat(
                    StoreFixture.newID(), offer: offer, draining: false, at: StoreFixture.at(60))
            }
            await expectRefusal(.invalid) {
                try await bench.store.heartbeat(
                    tendril.id, offer: TendrilCapabilities(slots: 0), draining: false, at: StoreFixture.at(60))
            }
        }
    }

    /// The leases of the last heartbeat, also after a restart: another node, or the next process, judges by them.
    @Test(arguments: StoreEngine.all) func reportedLeasesAreStored(_ engine: StoreEngine) async throws {
        try await TemporaryFolder.with { folder in
            let vault = Vault(key: SymmetricKey(data: Data(repeating: 7, count: 32)))
            var store = try await engine.open(folder, vault) { _ in }
            let id: TendrilID = StoreFixture.newID()
            let tendril = Tendril(id: id, name: "rose", createdAt: StoreFixture.at(0))
            try await store.createTendril(tendril, tokenHash: Data([1]))
            #expect(try await store.reportedLeases() == [:], "nothing is known before the first heartbeat")
            let leases: Set<Lease> = [
                Lease(job: StoreFixture.newID(), worker: id, epoch: 1),
                Lease(job: StoreFixture.newID(), worker: id, epoch: 12),
            ]
            try await store.heartbeat(
                id, offer: TendrilCapabilities(), draining: false, leases: leases, at: StoreFixture.at(1))
            #expect(try await store.reportedLeases() == [id: leases])
            try await store.close()
            store = try await engine.open(folder, vault) { _ in }
            #expect(try await store.reportedLeases() == [id: leases])
            try await store.heartbeat(
                id, offer: TendrilCapabilities(), draining: false, leases: [], at: StoreFixture.at(2))
            #expect(try await store.reportedLeases() == [id: []])
            try await store.close()
        }
    }
}
