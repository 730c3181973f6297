public import Domain

/// Reading a job's log: `/api/jobs/{id}/logs`.
public enum LogEndpoints {
    public static let streams = QueryParameter<Set<LogStream>>.list("streams")
    public static let after = QueryParameter<Int64>.number("after", in: 0...Int64.max)
    /// A line's number.
    public static let from = QueryParameter<Int64>.number("from", in: 1...Int64.max)

    /// The query of ``page``.
    public enum Page {
        public static let limit = QueryParameter<Int>.number("limit", in: 1...10_000)
        public static let format = QueryParameter<String>.choice("format", of: ["json", "text"])
        /// Keeps colors in text; true if absent.
        public static let ansi = QueryParameter<Bool>.flag("ansi")
        /// The last line.
        public static let to = QueryParameter<Int64>.number("to", in: 1...Int64.max)
        /// Names a file for browsers.
        public static let download = QueryParameter<String>.text("download")
    }

    /// The query of ``lines``.
    public enum Lines {
        /// Lines in one response.
        public static let maxCount = 5000
        public static let styles = QueryParameter<Bool>.flag("styles")
        /// Cuts long lines; true if absent.
        public static let fold = QueryParameter<Bool>.flag("fold")
        public static let tail = QueryParameter<Int>.number("tail", in: 1...maxCount)
        public static let count = QueryParameter<Int>.number("count", in: 1...maxCount)
        public static let row = QueryParameter<Int64>.number("row", in: 0...Int64.max)
    }

    /// The query of ``search``.
    public enum Search {
        public static let text = QueryParameter<String>.text("q", upTo: 1000)
        public static let isRegex = QueryParameter<Bool>.flag("regex")
        public static let matchesCase = QueryParameter<Bool>.flag("case")
        public static let progress = QueryParameter<Bool>.flag("progress")
    }

    public static let page = Endpoint<JobID, NoFields, MessageOrText<LogPageResponse>>(
        .get, "/api/jobs/{id}/logs", "readLog", for: .user(.logsRead),
        query: [
            after.description, Page.limit.description, Page.format.description, Page.ansi.description,
            streams.description, from.description, Page.to.description, Page.download.description,
        ])
    public static let lines = Endpoint<JobID, NoFields, LineWindowResponse>(
        .get, "/api/jobs/{id}/logs/lines", "readLogLines", for: .user(.logsRead),
        query: [
            streams.description, Lines.styles.description, Lines.fold.description, Lines.tail.description,
            Lines.count.description, Lines.row.description, from.description,
        ])
    public static let outline = Endpoint<JobID, NoFields, LogOutlineResponse>(
        .get, "/api/jobs/{id}/logs/outline", "getLogOutline", for: .user(.logsRead))
    public static let search = Endpoint<JobID, NoFields, StreamBody<SearchMessage>>(
        .get, "/api/jobs/{id}/logs/search", "searchLog", for: .user(.logsRead),
        query: [
            Search.text.description, Search.isRegex.description, Search.matchesCase.description, streams.description,
            from.description, Search.progress.description,
        ], errors: [.tooMany],
        "One JSON object per line.")
    public static let stream = Endpoint<JobID, NoFields, StreamBody<LogRowMessage>>(
        .get, "/api/jobs/{id}/logs/stream", "followLog", for: .user(.logsRead), query: [after.description],
        errors: [.tooMany],
        "Server-Sent Events: `chunk`, `job` and `end`.")

    static let all = [
        page.description, lines.description, outline.description, search.description, stream.description,
    ]
}
