import Domain
import NIOCore
import Synchronization
import Testing

@testable import LiveFeed

@Suite struct LogFeedsTests {
    /// A row is gone from the store: readers get what comes before it, then an error; the server stays up.
    @Test func aGapInAStoredLogIsAnErrorOfThatLog() async throws {
        let source = MemorySource()
        let hub = LogFeeds(source: source)
        let wakeup = Wakeup()
        let reader = try await hub.follow(source.id) { wakeup.notify() }
        guard case .atHead = reader.next(bound: 1 << 20) else { Issue.record("the log is not empty"); return }
        source.append(4)
        source.state.withLock { _ = $0.rows.remove(at: 2) }
        hub.committed(source.id, upTo: 4)
        #expect(await wakeup.next(timeout: .seconds(30)) == .notified)
        guard case .entries(let rows) = reader.next(bound: 1 << 20) else { Issue.record("no rows"); return }
        #expect(rows.map(\.position) == [1, 2])
        guard case .overrun = reader.next(bound: 1 << 20) else { Issue.record("the gap is not seen"); return }
        await #expect(throws: SequenceGap(expected: 3, found: 4)) { try await reader.page() }
        // The same for a reader that starts before the gap later.
        let late = try await hub.follow(source.id, from: { _ in 0 }, wake: {})
        guard case .entries(let old) = late.next(bound: 1 << 20) else { Issue.record("no rows"); return }
        #expect(old.map(\.position) == [1, 2])
        guard case .overrun = late.next(bound: 1 << 20) else { Issue.record("the gap is not seen"); return }
        await #expect(throws: SequenceGap(expected: 3, found: 4)) { try await late.page() }
    }

    /// A row's cost covers everything that it keeps once it was read, filtered and framed.
    @Test func theCostOfARowCountsItsColumns() {
        for bytes in [10, 10_000] {
            let row = MemorySource.row(1, bytes: bytes)
            let frame = row.frame(.event)
            let columns = row.columns.reduce(0) { sum, column in
                sum + column.key.utf8.count + (column.value.stringValue?.utf8.count ?? 8)
            }
            #expect(columns > bytes)
            #expect(row.cost >= row.record.readableBytes + frame.readableBytes + columns + 2048)
        }
    }

    @Test func deliversEachRowOnceInOrder() async throws {
        let source = MemorySource()
        let hub = LogFeeds(source: source)
        source.append(500)
        try await withThrowingTaskGroup { group in
            for reader in 0..<40 {
                group.addTask {
                    let wakeup = Wakeup()
                    let after = Int64(reader * 10)
                    let cursor = try await hub.follow(source.id, from: { _ in after }, wake: { wakeup.notify() })
                    // Some read little at a time, and fall out of the ring.
                    let seen = try await read(cursor, until: 3000, wakeup: wakeup, bound: reader % 3 == 0 ? 1 : 1 << 16)
                    #expect(seen == Array(after + 1...3000))
                    cursor.close()
                }
            }
            group.addTask {
                for _ in 0..<2500 {
                    source.append(bytes: 3000, telling: hub)
                    await Task.yield()
                }
            }
            try await group.waitForAll()
        }
        #expect(hub.size == (0, 0))
    }

    @Test func startsAtTheEndByDefault() async throws {
        let source = MemorySource()
        let hub = LogFeeds(source: source)
        source.append(5)
        let wakeup = Wakeup()
        let reader = try await hub.follow(source.id) { wakeup.notify() }
        #expect(reader.end == 5)
        source.append(2, telling: hub)
        #expect(try await read(reader, until: 7, wakeup: wakeup) == [6, 7])
    }

    @Test func waitsForPositionBeyondTheEnd() async throws {
        let source = MemorySource()
        let hub = LogFeeds(source: source)
        source.append(2)
        let wakeup = Wakeup()
        let reader = try await hub.follow(source.id, from: { _ in 4 }, wake: { wakeup.notify() })
        source.append(4, telling: hub)
        #expect(try await read(reader, until: 6, wakeup: wakeup) == [5, 6])
    }

    @Test func theRowsOfACommitAreReadOnceForAllReaders() async throws {
        let source = MemorySource()
        let hub = LogFeeds(source: source)
        var readers: [(LogReader, Wakeup)] = []
        for _ in 0..<100 {
            let wakeup = Wakeup()
            readers.append((try await hub.follow(source.id) { wakeup.notify() }, wakeup))
        }
        #expect(source.state.withLock(\.ends) == 1)
        for commit in 1...10 {
            source.append(telling: hub)
            for (reader, wakeup) in readers {
                #expect(try await read(reader, until: Int64(commit), wakeup: wakeup) == [Int64(commit)])
            }
        }
        #expect(source.state.withLock { $0.reads.count } <= 10)
    }

