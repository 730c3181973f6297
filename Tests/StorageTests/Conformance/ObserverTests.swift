import Domain
import Foundation
import Storage
import Testing

/// What the observer is told, and when.
@Suite struct ObserverTests {
    @Test(arguments: StoreEngine.all) func observerReceivesEveryChange(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            func told(_ body: () async throws -> Void) async throws -> [StoreChange] {
                _ = bench.seen.take()
                try await body()
                return bench.seen.take().flatMap { $0 }
            }
            let vine = try await bench.vine()
            #expect(bench.seen.take() == [[.vine(vine.id, isNew: true)]])
            let tendril = try await bench.tendril()
            #expect(bench.seen.take() == [[.tendril(tendril.id, isNew: true)]])
            let job = try await bench.job(of: vine)
            #expect(bench.seen.take() == [[.job(job.id, isNew: true), .queue]])
            let claim = try await told { _ = try await bench.store.claim(by: tendril.id, at: StoreFixture.at(2)) }
            #expect(claim == [.job(job.id), .log(job.id, seq: 1)])
            #expect(try await told { try await bench.change(job.id, .start(epoch: 1)) } == [.job(job.id)])
            #expect(
                try await told { try await bench.append(1, [.stdout("a\n"), .stdout("b\n")], to: job) }
                    == [.log(job.id, seq: 3)])
            #expect(
                try await told { try await bench.store.appendSystemLines(["x"], to: job.id, at: StoreFixture.at(5)) }
                    == [.log(job.id, seq: 4)])
            let lock = StateLock(
                vine: vine.id, id: "l", job: nil, holder: "ana", info: "", createdAt: StoreFixture.at(1))
            #expect(try await told { try await bench.store.lockState(lock, lease: nil) } == [.vine(vine.id)])
            #expect(try await told { try await bench.store.lockState(lock, lease: nil) } == [])
            #expect(
                try await told { try await bench.store.breakStateLock(of: vine.id, id: "l") } == [
                    .vine(vine.id), .queue,
                ])
            #expect(
                try await told {
                    try await bench.store.heartbeat(
                        tendril.id, offer: tendril.offer, draining: false, at: StoreFixture.at(5))
                } == [.tendril(tendril.id)])
            #expect(try await told { try await bench.store.check() } == [])
            #expect(try await told { _ = try await bench.store.claim(by: tendril.id, at: StoreFixture.at(2)) } == [])
        }
    }

    /// What a job's change asks for wakes the queue or one Tendril, and nothing else does.
    @Test(arguments: StoreEngine.all) func wakesWhomTheActionsName(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            func wakeups(_ body: () async throws -> Void) async throws -> [StoreChange] {
                _ = bench.seen.take()
                try await body()
                return bench.seen.take().flatMap { $0 }.filter { change in
                    switch change {
                    case .queue, .stop: true
                    case .job, .log, .tendril, .vine, .everything: false
                    }
                }
            }
            let running = try await bench.running()
            let worker = try #require(running.state.worker)
            #expect(try await wakeups { try await bench.append(1, [.stdout("a\n")], to: running) } == [])
            #expect(try await wakeups { try await bench.change(running.id, .cancel) } == [.stop(worker)])
            #expect(try await wakeups { try await bench.change(running.id, .cancel) } == [], "a repeat wakes nobody")
            #expect(try await wakeups { try await bench.change(running.id, .forceCancel) } == [.stop(worker)])
            let ended = try await wakeups {
                try await bench.change(running.id, .engineEnded(epoch: 1, known: true))
            }
            #expect(ended == [.queue])
            // A claimed job frees its vine when it is canceled, and its Tendril must drop it.
            let tendril = try await bench.tendril()
            let claimed = try await bench.job(of: bench.vine(), assignedTo: tendril.id)
            #expect(try await wakeups { _ = try await bench.store.claim(by: tendril.id, at: StoreFixture.at(2)) } == [])
            #expect(try await wakeups { try await bench.change(claimed.id, .cancel) } == [.stop(tendril.id), .queue])
        }
    }

    /// Told before the caller's call returns, once per change, and in the order of the commits.
    @Test(arguments: StoreEngine.all) func ordersChangesAsTheyWereCommitted(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            var jobs: [Job] = []
            for _ in 0..<4 { jobs.append(try await bench.running()) }
            _ = bench.seen.take()
            try await withThrowingTaskGroup { group in
                for job in jobs {
                    for note in 0..<50 {
                        group.addTask {
                            try await bench.store.appendSystemLines(["\(note)"], to: job.id, at: StoreFixture.at(5))
                        }
                    }
                }
                try await group.waitForAll()
            }
            let changes = bench.seen.take().flatMap { $0 }
            #expect(changes.count == 200)
            for job in jobs {
                let seqs = changes.compactMap { change -> Int64? in
                    if case .log(job.id, let seq) = change { seq } else { nil }
                }
                #expect(seqs == Array(2...51))
            }
        }
    }
}
