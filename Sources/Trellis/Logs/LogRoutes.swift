internal import Domain
internal import HTTPTypes
internal import Hummingbird
internal import LiveFeed
internal import Storage
internal import Wire

/// Reading a job's log: `/api/jobs/{id}/logs…`.
struct LogRoutes: Sendable {
    var store: any Store
    var feeds: Feeds
    var searching: SearchRoute

    func add(to group: APIGroup) {
        group.get(
            "jobs/:id/logs", taking: ["after", "limit", "format", "ansi", "streams", "from", "to", "download"],
            use: page)
        group.get(
            "jobs/:id/logs/lines", taking: ["streams", "styles", "fold", "tail", "count", "row", "from"], use: lines)
        group.get("jobs/:id/logs/outline", use: outline)
        group.get("jobs/:id/logs/search", taking: ["q", "regex", "case", "streams", "from", "progress"], use: search)
        group.get("jobs/:id/logs/stream", taking: ["after"], use: stream)
    }

    /// Bytes of text in one answer.
    private static let pageBytes = 1 << 20

    private func page(_ request: Request, context: TrellisContext) async throws -> Response {
        _ = try context.requireUser()
        let job = try await find(context)
        // A browser's download asks for text/html: naming "ansi" is asking for text.
        if try request.wantsPlainText || request.text("format") == "text" || request.text("ansi") != nil {
            return try await LogDownload(store: store).response(to: request, job)
        }
        let after: Int64 = try request.number("after", in: 0...Int64.max, fallback: 0)
        let limit = try request.number("limit", in: 1...10_000, fallback: 1000)
        let chunks = try await store.chunks(of: job.id, after: after, maxBytes: Self.pageBytes, maxRows: limit)
        return try .json(
            LogPageResponse(
                chunks: chunks.map(LogRowMessage.init), next: chunks.last?.seq ?? after, logState: job.state.log.name))
    }

    private func lines(_ request: Request, context: TrellisContext) async throws -> Response {
        _ = try context.requireUser()
        let job = try await find(context)
        return try .json(await LineWindowReader(store: store).window(LineQuery(request), of: job))
    }

    private func outline(_ request: Request, context: TrellisContext) async throws -> Response {
        _ = try context.requireUser()
        let job = try await find(context)
        return try .json(await LogOutlineReader(store: store).outline(of: job.id))
    }

    private func search(_ request: Request, context: TrellisContext) async throws -> Response {
        _ = try context.requireUser()
        return try await searching.response(to: request, find(context))
    }

    private func find(_ context: TrellisContext) async throws -> Job {
        guard let job = try await store.outline(of: context.id("id", of: "job")) else {
            throw Refusal(.notFound, "There is no such job.")
        }
        return job
    }

    // MARK: - Server-Sent Events

    private func stream(_ request: Request, context: TrellisContext) async throws -> Response {
        _ = try context.requireUser()
        let job = try await find(context)
        let last = request.headers[Self.lastEventID].flatMap { Int64($0) }
        let after: Int64 = try last ?? request.number("after", in: 0...Int64.max, fallback: 0)
        let (store, feeds) = (store, feeds)
        return EventStream.response(to: request) { writer in
            var follower = try await LogFollower(
                job.id, after: after, in: feeds.logs, jobs: StoredJobs(store: store), bell: feeds.bell,
                heartbeat: EventStream.heartbeat)
            defer { follower.close() }
            let records = JobResponses(store: store, ambient: .system)
            try await writer.open()
            while true {
                switch try await follower.next() {
                case .rows(let rows): try await writer.send(rows)
                case .job(let job): try await writer.send("job", records.record(job))
                case .idle: try await writer.heartbeat()
                case .ended(let job):
                    try await writer.send("end", JobStatusResponse(status: job.status, errorMessage: job.errorMessage))
                    return
                case .closed: return
                }
            }
        }
    }

    private static let lastEventID = headerName("Last-Event-ID")
}

/// The store as a follower sees it.
struct StoredJobs: FollowedJob {
    var store: any Store

    func followedJob(_ id: JobID) async throws -> Job? { try await store.job(id) }
}
