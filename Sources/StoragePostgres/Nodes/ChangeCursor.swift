internal import Storage

/// A node's place in `store_changes`.
///
/// Transactions become visible in another order than the one in which they began. So a node reads again from the oldest
/// transaction that was still running at its last reading, and leaves out what it has seen.
struct ChangeCursor: Sendable {
    struct Row: Sendable {
        var position: Int64
        var node: String
        var changes: String
    }

    /// Longer without a reading, and everything counts as changed: rows are kept for ten minutes only.
    static let longestBreak = Duration.seconds(60)

    private let node: String
    /// Rows of transactions from this one on are to be read; nil before the first reading.
    private(set) var next: Int64?
    private var seen: Set<Int64> = []
    private var lastRead: ContinuousClock.Instant?

    init(node: String) { self.node = node }

    /// Whether rows are worth reading at `now`.
    func isFresh(at now: ContinuousClock.Instant) -> Bool {
        guard let lastRead else { return false }
        return now - lastRead <= Self.longestBreak
    }

    /// Takes what a reading brought.
    ///
    /// - Parameters:
    ///   - rows: all rows of transactions from ``next`` on, in the order of their positions.
    ///   - horizon: the oldest transaction that was running then.
    ///   - started: when the reading began.
    /// - Returns: what other nodes changed since the last reading.
    mutating func take(_ rows: [Row], horizon: Int64, at started: ContinuousClock.Instant) -> [StoreChange] {
        let isComplete = next.map { horizon >= $0 } ?? true
        let isFirst = next == nil
        let wasFresh = isFresh(at: started)
        lastRead = started
        next = horizon
        // A server that was promoted without the last transactions of the one before counts from an earlier one.
        guard isComplete, isFirst || wasFresh else {
            seen = []
            return [.everything]
        }
        guard !isFirst else { return [] }
        let new = rows.filter { !seen.contains($0.position) }
        seen = Set(rows.map(\.position))
        return new.filter { $0.node != node }.flatMap { ChangeText.decode($0.changes) }
    }
}
