internal import Domain
internal import Synchronization

/// A reader's cursor in a followed log. It costs one number. What the ring has dropped, it reads
/// from the store. Used by one at a time.
public final class LogReader: Sendable {
    /// The log's last `seq` when the cursor was placed.
    public let end: Int64

    private let id: UInt64
    private let feed: LogFeed
    private let hub: LogFeeds
    private let pages: PageReader
    private let isClosed = Mutex(false)

    init(id: UInt64, end: Int64, feed: LogFeed, hub: LogFeeds, pages: PageReader) {
        self.id = id
        self.end = end
        self.feed = feed
        self.hub = hub
        self.pages = pages
    }

    deinit { close() }

    /// The last `seq` that was read.
    public var position: Int64 { feed.ring.position(of: id) ?? end }

    /// What comes next, as far as the ring has it, in rows of about `bound` bytes; at once.
    ///
    /// After `.overrun` read ``page()``; after `.atHead` the reader is woken when there is more.
    public func next(bound: Int) -> RingReading<FeedRow> {
        feed.ring.read(id, bound: bound)
    }

    /// The next rows from the store, a page of them; empty at the log's end.
    /// - Throws: what the store throws; the reader stays where it is.
    public func page() async throws -> [FeedRow] {
        let rows = try await pages.page(of: feed.job, after: position)
        if let last = rows.last { feed.ring.move(id, to: last.position) }
        return rows
    }

    /// Removes the reader. The last one ends the feed.
    public func close() {
        let isFirst = isClosed.withLock { isClosed in
            defer { isClosed = true }
            return !isClosed
        }
        guard isFirst else { return }
        feed.ring.detach(id)
        hub.removeReader(of: feed.job)
    }
}
