internal import Domain
internal import Hummingbird
internal import NIOCore
internal import NIOFoundationCompat
internal import Storage
internal import TextSearch
internal import Wire

/// `GET /api/jobs/{id}/logs/search`: hits as they are found, one JSON object per line.
struct SearchRoute: Sendable {
    var store: any LogStore
    var limits: SearchLimits
    var ambient: SystemDependencies
    /// Searches use much CPU time, so few run at once.
    private let slots = ConcurrencyLimit()

    init(store: any LogStore, limits: SearchLimits, ambient: SystemDependencies) {
        self.store = store
        self.limits = limits
        self.ambient = ambient
    }

    /// Milliseconds between two reports of a search without hits. They also show whether the client is still there.
    private static let progressEvery: Int64 = 100

    func response(to call: APICall<JobID>, _ job: Job) async throws -> Response {
        typealias Parameters = LogEndpoints.Search
        let query = try call.searchQuery(limits, from: call.query(LogEndpoints.from) ?? 1)
        let reportsProgress = try call.query(Parameters.progress) ?? false
        guard let slot = slots.take("searches", limit: limits.atOnce) else {
            throw Refusal(.tooMany, "Too many concurrent searches. Try again shortly.")
        }
        // An invalid pattern is refused before the response begins.
        let search = try await LogSearch(query, store: store, limits: limits, ambient: ambient)
        let body = ResponseBody { writer in
            defer { slot.release() }
            var reportedAt = search.ambient.now()
            let end = try await search.run(in: job.id) { hits, scanned in
                let now = search.ambient.now()
                let isDue = reportsProgress && now.milliseconds - reportedAt.milliseconds >= Self.progressEvery
                guard !hits.isEmpty || isDue else { return }
                reportedAt = now
                var buffer = ByteBuffer()
                for hit in hits { buffer.writeString(hit.line) }
                if reportsProgress { buffer.writeString(SearchProgressMessage(scanned: scanned).line) }
                try await writer.write(buffer)
            }
            let last = SearchEndMessage(
                done: true, total: end.hits, scanned: end.scanned, capped: end.reason != nil, reason: end.reason)
            try await writer.write(ByteBuffer(data: WireJSON.encode(last)))
            try await writer.finish(nil)
        }
        return Response(
            status: .ok, headers: [.contentType: "application/x-ndjson; charset=utf-8", .cacheControl: "no-store"],
            body: body)
    }
}

/// The bounds of a search in a log, or in many.
public struct SearchLimits: Hashable, Sendable {
    /// Hits that one search reports.
    public var hits: Int
    /// How long one search may take.
    public var milliseconds: Int64
    /// How much CPU time one search may use, in milliseconds.
    public var workMilliseconds: Int64
    /// Searches at the same time.
    public var atOnce: Int
    /// Bytes of the text to search for.
    public var queryBytes: Int
    /// Of a search in many logs: jobs, and lines with hits. It stops after the job that reaches one of them.
    public var jobs: Int
    public var lines: Int
    /// Lines that are shown of one job, and lines with hits that are counted in it.
    public var shownLines: Int
    public var countedLines: Int
    /// Searches in many logs at the same time.
    public var manyAtOnce: Int

    public init(
        hits: Int = 100_000, milliseconds: Int64 = 20_000, workMilliseconds: Int64 = 5_000, atOnce: Int = 8,
        queryBytes: Int = 1000, jobs: Int = 5000, lines: Int = 5000, shownLines: Int = 5, countedLines: Int = 1000,
        manyAtOnce: Int = 4
    ) {
        self.hits = hits
        self.milliseconds = milliseconds
        self.workMilliseconds = workMilliseconds
        self.atOnce = atOnce
        self.queryBytes = queryBytes
        self.jobs = jobs
        self.lines = lines
        self.shownLines = shownLines
        self.countedLines = countedLines
        self.manyAtOnce = manyAtOnce
    }

    var tooLong: String { "The search stopped after \(milliseconds / 1000) s." }
    var tooMany: String { "There are more than \(hits) hits." }
}

extension APICall {
    /// What a search is to find, in one log or in many.
    func searchQuery(_ limits: SearchLimits, from line: Int64) throws -> SearchQuery {
        typealias Parameters = LogEndpoints.Search
        guard let text = try query(Parameters.text) else { throw Refusal(.invalid, "\"q\" is required.") }
        guard text.utf8.count <= limits.queryBytes else {
            throw Refusal(.invalid, "\"q\" has at most \(limits.queryBytes) bytes.")
        }
        return SearchQuery(
            pattern: Pattern.Query(
                text: text, isRegex: try query(Parameters.isRegex) ?? false,
                matchesCase: try query(Parameters.matchesCase) ?? false),
            streams: try query(LogEndpoints.streams) ?? Set(LogStream.allCases), from: line)
    }
}
