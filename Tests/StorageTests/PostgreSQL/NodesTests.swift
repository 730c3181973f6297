import Crypto
import Domain
import Foundation
import Postgres
import PostgresCluster
import Storage
import Synchronization
import Testing

@testable import StoragePostgres

/// Several nodes on one database.
@Suite struct NodesTests {
    /// A node with its store, and what its observers saw.
    private struct Node {
        var nodes: PostgresNodes
        var bench: StoreFixture
        var seen: Changes
        var store: any Store { bench.store }
    }

    /// Collects changes, and lets a test wait for some.
    private final class Changes: Sendable {
        private let all = Mutex<[StoreChange]>([])
        private let news = AsyncStream.makeStream(of: Void.self)

        func add(_ changes: [StoreChange]) {
            all.withLock { $0 += changes }
            news.continuation.yield()
        }

        func contains(_ change: StoreChange) -> Bool { all.withLock { $0.contains(change) } }
        func count(_ change: StoreChange) -> Int { all.withLock { all in all.count { $0 == change } } }

        /// Waits until `change` was seen.
        func wait(for change: StoreChange) async {
            guard !contains(change) else { return }
            for await _ in news.stream where contains(change) { return }
        }
    }

    private static let never = Duration.seconds(3600)

    /// Opens `count` nodes on a new database.
    private func run(
        _ count: Int = 2, pace: PostgresNodes.Pace = .init(), change: (inout PostgresSettings) -> Void = { _ in },
        _ body: ([Node]) async throws -> Void
    ) async throws {
        try await StoreEngine.postgres.run { bench in
            var settings = PostgresSettings(address: try PostgresSchemas.address(for: bench.folder))
            settings.maxConnections = 4
            change(&settings)
            var all: [Node] = []
            for _ in 0..<count {
                let nodes = PostgresNodes(settings, pace: pace)
                let store = try await PostgresStore.open(
                    settings, node: nodes.id, vault: bench.vault, onChange: nodes.publish)
                let seen = Changes()
                nodes.subscribe(seen.add)
                let fixture = StoreFixture(
                    engine: bench.engine, folder: bench.folder, vault: bench.vault, store: store, seen: bench.seen)
                all.append(Node(nodes: nodes, bench: fixture, seen: seen))
            }
            let result: Result<Void, any Error>
            do {
                try await body(all)
                result = .success(())
            } catch { result = .failure(error) }
            for node in all {
                await node.nodes.close()
                try await node.store.close()
            }
            try result.get()
        }
    }

    /// With hints alone: nobody polls by the clock.
    @Test func hintsCarryChangesToTheOtherNode() async throws {
        try await run(pace: .init(poll: Self.never, fastPoll: Self.never)) { nodes in
            let (one, two) = (nodes[0], nodes[1])
            for node in nodes { try await node.nodes.start(followed: { [] }) }
            // Until each knows of the other and hears hints.
            while !nodes.allSatisfy({ $0.nodes.hasOthers && $0.nodes.hears }) { await Task.yield() }
            let job = try await one.bench.running()
            await two.seen.wait(for: .job(job.id, isNew: true))
            try await one.bench.append(1, [.stdout("line\n")], to: job)
            await two.seen.wait(for: .log(job.id, seq: 2))
            // The other way, too.
            try await two.bench.append(2, [.stdout("line\n")], to: job)
            await one.seen.wait(for: .log(job.id, seq: 3))
            let worker = try #require(job.state.worker)
            try await two.bench.change(job.id, .cancel)
            await one.seen.wait(for: .stop(worker))
        }
    }

    /// With polls alone: no hint arrives.
    @Test func pollingFindsEverythingWithoutHints() async throws {
        let followed = Mutex<[JobID]>([])
        // A pooler passes no NOTIFY on.
        try await run(
            pace: .init(poll: .milliseconds(20), fastPoll: .milliseconds(20)), change: { $0.isPooled = true }
        ) { nodes in
            let (one, two) = (nodes[0], nodes[1])
            for node in nodes { try await node.nodes.start(followed: { followed.withLock { $0 } }) }
            let job = try await one.bench.running()
            await two.seen.wait(for: .job(job.id, isNew: true))
            await two.seen.wait(for: .queue)
            try await one.bench.append(1, [.stdout("line\n")], to: job)
            followed.withLock { $0 = [job.id] }
            await two.seen.wait(for: .log(job.id, seq: 2))
            let vine = try await two.bench.vine()
            await one.seen.wait(for: .vine(vine.id, isNew: true))
            #expect(one.seen.count(.vine(vine.id, isNew: true)) == 1)
            #expect(two.seen.count(.vine(vine.id, isNew: true)) == 1, "its own change is not brought back")
        }
    }