    @Test func readersThatAreBehindShareTheirPages() async throws {
        let source = MemorySource()
        let hub = LogFeeds(source: source, limits: FeedLimits(pageBytes: 10_000))
        source.append(1000, bytes: 100)
        try await withThrowingTaskGroup { group in
            for _ in 0..<50 {
                group.addTask {
                    let wakeup = Wakeup()
                    let reader = try await hub.follow(source.id, from: { _ in 0 }, wake: { wakeup.notify() })
                    #expect(try await read(reader, until: 1000, wakeup: wakeup) == Array(1...1000))
                }
            }
            try await group.waitForAll()
        }
        let reads = source.state.withLock(\.reads)
        #expect(reads.count <= Set(reads).count * 2, "\(reads.count) reads of \(Set(reads).count) pages")
    }

    @Test func survivesStoreOutage() async throws {
        let source = MemorySource()
        let hub = LogFeeds(source: source)
        let wakeup = Wakeup()
        let reader = try await hub.follow(source.id) { wakeup.notify() }
        source.state.withLock { $0.failures = 2 }
        source.append(3, telling: hub)
        #expect(try await read(reader, until: 3, wakeup: wakeup) == [1, 2, 3])
    }

    @Test func reportsMissingJob() async throws {
        let source = MemorySource()
        let hub = LogFeeds(source: source)
        await #expect(throws: Refusal.self) {
            _ = try await hub.follow(JobID(randomBytes: [UInt8](repeating: 9, count: 16))) {}
        }
        #expect(hub.size == (0, 0))
    }

    @Test func wakesManyReadersLessOften() {
        let limits = FeedLimits()
        #expect(limits.pause(for: 1) == .milliseconds(5))
        #expect(limits.pause(for: 200) == .milliseconds(5))
        #expect(limits.pause(for: 1000) == .milliseconds(25))
        #expect(limits.ringBound(among: 1) == 1 << 20)
        #expect(limits.ringBound(among: 64) == 1 << 20)
        #expect(limits.ringBound(among: 128) == 512 << 10)
    }
}

@Suite struct TableFeedTests {
    @Test func deliversCurrentRow() async throws {
        let source = MemorySource()
        let hub = TableFeed(source: source, now: { Timestamp(milliseconds: 1) })
        let wakeup = Wakeup()
        let reader = hub.follow { wakeup.notify() }
        source.state.withLock { $0.records["a"] = #"{"id":"a","status":"QUEUED"}"# }
        hub.changed(.jobs, id: "a", .insert)
        let row = try #require(try await next(reader, wakeup))
        #expect(row.event == .insert)
        #expect(row.columns["status"] == "QUEUED")
        source.state.withLock { $0.records["a"] = #"{"id":"a","status":"CLAIMED"}"# }
        hub.changed(.jobs, id: "a", .update)
        #expect(try await next(reader, wakeup)?.columns["status"] == "CLAIMED")
    }

    @Test func withoutReadersNothingIsRead() async throws {
        let source = MemorySource()
        let hub = TableFeed(source: source, now: { Timestamp(milliseconds: 1) })
        source.state.withLock { $0.failures = 1 }
        hub.changed(.jobs, id: "a", .insert)
        let wakeup = Wakeup()
        let reader = hub.follow { wakeup.notify() }
        guard case .atHead = reader.next(bound: 1) else { Issue.record("a row from before"); return }
        #expect(source.state.withLock(\.failures) == 1)
    }

    @Test func notifiesOverrunReader() async throws {
        let source = MemorySource()
        let hub = TableFeed(source: source, limits: FeedLimits(ringBytes: 8000), now: { Timestamp(milliseconds: 1) })
        let stuck = hub.follow {}
        let wakeup = Wakeup()
        let reader = hub.follow { wakeup.notify() }
        for number in 0..<10 {
            source.state.withLock { $0.records["\(number)"] = #"{"id":"\#(number)"}"# }
            hub.changed(.workers, id: "\(number)", .update)
            _ = try await next(reader, wakeup)
        }
        guard case .overrun = stuck.next(bound: 1) else { Issue.record("it was kept"); return }
    }

    private func next(_ reader: RowReader, _ wakeup: Wakeup) async throws -> FeedRow? {
        while true {
            switch reader.next(bound: 1) {
            case .entries(let rows): return rows.first
            case .overrun: return nil
            case .atHead: _ = await wakeup.next(timeout: .seconds(30))
            }
        }
    }
}
