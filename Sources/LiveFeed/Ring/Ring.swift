internal import NIOCore

/// What a ring keeps: numbered without gaps, and never changed.
public protocol RingEntry: Sendable {
    var position: Int64 { get }
    /// About how many bytes it holds.
    var cost: Int { get }
}

/// An entry is missing in a sequence that must have no gaps.
public struct SequenceGap: Error, Hashable, Sendable, CustomStringConvertible {
    public var expected: Int64
    public var found: Int64

    public var description: String { "entry \(expected) is missing before \(found)" }
}

/// What a reader finds after its place.
public enum RingReading<Entry: Sendable>: Sendable {
    /// The next entries, at least one.
    case entries([Entry])
    /// The next entry was dropped from the ring.
    case overrun
    /// There is nothing newer.
    case atHead
}

/// The newest entries of a sequence, bounded by their cost. A reader is just a position, so readers are free.
struct Ring<Entry: RingEntry> {
    private var entries = CircularBuffer<Entry>()
    /// The cost of all entries.
    private(set) var cost = 0
    /// The position of the newest entry; in an empty ring, the position before its first entry.
    private(set) var head: Int64

    init(head: Int64) { self.head = head }

    /// The position before the oldest entry: a reader there has lost nothing.
    var tail: Int64 { head - Int64(entries.count) }

    /// Adds entries; entries at or before ``head`` are skipped.
    /// - Throws: at the first gap; the entries before it are added.
    mutating func append(_ new: some Sequence<Entry>) throws(SequenceGap) {
        for entry in new where entry.position > head {
            guard entry.position == head + 1 else {
                throw SequenceGap(expected: head + 1, found: entry.position)
            }
            entries.append(entry)
            cost += entry.cost
            head = entry.position
        }
    }

    /// Drops entries up to `position`, then the oldest until the rest costs at most `bound`.
    mutating func trim(upTo position: Int64, bound: Int) {
        while let oldest = entries.first, oldest.position <= position || cost > bound {
            cost -= oldest.cost
            entries.removeFirst()
        }
    }

    /// The entries after `position`, as many as cost `bound` at most, but at least one.
    func read(after position: Int64, bound: Int) -> RingReading<Entry> {
        guard position < head else { return .atHead }
        guard position >= tail else { return .overrun }
        var found: [Entry] = []
        var cost = 0
        for entry in entries.dropFirst(Int(position - tail)) {
            cost += entry.cost
            if cost > bound, !found.isEmpty { break }
            found.append(entry)
        }
        return .entries(found)
    }
}

/// The limits of the feed.
public struct FeedLimits: Sendable {
    /// Bytes of one followed log's ring; also of the ring of row changes.
    public var ringBytes: Int
    /// Bytes of all rings of logs together: with many of them each one gets less than ``ringBytes``.
    public var totalRingBytes: Int
    /// Bytes of text in a page that is read from the store.
    public var pageBytes: Int
    /// Pages that are read at the same time.
    public var pageReads: Int
    /// Cached pages.
    public var cachedPages: Int
    /// The shortest time between two wake-ups of a log's readers.
    public var pace: Duration
    /// Readers per additional millisecond.
    public var readersPerMillisecond: Int

    public init(
        ringBytes: Int = 1 << 20, totalRingBytes: Int = 64 << 20, pageBytes: Int = 256 << 10, pageReads: Int = 4,
        cachedPages: Int = 16, pace: Duration = .milliseconds(5), readersPerMillisecond: Int = 40
    ) {
        self.ringBytes = ringBytes
        self.totalRingBytes = totalRingBytes
        self.pageBytes = pageBytes
        self.pageReads = pageReads
        self.cachedPages = cachedPages
        self.pace = pace
        self.readersPerMillisecond = readersPerMillisecond
    }

    /// The time between two wake-ups of `readers`: each wake-up costs every one of them a write, so many readers are
    /// woken less often, and find more.
    func pause(for readers: Int) -> Duration {
        max(pace, .milliseconds(readers / readersPerMillisecond))
    }

    /// The bound of one ring among `rings`.
    func ringBound(among rings: Int) -> Int {
        min(ringBytes, totalRingBytes / max(1, rings))
    }
}
