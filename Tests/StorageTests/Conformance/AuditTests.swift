import Domain
import Foundation
import Storage
import Testing

/// Events of the audit log: stored with the deed, listed, sealed, deleted by age.
@Suite struct AuditTests {
    static func event(
        _ action: AuditAction = .cancelJob, by name: String = "ana", on id: String = "thing", vine: VineID? = nil,
        job: JobID? = nil, request: String? = nil, outcome: AuditEvent.Outcome = .allowed, at seconds: Int64 = 1
    ) -> AuditEvent {
        AuditEvent(
            id: StoreFixture.newID(), at: StoreFixture.at(seconds),
            actor: AuditActor(
                kind: .token, id: "0123", name: name, source: "token", roles: ["operator on shop"], tokenID: "0123"),
            requestID: request, address: "10.20.4.17", action: action,
            resource: AuditResource("thing", id, name: "Wärme\u{0}haus 🍇 \"x\"\\"), vine: vine, job: job,
            outcome: outcome, reason: "line\nfeed", changes: ["count": 3, "names": ["a", "ü\u{1}"], "none": .null])
    }

    private func all(_ store: any Store) async throws -> [AuditEvent] {
        try await store.auditEvents(AuditQuery(), limit: 1000, cursor: nil).items.map(\.event)
    }

