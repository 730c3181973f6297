import Domain
import Foundation
import Storage
import Testing

/// Idempotency keys: stored with the deed, answered from the store, forgotten by age.
@Suite struct RepeatTests {
    private func request(
        _ key: String = "k", owner: String = "ana", digest: String = "d1", at seconds: Int64 = 1
    ) -> RepeatableRequest {
        RepeatableRequest(
            owner: owner, key: key, digest: digest, id: StoreFixture.newID(), at: StoreFixture.at(seconds))
    }

    private func recording(_ store: any Store, _ request: RepeatableRequest) -> any Store {
        var event = AuditTests.event(.createJob)
        event.onceOnly = request
        return store.recording(event)
    }

    @Test(arguments: StoreEngine.all) func aDeedIsDoneOncePerKey(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            let first = request()
            #expect(try await bench.store.earlierRequest(like: first) == nil)
            let job = bench.draft(of: vine)
            try await recording(bench.store, first).createJob(job, secrets: VineSecrets(), systemLines: [])
            let second = request()
            #expect(try await bench.store.earlierRequest(like: second) == .unanswered)
            // The second one came while the first was being carried out: nothing of it stays.
            let other = bench.draft(of: vine)
            await expectRefusal(.conflict) {
                try await recording(bench.store, second).createJob(other, secrets: VineSecrets(), systemLines: [])
            }
            #expect(try await bench.store.job(other.id) == nil)
            #expect(try await bench.store.auditEvents(AuditQuery(), limit: 10, cursor: nil).items.count == 1)

            try await bench.store.saveAnswer(status: 201, body: Array("{\"a\":1}".utf8), to: first)
            #expect(
                try await bench.store.earlierRequest(like: second)
                    == .answered(status: 201, body: Array("{\"a\":1}".utf8)))
            #expect(try await bench.store.earlierRequest(like: request(digest: "d2")) == .other)
            // Keys of others have nothing to do with it.
            #expect(try await bench.store.earlierRequest(like: request(owner: "bo")) == nil)
            #expect(try await bench.store.earlierRequest(like: request("K")) == nil)
        }
    }

    /// A request that records two deeds has one key.
    @Test(arguments: StoreEngine.all) func oneRequestMayDoTwoThings(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            let request = request()
            for _ in 0..<2 {
                try await recording(bench.store, request).createJob(
                    bench.draft(of: vine), secrets: VineSecrets(), systemLines: [])
            }
        }
    }

    @Test(arguments: StoreEngine.all) func aRefusedDeedLeavesItsKeyFree(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = bench.draft(of: try await bench.vine())
            try await bench.store.createJob(job, secrets: VineSecrets(), systemLines: [])
            let request = request()
            await expectRefusal(.conflict) {
                try await recording(bench.store, request).createJob(job, secrets: VineSecrets(), systemLines: [])
            }
            #expect(try await bench.store.earlierRequest(like: request) == nil)
        }
    }

    /// Nothing but the answer can make a key without a deed.
    @Test(arguments: StoreEngine.all) func anAnswerBelongsToOneRequest(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let (first, second) = (request(), request())
            try await bench.store.saveAnswer(status: 201, body: [1, 2], to: first)
            await expectRefusal(.conflict) {
                try await bench.store.saveAnswer(status: 201, body: [3], to: second)
            }
            #expect(try await bench.store.earlierRequest(like: second) == .answered(status: 201, body: [1, 2]))
        }
    }

    @Test(arguments: StoreEngine.all) func oldKeysAreForgottenInSteps(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            for second in Int64(1)...5 {
                try await bench.store.saveAnswer(status: 201, body: [], to: request("k\(second)", at: second))
            }
            #expect(try await bench.store.deleteRepeatableRequests(before: StoreFixture.at(4), limit: 2) == 2)
            #expect(try await bench.store.deleteRepeatableRequests(before: StoreFixture.at(4), limit: 2) == 1)
            #expect(try await bench.store.deleteRepeatableRequests(before: StoreFixture.at(4), limit: 2) == 0)
            #expect(try await bench.store.earlierRequest(like: request("k3")) == nil)
            #expect(try await bench.store.earlierRequest(like: request("k4")) != nil)
        }
    }
}
