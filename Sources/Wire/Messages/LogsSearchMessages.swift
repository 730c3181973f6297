public import Domain

/// A line of `GET /api/search`: a hit, more lines of a job than are sent, how far the search is, or its end.
public enum LogsSearchMessage: Sendable {
    case hit(LogsHitMessage)
    case more(LogsMoreMessage)
    case progress(LogsProgressMessage)
    case end(LogsEndMessage)
}

/// A line of a log with hits. Columns and lengths are UTF-16 units.
public struct LogsHitMessage: Codable, Hashable, Sendable {
    public var jobId: JobID
    public var jobType: JobType
    public var status: JobStatus
    public var vineId: VineID
    public var vineTitle: String
    public var createdBy: String
    public var createdAt: Timestamp
    /// The line's number in the log.
    public var n: Int64
    public var stream: LogStream
    public var t: Timestamp
    /// The visible text of the line; of a long one, the part around the first match.
    public var text: String
    /// Where `text` begins in the line.
    public var from: Int
    /// Column and length of each match, in `text`.
    public var matches: [[Int]]

    public init(
        jobId: JobID, jobType: JobType, status: JobStatus, vineId: VineID, vineTitle: String, createdBy: String,
        createdAt: Timestamp, n: Int64, stream: LogStream, t: Timestamp, text: String, from: Int, matches: [[Int]]
    ) {
        self.jobId = jobId
        self.jobType = jobType
        self.status = status
        self.vineId = vineId
        self.vineTitle = vineTitle
        self.createdBy = createdBy
        self.createdAt = createdAt
        self.n = n
        self.stream = stream
        self.t = t
        self.text = text
        self.from = from
        self.matches = matches
    }
}

/// A job has more lines with hits than were sent.
public struct LogsMoreMessage: Codable, Hashable, Sendable {
    public var jobId: JobID
    /// Lines with hits in the job's log.
    public var lines: Int
    /// There are more than `lines`: the search of this log stopped there.
    public var capped: Bool

    public init(jobId: JobID, lines: Int, capped: Bool) {
        self.jobId = jobId
        self.lines = lines
        self.capped = capped
    }
}

/// How far the search is.
public struct LogsProgressMessage: Codable, Hashable, Sendable {
    /// Jobs whose logs were searched.
    public var searched: Int
    /// When the last of them was created: everything newer was searched.
    public var until: Timestamp

    public init(searched: Int, until: Timestamp) {
        self.searched = searched
        self.until = until
    }
}

/// The last line of `GET /api/search`.
public struct LogsEndMessage: Codable, Hashable, Sendable {
    public var done: Bool
    /// Jobs whose logs were searched, those with hits, and lines with hits.
    public var searched: Int
    public var jobs: Int
    public var lines: Int
    /// The search stopped early; see `reason`.
    public var capped: Bool
    public var reason: String?
    /// To go on where it stopped.
    public var nextCursor: String?

    public init(
        done: Bool, searched: Int, jobs: Int, lines: Int, capped: Bool, reason: String?, nextCursor: String?
    ) {
        self.done = done
        self.searched = searched
        self.jobs = jobs
        self.lines = lines
        self.capped = capped
        self.reason = reason
        self.nextCursor = nextCursor
    }
}
