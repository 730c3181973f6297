import Crypto
import Dispatch
import Domain
import Foundation
import Testing

@testable import Storage
@testable import StorageSQLite

/// Group commit, on a real database whose writer a test can block.
@Suite struct WriteBatcherTests {
    private struct Held: Sendable {
        let store: SQLiteStore
        let seen: RecordedChanges

        func hold() async -> Hold { await Hold(store.batcher) }
    }

    /// A writer blocked inside a commit.
    private struct Hold: Sendable {
        private let batcher: WriteBatcher
        private let gate = DispatchSemaphore(value: 0)
        private let commit: Task<Void, any Error>

        /// Returns when the writer stands.
        init(_ batcher: WriteBatcher) async {
            let (begun, report) = AsyncStream.makeStream(of: Void.self)
            self.batcher = batcher
            commit = Task { [gate] in
                try await batcher.write { _, _ in
                    report.finish()
                    gate.wait()
                }
            }
            for await _ in begun {}
        }

        /// Returns when `count` operations wait for the writer.
        func untilWaiting(_ count: Int) async { while batcher.waiting < count { await Task.yield() } }

        func release() async throws {
            gate.signal()
            try await commit.value
        }
    }

    private func run(_ body: (Held) async throws -> Void) async throws {
        try await TemporaryFolder.with { folder in
            let seen = RecordedChanges()
            let store = try await SQLiteStore.open(
                path: folder.appending(path: "v.sqlite").path, vault: Vault(key: SymmetricKey(size: .bits256))
            ) { seen.add($0) }
            try await body(Held(store: store, seen: seen))
            try await store.close()
        }
    }

    /// Adds a token and tells a change that the test can recognize.
    private func add(_ name: String, to store: SQLiteStore, then fault: (any Error)? = nil) async throws -> String {
        try await store.write { db, changes in
            try db.run("INSERT INTO api_tokens (hash, name, created_at) VALUES (?, ?, 0)", Data(name.utf8), name)
            changes.append(Self.change(name))
            if let fault { throw fault }
            return name
        }
    }

    private static func change(_ name: String) -> StoreChange {
        .vine(Identifier(randomBytes: Array(SHA256.hash(data: Data(name.utf8)).prefix(16))))
    }

    private func stored(_ store: SQLiteStore) async throws -> Set<String> {
        Set(try await store.read { db in try db.rows("SELECT name FROM api_tokens") { try $0.text("name") } })
    }

