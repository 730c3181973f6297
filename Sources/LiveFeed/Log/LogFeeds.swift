public import Domain
public import NIOCore
internal import Synchronization

/// All followed logs. A log has a feed as long as it has readers.
public final class LogFeeds: Sendable {
    private struct Followed {
        var feed: LogFeed
        var readers: Int
    }

    let source: any FeedSource
    private let limits: FeedLimits
    private let pages: PageReader
    private let followed = Mutex<[JobID: Followed]>([:])

    public init(source: any FeedSource, limits: FeedLimits = FeedLimits()) {
        self.source = source
        self.limits = limits
        pages = PageReader(source: source, limits: limits)
    }

    /// The log of `job` has grown up to `seq`. Call after each commit, in commit order; never blocks.
    public func committed(_ job: JobID, upTo seq: Int64) {
        followed.withLock { $0[job]?.feed }?.committed(upTo: seq)
    }

    /// Logs that are followed, and their readers.
    public var size: (logs: Int, readers: Int) {
        followed.withLock { ($0.count, $0.values.reduce(0) { $0 + $1.readers }) }
    }

    /// The followed logs.
    public var jobs: [JobID] { followed.withLock { Array($0.keys) } }

    /// Adds a reader. From then on it misses nothing.
    ///
    /// - Parameters:
    ///   - place: the last `seq` that the reader has, given the log's end; without it, the end.
    ///   - wake: called, on any thread, when rows arrive after a read that found none; must not block.
    /// - Throws: ``Refusal`` `.notFound` without the job; what the store throws.
    public func follow(
        _ job: JobID, from place: @Sendable (Int64) -> Int64 = { $0 }, wake: @escaping @Sendable () -> Void
    ) async throws -> LogReader {
        let feed = join(job)
        do {
            try await feed.open()
        } catch {
            removeReader(of: job)
            throw error
        }
        let end = feed.end
        let id = feed.ring.attach(after: place(end), wake: wake)
        // Fetch what was committed while there was no reader.
        feed.committed(upTo: end)
        return LogReader(id: id, end: end, feed: feed, hub: self, pages: pages)
    }

    /// The log's feed, with one more reader. It is notified of all commits from now on.
    private func join(_ job: JobID) -> LogFeed {
        followed.withLock { followed in
            var entry = followed[job] ?? Followed(feed: make(job), readers: 0)
            entry.readers += 1
            followed[job] = entry
            return entry.feed
        }
    }

    func removeReader(of job: JobID) {
        followed.withLock { followed in
            guard var entry = followed[job] else { return }
            entry.readers -= 1
            followed[job] = entry.readers > 0 ? entry : nil
        }
    }

    private func make(_ job: JobID) -> LogFeed {
        LogFeed(job, source: source, limits: limits) { [weak self] in self?.ringBound ?? 0 }
    }

    private var ringBound: Int { followed.withLock { limits.ringBound(among: $0.count) } }
}

/// What the feed reads: a narrow view of the store, with encoded rows.
public protocol FeedSource: Sendable {
    /// The job's last `seq`; 0 for an empty log. - Throws: ``Refusal`` `.notFound` without the job.
    func logEnd(of job: JobID) async throws -> Int64

    /// The log's rows with `seq` > `after`, in order and without gaps: as many as fit in `maxBytes` of text, at least
    /// one, if there is any.
    func logRows(of job: JobID, after: Int64, maxBytes: Int) async throws -> [FeedRow]

    /// The current row of any table but ``FeedTable/logs``, in JSON; nil for an unknown id.
    func record(of table: FeedTable, id: String) async throws -> ByteBuffer?

    /// ``record(of:id:)`` with those who may see it.
    func shared(_ table: FeedTable, id: String) async throws -> (record: ByteBuffer, audience: FeedAudience)?
}

extension FeedSource {
    public func shared(_ table: FeedTable, id: String) async throws -> (record: ByteBuffer, audience: FeedAudience)? {
        try await record(of: table, id: id).map { ($0, .everybody) }
    }
}
