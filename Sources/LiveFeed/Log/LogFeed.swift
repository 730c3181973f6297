internal import Domain
internal import Synchronization

/// One followed log: its ring, filled from the store once for all its readers.
///
/// After each commit, the feed reads the new rows from the store, so readers get exactly the stored rows, in order.
final class LogFeed: Sendable {
    private struct Filling {
        /// The newest `seq` that was committed, as far as known.
        var known: Int64 = 0
        /// True once the ring has its beginning.
        var isOpen = false
        var isRunning = false
        /// A commit that is not in the ring, and when it was announced.
        var waiting: (seq: Int64, since: ContinuousClock.Instant)?
    }

    let job: JobID
    let ring: SharedRing<FeedRow>
    private let source: any FeedSource
    private let limits: FeedLimits
    private let bound: @Sendable () -> Int
    private let filling = Mutex(Filling())

    /// - Parameter bound: the ring's current size limit.
    init(_ job: JobID, source: any FeedSource, limits: FeedLimits, bound: @escaping @Sendable () -> Int) {
        self.job = job
        self.source = source
        self.limits = limits
        self.bound = bound
        ring = SharedRing(head: 0)
    }

    /// Starts the ring at the end of the log. Does nothing if already open.
    /// - Throws: what the source throws.
    func open() async throws {
        guard !filling.withLock(\.isOpen) else { return }
        let end = try await source.logEnd(of: job)
        filling.withLock { filling in
            if !filling.isOpen { ring.reset(head: end) }
            if let waiting = filling.waiting, waiting.seq <= end { filling.waiting = nil }
            filling.isOpen = true
        }
    }

    /// The newest `seq` that is known of.
    var end: Int64 { max(ring.head, filling.withLock(\.known)) }

    /// Rows up to `seq` are committed. Returns at once.
    func committed(upTo seq: Int64) {
        let starts = filling.withLock { filling in
            if seq > ring.head, filling.waiting == nil { filling.waiting = (seq, .now) }
            filling.known = max(filling.known, seq)
            guard filling.isOpen, !filling.isRunning, filling.known > ring.head, !ring.isBroken else { return false }
            filling.isRunning = true
            return true
        }
        if starts { Task { await fill() } }
    }

    private func fill() async {
        while let after = next() {
            do {
                let rows = try await source.logRows(of: job, after: after, maxBytes: limits.pageBytes)
                ring.append(rows, bound: bound())
                if let moment = delivered() { FeedLag.record(since: moment) }
                if rows.isEmpty { forget(after) }
            } catch {
                // The store is unavailable; readers wait and lose nothing.
                try? await Task.sleep(for: Self.retry)
            }
            // Pause, so that rows that arrive meanwhile are delivered together.
            if ring.head >= filling.withLock(\.known) { try? await Task.sleep(for: limits.pause(for: ring.readers)) }
        }
    }

    /// When the waiting commit was announced, if the ring has it now. The next one waits at least from now on.
    private func delivered() -> ContinuousClock.Instant? {
        filling.withLock { filling in
            guard let waiting = filling.waiting, ring.head >= waiting.seq else { return nil }
            filling.waiting = filling.known > ring.head ? (filling.known, .now) : nil
            return waiting.since
        }
    }

    private static let retry = Duration.milliseconds(250)

    /// Where to continue reading; nil, and filling has ended, if there are no new rows or no readers.
    private func next() -> Int64? {
        filling.withLock { filling in
            let head = ring.head
            guard head < filling.known, ring.readers > 0, !ring.isBroken else {
                filling.isRunning = false
                return nil
            }
            return head
        }
    }

    /// The store has no rows after `head`.
    private func forget(_ head: Int64) {
        filling.withLock { $0.known = min($0.known, head) }
    }
}
