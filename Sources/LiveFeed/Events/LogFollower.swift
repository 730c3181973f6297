public import Domain
public import NIOCore

/// Job data for a follower.
public protocol FollowedJob: Sendable {
    /// The current job; nil if there is none.
    func followedJob(_ id: JobID) async throws -> Job?
}

/// Follows one job and its log, from any `seq` to the log's end: for one reader that waits for what comes next.
///
/// Backlog and live part come from the same cursor, so there is no seam. It holds one page at a time.
public struct LogFollower: Sendable {
    /// What came next.
    public enum Step: Sendable {
        /// The next rows of the log.
        case rows([FeedRow])
        /// The job's fields have changed (or this is the first look at them).
        case job(Job)
        /// Nothing for a while; send a heartbeat.
        case idle
        /// The log has ended, and everything of it has been delivered.
        case ended(Job)
        /// The server is shutting down, or the reader left.
        case closed
    }

    /// Bytes of rows in a step, about.
    private static let stepBytes = 256 << 10

    private let id: JobID
    private let jobs: any FollowedJob
    private let source: any FeedSource
    private let listener: FeedNotifier.Listener
    private let reader: LogReader
    private let heartbeat: Duration
    private var seen: Job?
    /// A job change to deliver after the rows before it.
    private var news: Job?

    /// - Parameters:
    ///   - after: the last `seq` the reader has; 0 for none.
    ///   - heartbeat: how long to wait before saying ``Step/idle``.
    /// - Throws: ``Refusal`` `.notFound` without the job; what the store throws.
    public init(
        _ id: JobID, after: Int64, in hub: LogFeeds, jobs: any FollowedJob, bell: FeedNotifier, heartbeat: Duration
    ) async throws {
        let wakeup = Wakeup()
        self.id = id
        self.jobs = jobs
        self.heartbeat = heartbeat
        source = hub.source
        listener = bell.listen(to: [.job(id)], waking: wakeup)
        do {
            reader = try await hub.follow(id, from: { _ in after }) { wakeup.notify() }
            news = try await jobs.followedJob(id)
        } catch {
            listener.cancel()
            throw error
        }
    }

    /// Gives the places up.
    public func close() {
        listener.cancel()
        reader.close()
    }

    /// Waits for the next step. Rows come before the job change that ended them.
    public mutating func next() async throws -> Step {
        while true {
            if listener.takeNotification() {
                guard let job = try await jobs.followedJob(id) else { return .closed }
                news = job
            }
            switch reader.next(bound: Self.stepBytes) {
            case .entries(let rows): return .rows(rows)
            case .overrun:
                let rows = try await reader.page()
                if !rows.isEmpty { return .rows(rows) }
            case .atHead: break
            }
            if let job = news, job != seen {
                // A commit is visible before it is announced, so all rows before the end have certainly arrived
                // only when the stored end is.
                if job.isFinal, try await source.logEnd(of: id) > reader.position {
                    let rows = try await reader.page()
                    if !rows.isEmpty { return .rows(rows) }
                }
                seen = job
                return .job(job)
            }
            if let seen, seen.isFinal { return .ended(seen) }
            switch await listener.next(timeout: heartbeat) {
            case .notified: continue
            case .timedOut: return .idle
            case .closed: return .closed
            }
        }
    }
}

extension Job {
    /// True once nothing more is added to the log.
    fileprivate var isFinal: Bool { state.log != .open && status.isTerminal }
}

/// One event of `text/event-stream` (WHATWG HTML, section 9.2).
public struct ServerSentEvent: Sendable {
    public var name: String
    /// What a client sends back as `Last-Event-ID`.
    public var id: String?
    /// One line of JSON; a line feed in it would end the field.
    public var data: String

    public init(name: String, id: String? = nil, data: String) {
        self.name = name
        self.id = id
        self.data = data
    }

    /// Adds the event's bytes to `buffer`.
    public func write(to buffer: inout ByteBuffer) {
        buffer.writeString("event: ")
        buffer.writeString(name)
        if let id {
            buffer.writeString("\nid: ")
            buffer.writeString(id)
        }
        for line in data.split(separator: "\n", omittingEmptySubsequences: false) {
            buffer.writeString("\ndata: ")
            buffer.writeSubstring(line)
        }
        buffer.writeString("\n\n")
    }

    /// A comment: keeps proxies from cutting an idle connection, and detects a disconnected reader.
    public static let heartbeat = ByteBuffer(string: ": still here\n\n")
}
