public import Domain

/// A job, and when something happened in it.
public struct JobMomentResponse: Codable, Hashable, Sendable {
    public var jobId: JobID
    public var at: Timestamp

    public init(jobId: JobID, at: Timestamp) {
        self.jobId = jobId
        self.at = at
    }
}

/// An item of `GET /api/errors`: the cause of errors that have the same fingerprint.
public struct ErrorCauseResponse: Codable, Hashable, Sendable {
    /// The fingerprint.
    public var id: String
    /// As it was seen last.
    public var cause: String
    public var address: String?
    public var resourceType: String?
    public var file: String?
    public var line: Int?
    /// How many jobs failed with it, and of how many vines.
    public var jobs: Int
    public var vines: Int
    /// The vines in which it is not solved.
    public var openVines: Int
    public var first: JobMomentResponse
    public var last: JobMomentResponse
    /// The job that solved it last.
    public var solved: JobMomentResponse?
    /// Jobs by day, in UTC: the last one is today. Only in the list.
    public var days: [Int]?
    public var serverNow: Timestamp

    public init(
        id: String, cause: String, address: String?, resourceType: String?, file: String?, line: Int?, jobs: Int,
        vines: Int, openVines: Int, first: JobMomentResponse, last: JobMomentResponse, solved: JobMomentResponse?,
        days: [Int]?, serverNow: Timestamp
    ) {
        self.id = id
        self.cause = cause
        self.address = address
        self.resourceType = resourceType
        self.file = file
        self.line = line
        self.jobs = jobs
        self.vines = vines
        self.openVines = openVines
        self.first = first
        self.last = last
        self.solved = solved
        self.days = days
        self.serverNow = serverNow
    }

    /// Days in ``days``.
    public static let dayCount = 14
}

/// A cause in one vine.
public struct ErrorVineResponse: Codable, Hashable, Sendable {
    public var vineId: VineID
    public var vineTitle: String
    public var jobs: Int
    public var first: JobMomentResponse
    public var last: JobMomentResponse
    public var isOpen: Bool
    /// The job that solved it last.
    public var solved: JobMomentResponse?

    public init(
        vineId: VineID, vineTitle: String, jobs: Int, first: JobMomentResponse, last: JobMomentResponse, isOpen: Bool,
        solved: JobMomentResponse?
    ) {
        self.vineId = vineId
        self.vineTitle = vineTitle
        self.jobs = jobs
        self.first = first
        self.last = last
        self.isOpen = isOpen
        self.solved = solved
    }
}

/// A job in which a cause was seen.
public struct ErrorSightingResponse: Codable, Hashable, Sendable {
    public var jobId: JobID
    public var jobType: JobType
    public var vineId: VineID
    public var vineTitle: String
    public var at: Timestamp
    public var cause: String
    public var address: String?
    /// The number of the line that names it, in the job's log.
    public var logLine: Int64?

    public init(
        jobId: JobID, jobType: JobType, vineId: VineID, vineTitle: String, at: Timestamp, cause: String,
        address: String?, logLine: Int64?
    ) {
        self.jobId = jobId
        self.jobType = jobType
        self.vineId = vineId
        self.vineTitle = vineTitle
        self.at = at
        self.cause = cause
        self.address = address
        self.logLine = logLine
    }
}

/// `GET /api/errors/{fingerprint}`.
public struct ErrorDetailResponse: Codable, ResponseMessage {
    public var error: ErrorCauseResponse
    /// Open ones first, then those seen last; ``vineCount`` at most.
    public var vines: [ErrorVineResponse]
    /// Newest first.
    public var jobs: [ErrorSightingResponse]
    public var nextCursor: String?

    public init(
        error: ErrorCauseResponse, vines: [ErrorVineResponse], jobs: [ErrorSightingResponse], nextCursor: String?
    ) {
        self.error = error
        self.vines = vines
        self.jobs = jobs
        self.nextCursor = nextCursor
    }

    /// Vines in one response.
    public static let vineCount = 50
}

/// `GET /api/jobs/{id}/errors`: the job's errors, in the order in which the log names them.
public struct JobErrorsResponse: Codable, ResponseMessage {
    public struct Item: Codable, Hashable, Sendable {
        /// The fingerprint.
        public var id: String
        public var cause: String
        public var address: String?
        public var file: String?
        public var line: Int?
        /// The number of the line that names it, in the job's log.
        public var logLine: Int64?
        /// Where else the cause was seen; this job is counted.
        public var seen: ErrorCauseResponse
        /// Open ones first, then those seen last; ``vineCount`` at most.
        public var vines: [ErrorVineResponse]

        public init(
            id: String, cause: String, address: String?, file: String?, line: Int?, logLine: Int64?,
            seen: ErrorCauseResponse, vines: [ErrorVineResponse]
        ) {
            self.id = id
            self.cause = cause
            self.address = address
            self.file = file
            self.line = line
            self.logLine = logLine
            self.seen = seen
            self.vines = vines
        }
    }

    public var items: [Item]

    public init(items: [Item]) { self.items = items }

    /// Vines of one cause.
    public static let vineCount = 10
}
