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
    var records: JobResponses
    var searching: SearchRoute

    func add(to api: APIRouter) {
        api.on(LogEndpoints.page, use: page)
        api.on(LogEndpoints.lines) { call in
            let job = try await find(call.path)
            return try await LineWindowReader(store: store).window(LineQuery(call), of: job)
        }
        api.on(LogEndpoints.outline) { call in
            let job = try await find(call.path)
            return try await LogOutlineReader(store: store).outline(of: job.id)
        }
        api.on(LogEndpoints.search) { call in try await searching.response(to: call, find(call.path)) }
        api.on(LogEndpoints.stream, use: stream)
    }

    /// Bytes of text in one response.
    private static let pageBytes = 1 << 20

    private func page(_ call: APICall<JobID>) async throws -> Response {
        let job = try await find(call.path)
        // A browser's download asks for text/html: naming "ansi" is asking for text.
        let isText = try call.query(LogEndpoints.Page.format) == "text" || call.query(LogEndpoints.Page.ansi) != nil
        if isText || call.request.wantsPlainText {
            return try await LogDownload(store: store).response(to: call, job)
        }
        let after = try call.query(LogEndpoints.after) ?? 0
        let limit = try call.query(LogEndpoints.Page.limit) ?? 1000
        let chunks = try await store.chunks(of: job.id, after: after, maxBytes: Self.pageBytes, maxRows: limit)
        let page = LogPageResponse(
            chunks: chunks.map(LogRowMessage.init), next: chunks.last?.seq ?? after, logState: job.state.log.name)
        return .json(try WireJSON.encode(page), status: .ok)
    }

    private func find(_ id: JobID) async throws -> Job {
        guard let job = try await store.outline(of: id) else { throw Refusal.notFound("job") }
        return job
    }

    // MARK: - Server-Sent Events

    private func stream(_ call: APICall<JobID>) async throws -> Response {
        let job = try await find(call.path)
        let last = call.request.headers[Self.lastEventID].flatMap { Int64($0) }
        let after = try last ?? call.query(LogEndpoints.after) ?? 0
        let (store, feeds, records) = (store, feeds, records)
        return EventStream.response(to: call.request) { writer in
            var follower = try await LogFollower(
                job.id, after: after, in: feeds.logs, jobs: StoredJobs(store: store), bell: feeds.bell,
                heartbeat: EventStream.heartbeat)
            defer { follower.close() }
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
