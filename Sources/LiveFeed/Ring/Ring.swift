internal import NIOCore

/// What a ring keeps: numbered without gaps, and never changed.
public protocol RingEntry: Sendable {
    var position: Int64 { get }
    /// About how many bytes it holds.
    var cost: Int { get }
}

/// What a reader finds after its place.
public enum RingReading<Entry: Sendable>: Sendable {
    /// The next entries, at least one.
    case entries([Entry])
    /// The ring no longer holds what comes next.
    case behind
    /// There is nothing newer.
    case atHead
}

/// The newest entries of a sequence, bounded by their cost. A reader's place in it is a number, so readers cost nothing.
struct Ring<Entry: RingEntry> {
    private var entries = CircularBuffer<Entry>()
    /// The cost of all entries.
    private(set) var cost = 0
    /// The position of the newest entry; where the ring is empty, of the one that comes before all it will hold.
    private(set) var head: Int64

    init(head: Int64) { self.head = head }

    /// The position before the oldest entry: whoever stands there has lost nothing.
    var tail: Int64 { head - Int64(entries.count) }

    /// Adds entries; those at or before ``head`` are here already and left out.
    /// - Precondition: they go on without a gap.
    mutating func append(_ new: some Sequence<Entry>) {
        for entry in new where entry.position > head {
            precondition(entry.position == head + 1, "a gap in what was read")
            entries.append(entry)
            cost += entry.cost
            head = entry.position
        }
    }

    /// Lets go of what stands at or before `position`, and of the oldest entries until the rest costs `bound` at most.
    mutating func trim(upTo position: Int64, bound: Int) {
        while let oldest = entries.first, oldest.position <= position || cost > bound {
            cost -= oldest.cost
            entries.removeFirst()
        }
    }

    /// The entries after `position`, as many as cost `bound` at most, but at least one.
    func read(after position: Int64, bound: Int) -> RingReading<Entry> {
        guard position < head else { return .atHead }
        guard position >= tail else { return .behind }
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
