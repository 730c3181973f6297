import Testing

@testable import LiveFeed

private struct Entry: RingEntry, Equatable {
    var position: Int64
    var cost = 10
}

extension RingReading where Entry: RingEntry {
    fileprivate var positions: [Int64]? {
        guard case .entries(let entries) = self else { return nil }
        return entries.map(\.position)
    }

    fileprivate var isOverrun: Bool { if case .overrun = self { true } else { false } }
    fileprivate var isAtHead: Bool { if case .atHead = self { true } else { false } }
}

@Suite struct RingTests {
    private func ring(_ positions: ClosedRange<Int64>, bound: Int = 1000) throws -> Ring<Entry> {
        var ring = Ring<Entry>(head: positions.lowerBound - 1)
        try ring.append(positions.map { Entry(position: $0) })
        ring.trim(upTo: 0, bound: bound)
        return ring
    }

    @Test func readsFromAnyPlaceInIt() throws {
        let ring = try ring(5...9)
        #expect(ring.read(after: 4, bound: 1000).positions == [5, 6, 7, 8, 9])
        #expect(ring.read(after: 7, bound: 1000).positions == [8, 9])
        #expect(ring.read(after: 9, bound: 1000).isAtHead)
        #expect(ring.read(after: 3, bound: 1000).isOverrun)
        #expect(ring.read(after: 50, bound: 1000).isAtHead)
    }

    @Test func readsAtLeastOneAndNoMoreThanTheBound() throws {
        let ring = try ring(1...9)
        #expect(ring.read(after: 0, bound: 1).positions == [1])
        #expect(ring.read(after: 0, bound: 29).positions == [1, 2])
        #expect(ring.read(after: 0, bound: 30).positions == [1, 2, 3])
    }

    @Test func keepsNewestWithinLimit() throws {
        let ring = try ring(1...9, bound: 30)
        #expect(ring.tail == 6)
        #expect(ring.cost == 30)
        #expect(ring.read(after: 6, bound: 1000).positions == [7, 8, 9])
        #expect(ring.read(after: 5, bound: 1000).isOverrun)
    }

    @Test func anEntryLargerThanTheBoundIsNotKeptAndItsReadersAreBehind() throws {
        var ring = Ring<Entry>(head: 0)
        try ring.append([Entry(position: 1, cost: 5000)])
        ring.trim(upTo: 0, bound: 1000)
        #expect(ring.cost == 0)
        #expect(ring.head == 1)
        #expect(ring.read(after: 0, bound: 1000).isOverrun)
        #expect(ring.read(after: 1, bound: 1000).isAtHead)
    }

    @Test func ignoresKnownEntries() throws {
        var ring = try ring(1...3)
        try ring.append((2...5).map { Entry(position: $0) })
        #expect(ring.read(after: 0, bound: 1000).positions == [1, 2, 3, 4, 5])
    }

    /// Stored data can be damaged: that must not end the process.
    @Test func aGapIsAnErrorAndWhatCameBeforeStays() throws {
        var ring = try ring(1...3)
        #expect(throws: SequenceGap(expected: 5, found: 6)) {
            try ring.append([4, 6, 7].map { Entry(position: $0) })
        }
        #expect(ring.read(after: 0, bound: 1000).positions == [1, 2, 3, 4])
    }
}

@Suite struct SharedRingTests {
    @Test func dropsEntriesThatAllReadersPassed() {
        let ring = SharedRing<Entry>(head: 0)
        let fast = ring.attach(after: nil) {}
        let slow = ring.attach(after: nil) {}
        ring.append((1...5).map { Entry(position: $0) }, bound: 1000)
        #expect(ring.cost == 50)
        _ = ring.read(fast, bound: 1000)
        ring.append([Entry(position: 6)], bound: 1000)
        #expect(ring.cost == 60)
        _ = ring.read(slow, bound: 1000)
        ring.append([Entry(position: 7)], bound: 1000)
        #expect(ring.cost == 20)  // the fast one still wants 6
    }

    @Test func boundsCostOfStalledReader() {
        let ring = SharedRing<Entry>(head: 0)
        let stuck = ring.attach(after: nil) {}
        let reader = ring.attach(after: nil) {}
        for position in 1...1000 {
            ring.append([Entry(position: Int64(position))], bound: 100)
            #expect(ring.read(reader, bound: 1000).positions == [Int64(position)])
            #expect(ring.cost <= 100)
        }
        #expect(ring.read(stuck, bound: 1000).isOverrun)
        #expect(ring.position(of: stuck) == 0)
        ring.append([Entry(position: 1001)], bound: 100)
        #expect(ring.cost == 10)  // nothing is kept for one that is lost anyway
    }

    @Test func wakesOnlyWaitingReadersOnce() {
        let ring = SharedRing<Entry>(head: 0)
        let woken = Counter()
        let reader = ring.attach(after: nil) { woken.add() }
        ring.append([Entry(position: 1)], bound: 1000)
        #expect(woken.count == 0)
        _ = ring.read(reader, bound: 1000)
        #expect(ring.read(reader, bound: 1000).isAtHead)
        ring.append([Entry(position: 2)], bound: 1000)
        ring.append([Entry(position: 3)], bound: 1000)
        #expect(woken.count == 1)
        ring.detach(reader)
        ring.append([Entry(position: 4)], bound: 1000)
        #expect(woken.count == 1)
        #expect(ring.read(reader, bound: 1000).isAtHead)
    }
}
