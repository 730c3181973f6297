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
