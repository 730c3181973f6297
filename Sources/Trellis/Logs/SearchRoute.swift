internal import Domain
internal import Hummingbird
internal import NIOCore
internal import NIOFoundationCompat
internal import Storage
internal import TextSearch
internal import Wire

/// `GET /api/jobs/{id}/logs/search`: hits as they are found, a JSON object a line.
struct SearchRoute: Sendable {
    var store: any LogStore
    var limits: SearchLimits
    var ambient: SystemDependencies
    /// Searches are work: so many run at once.
    private let places = ConcurrencyLimit()

    init(store: any LogStore, limits: SearchLimits, ambient: SystemDependencies) {
        self.store = store
        self.limits = limits
        self.ambient = ambient
    }

    /// Without hits something is said so often: it shows how far the search is, and whether anybody still listens.
    private static let progressEvery: Int64 = 100

    func response(to request: Request, _ job: Job) async throws -> Response {
        guard let text = try request.text("q", upTo: limits.queryBytes) else {
            throw Refusal(.invalid, "\"q\" is the text to look for.")
        }
        let query = SearchQuery(
            pattern: Pattern.Query(
                text: text, isRegex: try request.number("regex", in: 0...1, fallback: 0) == 1,
                matchesCase: try request.number("case", in: 0...1, fallback: 0) == 1),
            streams: try request.streams(), from: try request.number("from", in: 1...Int64.max, fallback: 1))
        let tellsProgress = try request.number("progress", in: 0...1, fallback: 0) == 1
        guard let place = places.take("searches", limit: limits.atOnce) else {
            throw Refusal(.tooMany, "Too many searches run at the moment; try again in a moment.")
        }
        // What is not a pattern is refused before the answer begins.
        try await WorkPool.searches.run { _ = try query.compiled() }
        let search = LogSearch(store: store, limits: limits, ambient: ambient)
        let body = ResponseBody { writer in
            defer { place.leave() }
            var told = search.ambient.now()
            let end = try await search.run(query, in: job.id) { hits, scanned in
                let now = search.ambient.now()
                let isLate = tellsProgress && now.milliseconds - told.milliseconds >= Self.progressEvery
                guard !hits.isEmpty || isLate else { return }
                told = now
                var buffer = ByteBuffer()
                for hit in hits {
                    buffer.writeString(#"{"n":\#(hit.line),"col":\#(hit.column),"len":\#(hit.length)}"# + "\n")
                }
                if tellsProgress { buffer.writeString(#"{"scanned":\#(scanned)}"# + "\n") }
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
