import Domain
import Storage
import Testing

/// The lock on a state.
@Suite struct LockTests {
    private func lock(_ id: String, of vine: Vine, job: JobID? = nil, holder: String = "ana") -> StateLock {
        StateLock(
            vine: vine.id, id: id, job: job, holder: holder, info: "{\"ID\":\"\(id)\"}", createdAt: StoreFixture.at(1))
    }

    @Test(arguments: StoreEngine.all) func allowsOneLockHolder(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            let mine = lock("l1", of: vine)
            #expect(try await bench.store.stateLock(of: vine.id) == nil)
            try await bench.store.lockState(mine, lease: nil)
            #expect(try await bench.store.stateLock(of: vine.id) == mine)
            try await bench.store.lockState(mine, lease: nil)
            await expectRefusal(.locked, saying: "ana") {
                try await bench.store.lockState(lock("l2", of: vine, holder: "ben"), lease: nil)
            }
            await expectRefusal(.conflict, saying: "ana") {
                try await bench.store.unlockState(of: vine.id, id: "l2")
            }
            #expect(try await bench.store.stateLock(of: vine.id) == mine)
            try await bench.store.unlockState(of: vine.id, id: "l1")
            try await bench.store.unlockState(of: vine.id, id: "l1")
            #expect(try await bench.store.stateLock(of: vine.id) == nil)
            try await bench.store.lockState(lock("l2", of: vine), lease: nil)
        }
    }

    @Test(arguments: StoreEngine.all) func aJobsLockNeedsItsLiveLease(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            let job = try await bench.running(of: vine)
            let lease = try #require(job.lease)
            let wanted = lock("l1", of: vine, job: job.id)
            func refuse(_ kind: Refusal.Kind, _ lock: StateLock, _ lease: Lease) async {
                await expectRefusal(kind) { try await bench.store.lockState(lock, lease: lease) }
            }
            await refuse(.leaseLost, wanted, Lease(job: job.id, worker: lease.worker, epoch: 2))
            await refuse(.leaseLost, wanted, Lease(job: job.id, worker: StoreFixture.newID(), epoch: 1))
            await refuse(.leaseLost, lock("l1", of: try await bench.vine(), job: job.id), lease)
            await refuse(.invalid, lock("l1", of: vine, job: nil), lease)
            let claimed = try await bench.job(of: bench.vine())
            let tendril = try await bench.tendril()
            _ = try await bench.store.claim(by: tendril.id, at: StoreFixture.at(2))
            var early = lock("l3", of: vine, job: claimed.id)
            early.vine = claimed.vine
            await refuse(.leaseLost, early, Lease(job: claimed.id, worker: tendril.id, epoch: 1))
            try await bench.store.lockState(wanted, lease: lease)
            // The answer was lost, and so is the lease by now; what was granted stays granted.
            try await bench.change(job.id, .giveUp(epoch: 1))
            try await bench.store.lockState(wanted, lease: lease)
            #expect(try await bench.store.stateLock(of: vine.id) == wanted)
            try await bench.store.unlockState(of: vine.id, id: "l1")
            await refuse(.leaseLost, lock("l2", of: vine, job: job.id), lease)
        }
    }

    @Test(arguments: StoreEngine.all) func rejectsLockOfAnotherJob(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            try await bench.store.lockState(lock("l1", of: vine), lease: nil)
            let job = try await bench.ended()
            await expectRefusal(.locked) {
                try await bench.store.lockState(lock("l1", of: vine, job: job.id), lease: nil)
            }
        }
    }

    @Test(arguments: StoreEngine.all) func aBrokenLockIsNotGrantedAgain(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            try await bench.store.breakStateLock(of: vine.id, id: "l1")
            try await bench.store.lockState(lock("l1", of: vine), lease: nil)
            await expectRefusal(.conflict, saying: "ana") {
                try await bench.store.breakStateLock(of: vine.id, id: "another")
            }
            try await bench.store.breakStateLock(of: vine.id, id: "l1")
            #expect(try await bench.store.stateLock(of: vine.id) == nil)
            await expectRefusal(.locked, saying: "broken") {
                try await bench.store.lockState(lock("l1", of: vine), lease: nil)
            }
            try await bench.store.lockState(lock("l2", of: vine), lease: nil)
            await expectRefusal(.conflict) { try await bench.store.unlockState(of: vine.id, id: "l1") }
        }
    }

    @Test(arguments: StoreEngine.all) func theLockOfARunningJobIsNotBroken(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            let job = try await bench.running(of: vine)
            try await bench.store.lockState(lock("l1", of: vine, job: job.id), lease: job.lease)
            await expectRefusal(.conflict, saying: job.id.short) {
                try await bench.store.breakStateLock(of: vine.id, id: "l1")
            }
            try await bench.change(job.id, .giveUp(epoch: 1))
            try await bench.store.breakStateLock(of: vine.id, id: "l1")
            #expect(try await bench.store.stateLock(of: vine.id) == nil)
        }
    }

    @Test(arguments: StoreEngine.all) func needsAVine(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            try await bench.store.deleteVine(vine.id, at: StoreFixture.at(1))
            await expectRefusal(.notFound) { try await bench.store.lockState(lock("l1", of: vine), lease: nil) }
        }
    }
}
