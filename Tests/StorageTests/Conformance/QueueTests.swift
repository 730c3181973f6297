import Domain
import Storage
import Synchronization
import Testing

/// Claiming, and what a job waits for.
@Suite struct QueueTests {
    @Test(arguments: StoreEngine.all) func claimsTheOldestAndGrantsALease(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let tendril = try await bench.tendril("rose", slots: 2)
            _ = try await bench.job(of: bench.vine(), at: 20)
            let old = try await bench.job(of: bench.vine(), at: 10)
            #expect(try await bench.store.hasWork(for: tendril.id, at: StoreFixture.at(30)))
            let claimed = try #require(try await bench.store.claim(by: tendril.id, at: StoreFixture.at(30)))
            #expect(claimed.id == old.id)
            #expect(claimed.status == .claimed)
            #expect(claimed.lease == Lease(job: old.id, worker: tendril.id, epoch: 1))
            #expect(claimed.claimedAt == StoreFixture.at(30))
            #expect(try await bench.store.job(old.id) == claimed)
            let lines = try await bench.store.lines(of: old.id, from: 1, count: 5)
            #expect(lines.map(\.raw) == ["Claimed by rose"])
            #expect(lines.map(\.stream) == [.system])
        }
    }

    @Test(arguments: StoreEngine.all) func slotsLimitLeases(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let tendril = try await bench.tendril(slots: 2)
            var vines: [Vine] = []
            for _ in 0..<3 { vines.append(try await bench.vine()) }
            for vine in vines { _ = try await bench.job(of: vine) }
            let first = try #require(try await bench.store.claim(by: tendril.id, at: StoreFixture.at(2)))
            #expect(try await bench.store.claim(by: tendril.id, at: StoreFixture.at(2)) != nil)
            #expect(try await bench.store.claim(by: tendril.id, at: StoreFixture.at(2)) == nil)
            #expect(try await !bench.store.hasWork(for: tendril.id, at: StoreFixture.at(2)))
            try await bench.change(first.id, .start(epoch: 1))
            try await bench.change(first.id, .cancel)
            // Its engine may still run: neither slot nor vine is free.
            #expect(try await bench.store.claim(by: tendril.id, at: StoreFixture.at(3)) == nil)
            try await bench.change(first.id, .engineEnded(epoch: 1, known: true))
            #expect(try await bench.store.claim(by: tendril.id, at: StoreFixture.at(4)) != nil)
        }
    }

    @Test(arguments: StoreEngine.all) func onlyOnlineTendrilsClaim(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let tendril = try await bench.tendril()
            _ = try await bench.job(of: bench.vine())
            func claim(after seconds: Int64) async throws -> Job? {
                try await bench.store.claim(by: tendril.id, at: StoreFixture.at(seconds))
            }
            #expect(try await bench.store.claim(by: StoreFixture.newID(), at: StoreFixture.at(1)) == nil)
            try await bench.store.heartbeat(tendril.id, offer: tendril.offer, draining: false, at: StoreFixture.at(100))
            #expect(try await claim(after: 130) == nil)
            try await bench.store.heartbeat(tendril.id, offer: tendril.offer, draining: true, at: StoreFixture.at(200))
            #expect(try await claim(after: 201) == nil)
            try await bench.store.heartbeat(tendril.id, offer: tendril.offer, draining: false, at: StoreFixture.at(300))
            #expect(try await claim(after: 329) != nil)
        }
    }

    @Test(arguments: StoreEngine.all) func respectsAssignment(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let (mine, other) = (try await bench.tendril(), try await bench.tendril())
            let job = try await bench.job(of: bench.vine(), assignedTo: mine.id)
            #expect(try await bench.store.claim(by: other.id, at: StoreFixture.at(2)) == nil)
            try await bench.store.assign(job.id, to: other.id, systemLine: "Moved", at: StoreFixture.at(3))
            #expect(try await bench.store.job(job.id)?.assignedWorker == other.id)
            #expect(try await bench.store.claim(by: mine.id, at: StoreFixture.at(4)) == nil)
            try await bench.store.assign(job.id, to: nil, systemLine: "Moved", at: StoreFixture.at(5))
            #expect(try await bench.store.claim(by: mine.id, at: StoreFixture.at(6))?.id == job.id)
            func expectRefused(_ kind: Refusal.Kind, _ id: JobID, to worker: TendrilID? = nil) async {
                await expectRefusal(kind) {
                    try await bench.store.assign(id, to: worker, systemLine: "Refused", at: StoreFixture.at(7))
                }
            }
            await expectRefused(.conflict, job.id)
            await expectRefused(.notFound, StoreFixture.newID())
            let next = try await bench.job(of: bench.vine())
            await expectRefused(.notFound, next.id, to: StoreFixture.newID())
            #expect(try await bench.chunks(of: next).isEmpty)
        }
    }

    @Test(arguments: StoreEngine.all) func logsAssignmentOnce(
        _ engine: StoreEngine
    ) async throws {
        try await engine.run { bench in
            let tendril = try await bench.tendril()
            let job = try await bench.job(of: bench.vine(), assignedTo: tendril.id)
            try await bench.store.assign(job.id, to: tendril.id, systemLine: "To the same", at: StoreFixture.at(2))
            try await bench.store.assign(job.id, to: nil, systemLine: "To any", at: StoreFixture.at(3))
            try await bench.store.assign(job.id, to: nil, systemLine: "To any, again", at: StoreFixture.at(4))
            #expect(try await bench.chunks(of: job).map(\.text) == ["To any\n"])
        }
    }

    @Test(arguments: StoreEngine.all) func jobWaitsForHeldVine(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            let holder = try await bench.running(of: vine)
            let tendril = try await bench.tendril()
            let waiting = try await bench.job(of: vine)
            #expect(try await bench.store.claim(by: tendril.id, at: StoreFixture.at(5)) == nil)
            #expect(try await bench.store.waitReason(of: waiting.id, at: StoreFixture.at(5)) == .job(holder.id))
            try await bench.change(holder.id, .cancel)
            #expect(try await bench.store.claim(by: tendril.id, at: StoreFixture.at(6)) == nil)
            try await bench.change(holder.id, .giveUp(epoch: 1))
            #expect(try await bench.store.claim(by: tendril.id, at: StoreFixture.at(7))?.id == waiting.id)
            #expect(try await bench.store.waitReason(of: waiting.id, at: StoreFixture.at(8)) == nil)
            #expect(try await bench.store.waitReason(of: StoreFixture.newID(), at: StoreFixture.at(8)) == nil)
        }
    }

    @Test(arguments: StoreEngine.all) func aLockedVineWaits(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            let tendril = try await bench.tendril()
            let job = try await bench.job(of: vine)
            let lock = StateLock(
                vine: vine.id, id: "l1", job: nil, holder: "ana@laptop", info: "{}", createdAt: StoreFixture.at(1))
            try await bench.store.lockState(lock, lease: nil)
            #expect(try await bench.store.claim(by: tendril.id, at: StoreFixture.at(2)) == nil)
            let reason = try await bench.store.waitReason(of: job.id, at: StoreFixture.at(2))
            #expect(reason == .lock(id: "l1", holder: "ana@laptop", job: nil))
            try await bench.store.unlockState(of: vine.id, id: "l1")
            #expect(try await bench.store.claim(by: tendril.id, at: StoreFixture.at(3)) != nil)
        }
    }

    /// The same table decides in Swift (`isMet`) and in the database; they must agree on every pair.
    @Test(arguments: StoreEngine.all) func requirementsAreMetAsTheDomainSays(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let tofu = Engine(name: .tofu, version: "1.9.0", platform: "linux_amd64")
            let offers: [([Engine], String)] = [
                ([], "/a"), ([StoreFixture.terraform], "/a"), ([tofu], "/b"), ([StoreFixture.terraform, tofu], "/b"),
            ]
            var requirements: [EngineRequirement] = []
            for name in [nil, Engine.Name.terraform, .tofu] {
                for version in [nil, "1.15.5", "1.9.0"] {
                    for root in [nil, "/a", "/b"] {
                        requirements.append(
                            EngineRequirement(name: name, version: version, platform: "linux_amd64", runRoot: root))
                    }
                }
            }
            requirements += [EngineRequirement(), EngineRequirement(platform: "linux_arm64")]
            for (engines, root) in offers {
                let tendril = try await bench.tendril(engines: engines, runRoot: root)
                for requirement in requirements {
                    let job = try await bench.job(of: bench.vine(), requirement: requirement)
                    let hasWork = try await bench.store.hasWork(for: tendril.id, at: StoreFixture.at(2))
                    #expect(hasWork == tendril.offer.meets(requirement), "\(requirement) by \(tendril.offer)")
                    try await bench.change(job.id, .cancel)
                }
            }
        }
    }

    @Test(arguments: StoreEngine.all) func reportsWaitReason(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.job(of: bench.vine(), requirement: EngineRequirement(name: .tofu))
            func reason(at seconds: Int64 = 2) async throws -> WaitReason? {
                try await bench.store.waitReason(of: job.id, at: StoreFixture.at(seconds))
            }
            func isNoTendril(_ reason: WaitReason?, saying text: String) -> Bool {
                if case .noTendril(let words) = reason { words.contains(text) } else { false }
            }
            func isTendril(_ reason: WaitReason?, saying text: String) -> Bool {
                if case .tendril(_, _, let words) = reason { words.contains(text) } else { false }
            }
            #expect(isNoTendril(try await reason(), saying: "ONLINE"))
            let plain = try await bench.tendril("plain")
            #expect(isNoTendril(try await reason(), saying: "tofu"))
            try await bench.store.assign(job.id, to: plain.id, systemLine: "Moved", at: StoreFixture.at(2))
            #expect(isTendril(try await reason(), saying: "tofu"))
            #expect(isTendril(try await reason(at: 100_000), saying: "OFFLINE"))
            try await bench.store.assign(job.id, to: nil, systemLine: "Moved", at: StoreFixture.at(2))
            let able = try await bench.tendril(
                "able", engines: [Engine(name: .tofu, version: "1.9.0", platform: "linux_amd64")])
            #expect(try await reason() == WaitReason.nothing)
            _ = try await bench.job(of: bench.vine(), assignedTo: able.id)
            _ = try await bench.job(of: bench.vine(), at: 0)
            #expect(try await bench.store.claim(by: able.id, at: StoreFixture.at(2)) != nil)
            #expect(try await reason() == .slot)
            try await bench.store.assign(job.id, to: able.id, systemLine: "Moved", at: StoreFixture.at(2))
            #expect(isTendril(try await reason(), saying: "busy"))
        }
    }

    @Test(arguments: StoreEngine.all) func listsActiveJobs(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            _ = try await bench.job(of: vine)
            _ = try await bench.ended()
            let running = try await bench.running()
            let stopping = try await bench.running()
            try await bench.change(stopping.id, .cancel)
            let lost = try await bench.running()
            try await bench.change(lost.id, .giveUp(epoch: 1))
            #expect(Set(try await bench.store.activeJobs().map(\.id)) == [running.id, stopping.id])
            let worker = try #require(stopping.state.worker)
            #expect(try await bench.store.activeJobs(of: worker).map(\.id) == [stopping.id])
            #expect(try await bench.store.activeJobs(of: #require(lost.state.worker)).isEmpty)
        }
    }

    /// 32 claimants run 160 jobs on 40 vines to their end: none twice, never two on one vine.
    @Test(arguments: StoreEngine.all) func concurrentClaimsAreExclusive(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let total = 160
            for _ in 0..<40 {
                let vine = try await bench.vine()
                for _ in 0..<4 { _ = try await bench.job(of: vine) }
            }
            var claimants: [Tendril] = []
            for _ in 0..<32 { claimants.append(try await bench.tendril()) }
            let board = Board()
            try await withThrowingTaskGroup { group in
                for claimant in claimants {
                    group.addTask {
                        while board.taken < total {
                            guard let job = try await bench.store.claim(by: claimant.id, at: StoreFixture.at(5)) else {
                                await Task.yield()
                                continue
                            }
                            board.take(job)
                            try await bench.change(job.id, .start(epoch: job.state.epoch), at: 6)
                            board.free(job)
                            try await bench.change(
                                job.id, .fail(epoch: job.state.epoch, engineKnown: true), at: 7)
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(board.taken == total)
            #expect(board.faults.isEmpty, "\(board.faults)")
            #expect(try await bench.store.activeJobs().isEmpty)
        }
    }
}

/// What the claimants saw.
private final class Board: Sendable {
    private struct State {
        var taken: Set<JobID> = []
        var held: Set<VineID> = []
        var faults: [String] = []
    }

    private let state = Mutex(State())

    var taken: Int { state.withLock { $0.taken.count } }
    var faults: [String] { state.withLock { $0.faults } }

    func take(_ job: Job) {
        state.withLock { state in
            if !state.taken.insert(job.id).inserted { state.faults.append("twice: \(job.id)") }
            if !state.held.insert(job.vine).inserted { state.faults.append("vine held: \(job.vine)") }
        }
    }

    /// Called before the commit that frees the vine.
    func free(_ job: Job) { state.withLock { _ = $0.held.remove(job.vine) } }
}