    @Test(arguments: StoreEngine.all) func anEventIsInTheCommitOfItsDeed(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            let first = Self.event(.createJob, job: StoreFixture.newID())
            let job = bench.draft(of: vine)
            try await bench.store.recording(first).createJob(job, secrets: VineSecrets(), systemLines: [])
            #expect(try await all(bench.store) == [first])
            // A refused deed is none, and leaves no event.
            let refused = Self.event(.createJob)
            await expectRefusal(.conflict) {
                try await bench.store.recording(refused).createJob(job, secrets: VineSecrets(), systemLines: [])
            }
            #expect(try await all(bench.store) == [first])
            // An event that can't be stored takes the deed with it.
            let other = bench.draft(of: vine)
            await #expect(throws: StorageError.self) {
                try await bench.store.recording(first).createJob(other, secrets: VineSecrets(), systemLines: [])
            }
            #expect(try await bench.store.job(other.id) == nil)
            // The store itself still records nothing.
            _ = try await bench.job(of: vine)
            #expect(try await all(bench.store) == [first])
        }
    }

    @Test(arguments: StoreEngine.all) func whatChangesNothingRecordsNothing(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let recording = bench.store.recording(Self.event())
            let now = StoreFixture.at(5)
            #expect(try await recording.revokeAccess("0000") == nil)
            #expect(try await recording.claim(by: bench.tendril().id, at: now) == nil)
            #expect(try await recording.deleteArtifacts(before: now) == 0)
            #expect(try await recording.deleteAuditEvents(before: now, limit: 9) == 0)
            let job = try await bench.running(of: bench.vine(project: "kept"))
            _ = try await bench.store.saveState(
                Data("{}".utf8), of: job.vine, position: StatePosition(lineage: "l", serial: 1), resources: 2,
                sha256: Data("{}".utf8).sha256, job: job.id, lockID: nil, at: now)
            try await bench.change(job.id, .fail(epoch: 1, engineKnown: true))
            #expect(try await recording.deleteVine(job.vine, isConfirmed: false, at: now) == .stored(2))
            #expect(try await all(bench.store) == [])
            // The same again.
            _ = try await recording.change(
                job.id, [.fail(epoch: 1, engineKnown: true)], facts: JobFields(), at: now)
            #expect(try await all(bench.store) == [])
        }
    }

    @Test(arguments: StoreEngine.all) func aClaimSaysWhichJob(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let (vine, tendril) = (try await bench.vine(), try await bench.tendril())
            let job = try await bench.job(of: vine)
            let recording = bench.store.recording(Self.event(.claimJob))
            #expect(try await recording.claim(by: tendril.id, at: StoreFixture.at(2))?.id == job.id)
            let found = try #require(await all(bench.store).first)
            #expect(found.job == job.id && found.vine == vine.id && found.resource?.id == job.id.rawValue)
        }
    }

    @Test(arguments: StoreEngine.all) func eventsAreListedByWhatTheyHave(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let (vine, job): (VineID, JobID) = (StoreFixture.newID(), StoreFixture.newID())
            for second in Int64(0)..<30 {
                try await bench.store.record(
                    Self.event(
                        second % 2 == 0 ? .applyPlan : .readState, by: second % 3 == 0 ? "ana" : "ben",
                        on: "r\(second % 5)", vine: second < 20 ? vine : nil, job: second < 10 ? job : nil,
                        request: "q\(second)", outcome: second % 10 == 9 ? .denied : .allowed, at: second))
            }
            func seconds(_ keys: [AuditKey], since: Int64? = nil, until: Int64? = nil) async throws -> [Int64] {
                let query = AuditQuery(
                    keys: keys, since: since.map(StoreFixture.at), until: until.map(StoreFixture.at))
                var (found, cursor): ([AuditEvent], String?) = ([], nil)
                repeat {
                    let page = try await bench.store.auditEvents(query, limit: 4, cursor: cursor)
                    #expect(page.items.count <= 4)
                    found += page.items.map(\.event)
                    cursor = page.next
                } while cursor != nil
                return found.map { $0.at.milliseconds(since: StoreFixture.at(0)) / 1000 }
            }
            #expect(try await seconds([]) == (0..<30).reversed())
            #expect(try await seconds([.actor("ana")]) == [27, 24, 21, 18, 15, 12, 9, 6, 3, 0])
            #expect(try await seconds([.vine(vine)]) == (0..<20).reversed())
            #expect(try await seconds([.job(job), .action("job.apply")]) == [8, 6, 4, 2, 0])
            #expect(try await seconds([.outcome(.denied)]) == [29, 19, 9])
            #expect(try await seconds([.request("q7")]) == [7])
            #expect(try await seconds([.resource("r3"), .outcome(.allowed)]) == [28, 23, 18, 13, 8, 3])
            #expect(try await seconds([], since: 25, until: 28) == [27, 26, 25])
            #expect(try await seconds([.actor("ben"), .action("state.read")], until: 9) == [7, 5, 1])
            #expect(try await seconds([.actor("nobody")]) == [])
            for bad in ["", "1", "1_2_3", "x_1"] {
                await expectRefusal(.invalid) {
                    _ = try await bench.store.auditEvents(AuditQuery(), limit: 5, cursor: bad)
                }
            }
        }
    }

    /// A filter that matches little reads a bounded number of rows for a page, and leads on to the next one.
    @Test(arguments: StoreEngine.all) func aPageLooksAtABoundedNumberOfRows(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            try await bench.store.record(Self.event(by: "rare", at: 0))
            try await withThrowingTaskGroup(of: Void.self) { group in
                for second in Int64(1)...2100 {
                    group.addTask { try await bench.store.record(Self.event(by: "rare", on: "common", at: second)) }
                    if second % 100 == 0 { try await group.waitForAll() }
                }
                try await group.waitForAll()
            }
            let query = AuditQuery(keys: [.actor("rare"), .action("job.cancel"), .outcome(.denied)])
            let first = try await bench.store.auditEvents(query, limit: 5, cursor: nil)
            #expect(first.items.isEmpty)
            let next = try #require(first.next)
            let last = try await bench.store.auditEvents(query, limit: 5, cursor: next)
            #expect(last.items.isEmpty && last.next == nil)
        }
    }

    @Test(arguments: StoreEngine.all) func sealingNumbersEventsInOrder(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let store = bench.store
            let events = (0..<7).map { Self.event(on: "r\($0)", job: StoreFixture.newID(), at: 10 - $0) }
            for event in events { try await store.record(event) }
            let job = try #require(events[0].job)
            #expect(try await store.hasUnsealedEvents(of: job))
            #expect(try await store.auditChainEnds() == AuditChainEnds())
            #expect(try await store.sealAuditEvents(limit: 5) == 5)
            #expect(try await store.sealAuditEvents(limit: 5) == 2)
            #expect(try await store.sealAuditEvents(limit: 5) == 0)
            #expect(try await !store.hasUnsealedEvents(of: job))
            let records = try await store.sealedRecords(after: 0, limit: 100)
            #expect(records.map(\.event) == events && records.compactMap { $0.seal?.number } == [Int64](1...7))
            #expect(records.allSatisfy { $0.isAuthentic })
            #expect(records[0].seal?.previousHash == AuditChain.start)
            #expect(records[6].seal?.previousHash == records[5].seal?.hash)
            let head = try await store.auditChainEnds().head
            #expect(head.number == 7 && head.hash == records[6].seal?.hash && AuditEnd(head.description) == head)
            var chain = AuditChain()
            #expect(try await !store.checkAuditEvents(&chain, limit: 4))
            #expect(try await store.checkAuditEvents(&chain, limit: 4))
            #expect(chain.end == head)
            // What an export has is enough to check it.
            var lines = AuditChain()
            for record in records { try lines.check(line: record.line.dropLast()) }
            #expect(lines.end == head)
        }
    }

    @Test(arguments: StoreEngine.all) func severalSealersMakeOneChain(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let store = bench.store
            try await withThrowingTaskGroup(of: Void.self) { group in
                for n in 0..<40 {
                    group.addTask { try await store.record(Self.event(on: "r\(n)")) }
                    if n % 4 == 0 { group.addTask { _ = try await store.sealAuditEvents(limit: 3) } }
                }
                try await group.waitForAll()
            }
            while try await store.sealAuditEvents(limit: 7) > 0 {}
            let records = try await store.sealedRecords(after: 0, limit: 100)
            #expect(records.compactMap { $0.seal?.number } == [Int64](1...40))
            var chain = AuditChain()
            #expect(try await store.checkAuditEvents(&chain, limit: 100))
        }
    }

    @Test(arguments: StoreEngine.all) func oldEventsAreDeletedAndTheChainBeginsAfterThem(
        _ engine: StoreEngine
    ) async throws {
        try await engine.run { bench in
            let store = bench.store
            for second in Int64(0)..<10 { try await store.record(Self.event(at: second)) }
            _ = try await store.sealAuditEvents(limit: 100)
            try await store.record(Self.event(at: 0))
            let hash = try #require(await store.sealedRecords(after: 3, limit: 1).first?.seal?.hash)
            for count in [3, 1] {
                let recording = store.recording(Self.event(.deleteEvents, at: 20))
                #expect(try await recording.deleteAuditEvents(before: StoreFixture.at(4), limit: 3) == count)
            }
            let events = try await all(store)
            #expect(events.filter { $0.action == .deleteEvents }.map { $0.changes["count"] } == [1, 3])
            #expect(try await store.sealedRecords(after: 0, limit: 1).first?.seal?.number == 5)
            #expect(try await store.auditChainEnds().base == AuditEnd(number: 4, hash: hash))
            _ = try await store.sealAuditEvents(limit: 100)
            var chain = AuditChain()
            #expect(try await store.checkAuditEvents(&chain, limit: 100))
            #expect(chain.end.number == 13)
        }
    }
}
