public import Domain

/// What a follower reads: the store, seen narrowly.
public protocol FollowedLog: Sendable {
    /// The job as it stands; nil where there is none.
    func followedJob(_ id: JobID) async throws -> Job?
    /// The chunks with `seq` > `after`, in order, in pages bounded by `maxBytes`.
    func followedChunks(of id: JobID, after: Int64, maxBytes: Int) async throws -> [LogChunk]
}

/// A cursor over one job's stored log that goes on while the log grows.
///
/// It starts after any `seq`, reads what is stored page by page, then waits for the bell: backlog and live part are the
/// same reads, so there is no seam. It holds one page at a time, and no read transaction between two of them.
public struct LogFollower: Sendable {
    /// What came next.
    public enum Step: Sendable {
        /// The next chunks.
        case chunks([LogChunk])
        /// The job's fields have changed (or this is the first look at them).
        case job(Job)
        /// Nothing for a while; say so to whoever listens.
        case idle
        /// The log has ended, and everything of it has been delivered.
        case ended(Job)
        /// The server is going away, or the reader has gone.
        case closed
    }

    /// Bytes of text in a page.
    public static let pageBytes = 256 << 10

    private let log: any FollowedLog
    private let id: JobID
    private let listener: FeedBell.Listener
    private let heartbeat: Duration
    private var after: Int64
    private var seen: Job?

    /// - Parameters:
    ///   - after: the last `seq` the reader has; 0 for none.
    ///   - heartbeat: how long to wait before saying ``Step/idle``.
    public init(_ id: JobID, after: Int64, log: any FollowedLog, listener: FeedBell.Listener, heartbeat: Duration) {
        self.log = log
        self.id = id
        self.listener = listener
        self.heartbeat = heartbeat
        self.after = after
    }

    /// Waits for the next step. Chunks come before the job change that ended them.
    public mutating func next() async throws -> Step {
        while true {
            // The job first: chunks that were stored before its log was closed are then certain to be read below.
            guard let job = try await log.followedJob(id) else { return .closed }
            let chunks = try await log.followedChunks(of: id, after: after, maxBytes: Self.pageBytes)
            if let last = chunks.last {
                after = last.seq
                return .chunks(chunks)
            }
            if job != seen {
                seen = job
                return .job(job)
            }
            if job.state.log != .open, job.status.isTerminal { return .ended(job) }
            switch await listener.next(timeout: heartbeat) {
            case .rang: continue
            case .timedOut: return .idle
            case .closed: return .closed
            }
        }
    }
}
