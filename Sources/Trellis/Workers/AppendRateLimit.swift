internal import Domain
internal import Synchronization

/// The rate limit of one job's log.
public struct AppendRate: Sendable {
    /// Chunks at once, and a second after that. An append has 4096 at most; each is a row.
    public var burst: Int
    public var perSecond: Int

    public init(burst: Int = 40_960, perSecond: Int = 10_000) {
        self.burst = burst
        self.perSecond = perSecond
    }
}

/// Keeps one job from monopolizing the database: one append at a time, and a limited number of chunks per
/// second. Refused appends are retried, so nothing is lost.
final class AppendRateLimit: Sendable {
    /// A Tendril that writes a job's log.
    struct Writer: Hashable {
        var job: JobID
        var worker: TendrilID
    }

    private struct State {
        var buckets: [Writer: TokenBucket] = [:]
        var underWay: Set<Writer> = []
    }

    private let rate: AppendRate
    private let state = Mutex(State())

    init(rate: AppendRate) { self.rate = rate }

    /// Runs `body` unless an append of the job is under way.
    func one<Result>(of writer: Writer, _ body: () async throws -> Result) async throws -> Result {
        guard state.withLock({ $0.underWay.insert(writer).inserted }) else {
            throw Refusal(.tooMany, "Another append of this job is under way; one at a time.")
        }
        defer { state.withLock { _ = $0.underWay.remove(writer) } }
        return try await body()
    }

    /// - Throws: ``Refusal`` `.tooMany` where `chunks` more are too many now.
    func check(_ chunks: Int, of writer: Writer, at now: Timestamp) throws {
        let isFine = state.withLock { state in
            // Drop full buckets, so the map does not grow forever.
            if state.buckets.count > 1000 { state.buckets = state.buckets.filter { !$0.value.isFull(at: now) } }
            var bucket = state.buckets[writer] ?? TokenBucket(capacity: rate.burst, perSecond: rate.perSecond, at: now)
            defer { state.buckets[writer] = bucket }
            return bucket.take(chunks, at: now)
        }
        guard isFine else {
            throw Refusal(
                .tooMany,
                "The job's log grows faster than \(rate.perSecond) chunks a second; send it again in a moment.")
        }
    }
}
