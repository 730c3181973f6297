import Crypto
import Domain
import Foundation
import Postgres
import PostgresCluster
import Storage
import StoragePostgres
import Testing

/// Two nodes on one database: what SQLite's one writer gives for nothing.
@Suite struct SharedDatabaseTests {
    /// A store, and another one beside it on the same database.
    private func run(_ body: (StoreFixture, StoreFixture) async throws -> Void) async throws {
        try await StoreEngine.postgres.run { bench in
            let seen = RecordedChanges()
            let store = try await bench.engine.open(bench.folder, bench.vault) { seen.add($0) }
            let other = StoreFixture(
                engine: bench.engine, folder: bench.folder, vault: bench.vault, store: store, seen: seen)
            do {
                try await body(bench, other)
            } catch {
                try? await store.close()
                throw error
            }
            try await store.close()
        }
    }

    @Test func aJobIsClaimedOnce() async throws {
        try await run { one, two in
            var jobs: Set<JobID> = []
            for _ in 0..<40 { jobs.insert(try await one.job(of: one.vine()).id) }
            var tendrils: [Tendril] = []
            for _ in 0..<8 { tendrils.append(try await one.tendril(slots: 5)) }
            let claimed = try await withThrowingTaskGroup(of: [JobID].self) { group in
                for (index, tendril) in tendrils.enumerated() {
                    group.addTask {
                        let store = index.isMultiple(of: 2) ? one.store : two.store
                        var claimed: [JobID] = []
                        while let job = try await store.claim(by: tendril.id, at: StoreFixture.at(2)) {
                            claimed.append(job.id)
                        }
                        return claimed
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(claimed.count == 40)
            #expect(Set(claimed) == jobs)
        }
    }

    @Test func aVineHasOneHolderAndATendrilNoMoreThanItsSlots() async throws {
        try await run { one, two in
            for _ in 0..<10 {
                let vine = try await one.vine()
                for _ in 0..<4 { _ = try await one.job(of: vine) }
                let tendril = try await one.tendril(slots: 3)
                let claims = try await withThrowingTaskGroup(of: JobID?.self) { group in
                    for index in 0..<8 {
                        group.addTask {
                            let store = index.isMultiple(of: 2) ? one.store : two.store
                            return try await store.claim(by: tendril.id, at: StoreFixture.at(2))?.id
                        }
                    }
                    return try await group.reduce(into: [JobID]()) { if let job = $1 { $0.append(job) } }
                }
                #expect(claims.count == 1)
                for job in try await one.store.jobs(JobQuery(vine: vine.id), limit: 9, cursor: nil).items {
                    try await one.change(job.id, .cancel)
                }
            }
            let tendril = try await one.tendril(slots: 2)
            for _ in 0..<8 { _ = try await one.job(of: one.vine()) }
            let claims = await withTaskGroup(of: Bool.self) { group in
                for store in [one.store, two.store, one.store, two.store] {
                    group.addTask { (try? await store.claim(by: tendril.id, at: StoreFixture.at(2))) != nil }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(claims == 2)
        }
    }

    @Test func numbersAreContiguousWhoeverAppends() async throws {
        try await run { one, two in
            var jobs: [Job] = []
            for _ in 0..<3 { jobs.append(try await one.running()) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for job in jobs {
                    group.addTask {
                        for n in 1...30 {
                            let node = n.isMultiple(of: 2) ? one : two
                            try await node.append(Int64(n), [.stdout("line \(n)\n"), .stderr("error \(n)\n")], to: job)
                        }
                    }
                    for node in [one, two] {
                        for note in 0..<15 {
                            group.addTask {
                                try await node.store.appendSystemLines(["\(note)"], to: job.id, at: StoreFixture.at(5))
                            }
                        }
                    }
                    group.addTask { while try await two.store.compact(job.id) {} }
                }
                try await group.waitForAll()
            }
            for job in jobs {
                let chunks = try await two.chunks(of: job)
                // The claim's note, 60 chunks of the holder, 30 notes.
                #expect(chunks.map(\.seq) == Array(1...91))
                var line: Int64 = 1
                for chunk in chunks {
                    #expect(chunk.firstLine == line)
                    line += Int64(chunk.lineCount)
                }
                #expect(try await one.store.logCursor(of: job.id, epoch: 1).nextN == 31)
            }
        }
    }

    @Test func namesAndPlansAreTakenOnce() async throws {
        try await run { one, two in
            let made = await withTaskGroup(of: Bool.self) { group in
                for index in 0..<12 {
                    let node = index.isMultiple(of: 2) ? one : two
                    group.addTask { (try? await node.vine(project: "contested")) != nil }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(made == 1)
            let vine = try await one.vine()
            let plan = try await one.plan(of: vine)
            let deploys = await withTaskGroup(of: Bool.self) { group in
                for index in 0..<12 {
                    let node = index.isMultiple(of: 2) ? one : two
                    group.addTask { (try? await node.job(.deploy, of: vine, plan: plan.id)) != nil }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(deploys == 1)
        }
    }

    @Test func versionsOfAStateAreNumberedOnceEach() async throws {
        try await run { one, two in
            let vine = try await one.vine()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<20 {
                    let node = index.isMultiple(of: 2) ? one : two
                    group.addTask {
                        let bytes = Data("state \(index)".utf8)
                        _ = try await node.store.saveState(
                            bytes, of: vine.id, position: StatePosition(lineage: "a", serial: 1), sha256: bytes.sha256,
                            job: nil, lockID: nil, at: StoreFixture.at(3))
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await two.store.stateVersions(of: vine.id).map(\.number) == (1...20).reversed())
        }
    }

    @Test func aVineInUseIsNotDeletedUnderIt() async throws {
        try await run { one, two in
            for _ in 0..<20 {
                let vine = try await one.vine()
                async let made = try? one.job(of: vine)
                async let deleted: Void? = try? two.store.deleteVine(vine.id, at: StoreFixture.at(9))
                let (job, isDeleted) = (await made, await deleted != nil)
                #expect((job != nil) != isDeleted)
            }
        }
    }

    /// The Tendril's append is stored, the answer to its COMMIT is lost: it is stored once, and acknowledged.
    @Test(arguments: [SocketProxy.Cut.beforeServer, .afterServer])
    func anAppendSurvivesALostAnswer(_ cut: SocketProxy.Cut) async throws {
        try await StoreEngine.postgres.run { bench in
            let job = try await bench.running()
            let cluster = try PostgresCluster.shared.get()
            let proxy = try SocketProxy(to: cluster.folder, name: cluster.socketName, cut: nil)
            defer { proxy.stop() }
            var settings = PostgresSettings(
                address: try PostgresSchemas.address(for: bench.folder)
                    .replacing(cluster.folder.path, with: proxy.folder.path))
            settings.isPooled = true
            let seen = RecordedChanges()
            let store = try await PostgresStore.open(settings, vault: bench.vault) { seen.add($0) }
            proxy.cutNext(cut)
            let receipt = try await store.append(
                LogAppend(job: job.id, epoch: 1, n: 1, chunks: [.stdout("once\n")]), at: StoreFixture.at(5))
            #expect(proxy.cutCount == 1)
            #expect(receipt.nextN == 2 && receipt.seq == 2)
            #expect(seen.take().flatMap { $0 } == [.log(job.id, seq: 2)])
            #expect(
                try await bench.chunks(of: job).map(\.text) == [
                    "Claimed by \(await name(of: job, in: bench))\n", "once\n",
                ])
            try await store.close()
        }
    }

    private func name(of job: Job, in bench: StoreFixture) async throws -> String {
        let worker = try #require(job.state.worker)
        return try #require(try await bench.store.tendril(worker)).name
    }
}