    @Test func commitsWaitingOperationsTogether() async throws {
        try await run { held in
            let names = (0..<40).map { "t\($0)" }
            let hold = await held.hold()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for name in names { group.addTask { _ = try await add(name, to: held.store) } }
                await hold.untilWaiting(40)
                try await hold.release()
                try await group.waitForAll()
            }
            let calls = held.seen.take()
            #expect(calls.count == 1)
            #expect(Set(calls.joined()) == Set(names.map(Self.change)))
            #expect(try await stored(held.store) == Set(names))
        }
    }

    /// What waits is bounded: beyond that a write is refused at once, and the store works on.
    @Test func moreThanTheLimitIsRefusedAndLosesNothing() async throws {
        try await run { held in
            let limits = WriteBatcher.WaitingLimits(writes: 3, cost: 1000)
            let batcher = WriteBatcher(pool: held.store.pool, limits: limits) { _ in }
            let hold = await Hold(batcher)
            let waiting = (0..<2).map { number in
                Task { try await batcher.write(cost: 400) { _, _ in number } }
            }
            await hold.untilWaiting(2)
            // The bytes first, then the number.
            for (cost, isRefused) in [(400, true), (0, false), (0, true)] {
                let task = Task { try await batcher.write(cost: cost) { _, _ in 9 } }
                guard isRefused else {
                    await hold.untilWaiting(3)
                    continue
                }
                let error = await #expect(throws: StorageError.self) { try await task.value }
                #expect(error?.kind == .unavailable)
            }
            try await hold.release()
            for (number, task) in waiting.enumerated() { #expect(try await task.value == number) }
            #expect(try await batcher.write(cost: 999) { _, _ in 7 } == 7)
            await batcher.close()
        }
    }

    /// An append that is committed between the comparison of a log and its closing counts.
    @Test func aLogIsNotCompleteIfAnAppendCameBetween() async throws {
        try await StoreEngine.sqlite.run { bench in
            let store = try #require(bench.store as? SQLiteStore)
            let job = try await bench.ended()
            try await bench.append(1, [.stdout("a\n")], to: job)
            let captured = try await store.logDigest(of: job.id, epoch: 1)
            let hold = await Hold(store.batcher)
            let append = Task { try await bench.append(2, [.stdout("b\n")], to: job) }
            await hold.untilWaiting(1)
            let close = Task {
                try await store.change(
                    job.id, [], facts: JobFields(closing: LogClosing(epoch: 1, .captured(captured))),
                    at: StoreFixture.at(8))
            }
            await hold.untilWaiting(2)
            try await hold.release()
            _ = try await append.value
            #expect(try await close.value.job.state.log.name == "INCOMPLETE")
        }
    }

    @Test func refusalRollsBackOnlyItself() async throws {
        try await run { held in
            let hold = await held.hold()
            async let a = add("a", to: held.store)
            async let b = Result { try await add("b", to: held.store, then: Refusal(.conflict, "no")) }
            async let c = add("c", to: held.store)
            await hold.untilWaiting(3)
            try await hold.release()
            #expect(try await [a, c] == ["a", "c"])
            let refused = await b
            #expect(throws: Refusal(.conflict, "no")) { try refused.get() }
            #expect(try await stored(held.store) == ["a", "c"])
            #expect(Set(held.seen.take().joined()) == [Self.change("a"), Self.change("c")])
        }
    }

    @Test func aRefusalAloneTakesBackItsWork() async throws {
        try await run { held in
            await expectRefusal(.locked) { _ = try await add("a", to: held.store, then: Refusal(.locked, "no")) }
            let left = try await stored(held.store)
            #expect(left.isEmpty)
            #expect(held.seen.take().isEmpty)
            #expect(try await add("b", to: held.store) == "b")
        }
    }

    /// A failed commit fails all its operations and notifies no observer.
    @Test func aFailedCommitFailsItsWholeBatch() async throws {
        try await run { held in
            let hold = await held.hold()
            async let a = Result { try await add("a", to: held.store) }
            async let b = Result {
                try await held.store.write { db, _ in
                    // Checked at the commit only.
                    try db.run("PRAGMA defer_foreign_keys = ON")
                    try db.run("INSERT INTO worker_engines VALUES ('nobody', 0, 'tofu', '1', 'x')")
                    return "b"
                }
            }
            async let c = Result { try await add("c", to: held.store) }
            await hold.untilWaiting(3)
            try await hold.release()
            for result in [await a, await b, await c] {
                #expect(throws: StorageError.self) { try result.get() }
            }
            #expect(held.seen.take().isEmpty)
            #expect(try await stored(held.store).isEmpty)
            #expect(try await add("d", to: held.store) == "d")
            #expect(held.seen.take() == [[Self.change("d")]])
        }
    }

    /// A full disk makes SQLite drop the transaction by itself, in the middle of a batch.
    @Test func reportsFullDiskAndRecovers() async throws {
        try await run { held in
            let pages = try await held.store.read { db in try db.row("PRAGMA page_count")?.integer("page_count") ?? 0 }
            try await held.store.write { db, _ in
                _ = try db.row("PRAGMA max_page_count = \(pages + 1)")
            }
            let big = Data(repeating: 1, count: 1 << 20)
            let hold = await held.hold()
            async let a = Result { try await add("a", to: held.store) }
            async let b = Result {
                try await held.store.write { db, _ in
                    try db.run("INSERT INTO sessions (hash, user_name, expires_at) VALUES (?, 'x', 0)", big)
                    return "b"
                }
            }
            await hold.untilWaiting(2)
            try await hold.release()
            let (small, large) = (await a, await b)
            let error = #expect(throws: StorageError.self) { try large.get() }
            #expect(error?.kind == .full)
            // Whether SQLite keeps the rest of the batch is its choice; that the answer is true is ours.
            let isStored = try await stored(held.store).contains("a")
            #expect(isStored == ((try? small.get()) != nil))
            try await held.store.write { db, _ in _ = try db.row("PRAGMA max_page_count = 1000000") }
            try await held.store.write { db, _ in
                try db.run("INSERT INTO sessions (hash, user_name, expires_at) VALUES (?, 'x', 0)", big)
            }
        }
    }

    @Test func cancellationDoesNotUndoWrite() async throws {
        try await run { held in
            let hold = await held.hold()
            let task = Task { try await add("a", to: held.store) }
            await hold.untilWaiting(1)
            task.cancel()
            try await hold.release()
            #expect(try await task.value == "a")
            #expect(try await stored(held.store) == ["a"])
            let late = Task {
                while !Task.isCancelled { await Task.yield() }
                return try await add("b", to: held.store)
            }
            late.cancel()
            #expect(try await late.value == "b")
        }
    }

    @Test func batchesAreBounded() async throws {
        try await run { held in
            let seen = RecordedChanges()
            let batcher = WriteBatcher(
                pool: held.store.pool, bounds: WriteBatcher.Bounds(operations: 3, cost: 100)
            ) { seen.add($0) }
            func change(_ cost: Int) -> StoreChange { .log(StoreFixture.newID(), seq: Int64(cost)) }
            let hold = await Hold(batcher)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (position, cost) in [0, 0, 0, 0, 60, 50, 200, 10].enumerated() {
                    let change = change(cost)
                    group.addTask { try await batcher.write(cost: cost) { _, changes in changes.append(change) } }
                    await hold.untilWaiting(position + 1)
                }
                try await hold.release()
                try await group.waitForAll()
            }
            let batches = seen.take()
            #expect(batches.joined().count == 8)
            #expect(batches.allSatisfy { $0.count <= 3 })
            #expect(batches.count == 5)
            let costs = batches.map { batch in
                batch.map { change -> Int64 in if case .log(_, let cost) = change { cost } else { 0 } }
            }
            #expect(costs.allSatisfy { $0.count == 1 || $0.reduce(0, +) <= 100 }, "\(costs)")
        }
    }
}

extension Result where Failure == any Error {
    /// What `body` returns or throws.
    init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
