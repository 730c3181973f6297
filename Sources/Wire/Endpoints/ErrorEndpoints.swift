public import Domain

/// Errors over all jobs, and search in the logs of many jobs.
public enum ErrorEndpoints {
    /// The query of ``list``.
    public enum List {
        public static let vine = QueryParameter<VineID>.id("vine")
        /// Seen at this time or later.
        public static let since = QueryParameter<Timestamp>.time("since")
        /// Text in the cause, the address or the file.
        public static let text = QueryParameter<String>.text("q")
        /// Only errors that are open (1), or only those that are solved (0).
        public static let isOpen = QueryParameter<Bool>.flag("open")
        public static let limit = QueryParameter<Int>.number("limit", in: 1...200)
        public static let cursor = QueryParameter<String>.text("cursor")
    }

    /// The query of ``search``.
    public enum Search {
        public static let text = LogEndpoints.Search.text
        public static let isRegex = LogEndpoints.Search.isRegex
        public static let matchesCase = LogEndpoints.Search.matchesCase
        public static let vine = QueryParameter<VineID>.id("vine")
        public static let status = QueryParameter<JobStatus>.choice("status")
        public static let type = QueryParameter<JobType>.choice("type")
        /// Jobs created at this time or later.
        public static let since = QueryParameter<Timestamp>.time("since")
        public static let cursor = QueryParameter<String>.text("cursor")
    }

    public static let list = Endpoint<NoParameters, NoFields, ListResponse<ErrorCauseResponse>>(
        .get, "/api/errors", "listErrors", for: .user(.logsRead),
        query: [
            List.vine.description, List.since.description, List.text.description, List.isOpen.description,
            List.limit.description, List.cursor.description,
        ],
        "The most frequent errors.")
    public static let show = Endpoint<ErrorPath, NoFields, ErrorDetailResponse>(
        .get, "/api/errors/{fingerprint}", "getError", for: .user(.logsRead),
        query: [List.vine.description, List.limit.description, List.cursor.description])
    public static let ofJob = Endpoint<JobID, NoFields, JobErrorsResponse>(
        .get, "/api/jobs/{id}/errors", "listJobErrors", for: .user(.logsRead))
    public static let search = Endpoint<NoParameters, NoFields, StreamBody<LogsSearchMessage>>(
        .get, "/api/search", "searchLogs", for: .user(.logsRead),
        query: [
            Search.text.description, Search.isRegex.description, Search.matchesCase.description,
            Search.vine.description, Search.status.description, Search.type.description,
            LogEndpoints.streams.description,
            Search.since.description, Search.cursor.description,
        ], errors: [.tooMany],
        "One JSON object per line.")

    static let all = [list.description, show.description, ofJob.description, search.description]
}

/// The cause of errors, by its fingerprint.
public struct ErrorPath: PathParameters {
    public static let names = ["fingerprint"]
    public static let kinds: [ParameterKind] = [.text(maxBytes: 32)]
    public static let noun = "error"

    public var fingerprint: ErrorFingerprint

    public init(_ fingerprint: ErrorFingerprint) { self.fingerprint = fingerprint }

    public init?(texts: [String]) {
        guard let fingerprint = ErrorFingerprint(texts[0]) else { return nil }
        self.init(fingerprint)
    }

    public var values: [String] { [fingerprint.rawValue] }
}