    /// What committed while the connections were away is found after that.
    @Test func aCutConnectionLosesNothing() async throws {
        let name = "nodes-\(UUID().uuidString.prefix(8))"
        try await run(
            pace: .init(poll: .milliseconds(50), fastPoll: .milliseconds(50)),
            change: { $0.address += " application_name=\(name)" }
        ) { nodes in
            let (one, two) = (nodes[0], nodes[1])
            for node in nodes { try await node.nodes.start(followed: { [] }) }
            let cluster = try PostgresCluster.shared.get()
            for _ in 0..<5 {
                let vine = try await one.bench.vine()
                try cluster.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '\(name)'")
                let other = try await one.bench.vine()
                await two.seen.wait(for: .vine(vine.id, isNew: true))
                await two.seen.wait(for: .vine(other.id, isNew: true))
            }
        }
    }

    // MARK: - Duties

    @Test func oneNodeHasADutyUntilItLeaves() async throws {
        try await run { nodes in
            let (one, two) = (nodes[0].nodes, nodes[1].nodes)
            let terms = await withTaskGroup(of: Int64?.self) { group in
                for node in [one, two, one, two] { group.addTask { try? await node.term(of: "sweep") } }
                return await group.reduce(into: [Int64?]()) { $0.append($1) }
            }
            #expect(terms.compactMap { $0 } == [1, 1])
            let (holder, other) = try await one.term(of: "sweep") == 1 ? (one, two) : (two, one)
            #expect(try await other.term(of: "sweep") == nil)
            #expect(try await other.term(of: "another") == 1, "duties are divided one by one")
            await holder.close()
            var term: Int64?
            while term == nil { term = try await other.term(of: "sweep") }
            #expect(term == 2)
        }
    }

    @Test func whatAFormerHolderWritesIsRefused() async throws {
        try await run { nodes in
            let (one, two) = (nodes[0], nodes[1])
            #expect(try await one.nodes.term(of: "sweep") == 1)
            let first = one.store.bound(to: DutyTerm(duty: "sweep", number: 1))
            try await first.deleteExpiredAccess(at: StoreFixture.at(0))
            // The first one stands still for as long as its term lasts.
            let cluster = try PostgresCluster.shared.get()
            let schema = try #require(PostgresSchemas.address(for: one.bench.folder).split(separator: "=").last)
            try cluster.execute("UPDATE \(schema).duties SET expires_at = now() - interval '1 second'")
            #expect(try await two.nodes.term(of: "sweep") == 2)
            let error = await #expect(throws: StorageError.self) {
                try await first.deleteExpiredAccess(at: StoreFixture.at(0))
            }
            #expect(error?.kind == .fenced)
            try await two.store.bound(to: DutyTerm(duty: "sweep", number: 2)).deleteExpiredAccess(
                at: StoreFixture.at(0))
            // Everything else of the first node still works.
            _ = try await one.bench.vine()
        }
    }

    // MARK: - Starting

    @Test func aNodeThatMustBeAloneAndNodesExcludeEachOther() async throws {
        try await TemporaryFolder.with { folder in
            let settings = PostgresSettings(address: try PostgresSchemas.address(for: folder))
            let vault = Vault(key: SymmetricKey(size: .bits256))
            func open(isAlone: Bool, node: String?) async throws -> PostgresStore {
                try await PostgresStore.open(settings, isAlone: isAlone, node: node, vault: vault) { _ in }
            }
            let ids = (0..<3).map { _ in UUID().uuidString }
            let alone = try await open(isAlone: true, node: nil)
            for (isAlone, id) in [(true, nil), (false, ids[0])] {
                let error = await #expect(throws: StorageError.self) { try await open(isAlone: isAlone, node: id) }
                #expect(error?.reason.contains("Another Trellis uses this database") == true)
            }
            try await alone.close()
            let first = try await open(isAlone: false, node: ids[0])
            let second = try await open(isAlone: false, node: ids[1])
            await #expect(throws: StorageError.self) { try await open(isAlone: true, node: nil) }
            // A node with another key is refused.
            let other = Vault(key: SymmetricKey(size: .bits256))
            let error = await #expect(throws: StorageError.self) {
                try await PostgresStore.open(settings, node: ids[2], vault: other) { _ in }
            }
            #expect(error?.kind == .key)
            #expect(error?.reason.contains("All nodes need the same one") == true)
            try await first.close()
            try await second.close()
        }
    }
}
