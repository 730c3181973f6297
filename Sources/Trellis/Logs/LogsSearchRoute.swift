internal import Domain
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import NIOFoundationCompat
internal import Storage
internal import TextSearch
internal import Wire

/// `GET /api/search`: hits in the logs of many jobs as they are found, one JSON object per line.
struct LogsSearchRoute: Sendable {
    var store: any Store
    var limits: SearchLimits
    var ambient: SystemDependencies
    /// Each uses much CPU time and many reads, so few run at once. One log's searches have their own slots.
    private let slots = ConcurrencyLimit()

    init(store: any Store, limits: SearchLimits, ambient: SystemDependencies) {
        self.store = store
        self.limits = limits
        self.ambient = ambient
    }

    func add(to api: APIRouter) { api.on(ErrorEndpoints.search, use: response) }

    /// Milliseconds between two reports without hits. They also show whether the client is still there.
    private static let progressEvery: Int64 = 100

    private func response(to call: APICall<NoParameters>) async throws -> Response {
        typealias Parameters = ErrorEndpoints.Search
        let query = try call.searchQuery(limits, from: 1)
        let jobs = JobQuery(
            status: try call.query(Parameters.status), type: try call.query(Parameters.type),
            vine: try call.query(Parameters.vine), visible: call.rights.visible(.logsRead))
        guard let slot = slots.take("searches", limit: limits.manyAtOnce) else {
            throw Refusal(.tooMany, "Too many concurrent searches. Try again shortly.")
        }
        // An invalid pattern is refused before the response begins.
        let search = try await LogsSearch(
            query, in: jobs, since: try call.query(Parameters.since), cursor: try call.query(Parameters.cursor),
            store: store, limits: limits, ambient: ambient)
        let body = ResponseBody { writer in
            defer { slot.release() }
            var reportedAt = search.ambient.now()
            let end = try await search.run { events, tally in
                let now = search.ambient.now()
                guard !events.isEmpty || now.milliseconds - reportedAt.milliseconds >= Self.progressEvery else {
                    return
                }
                reportedAt = now
                var buffer = ByteBuffer()
                for event in events {
                    switch event {
                    case .hit(let hit): try buffer.writeLine(hit)
                    case .more(let more): try buffer.writeLine(more)
                    }
                }
                try buffer.writeLine(LogsProgressMessage(searched: tally.searched, until: tally.until))
                try await writer.write(buffer)
            }
            var last = ByteBuffer()
            try last.writeLine(
                LogsEndMessage(
                    done: true, searched: end.searched, jobs: end.jobs, lines: end.lines, capped: end.reason != nil,
                    reason: end.reason, nextCursor: end.reason == nil ? nil : end.cursor))
            try await writer.write(last)
            try await writer.finish(nil)
        }
        return Response(
            status: .ok,
            headers: [
                .contentType: "application/x-ndjson; charset=utf-8", .cacheControl: "no-store",
                headerName("X-Accel-Buffering"): "no",
            ], body: body)
    }
}

extension ByteBuffer {
    fileprivate mutating func writeLine(_ message: some Encodable) throws {
        writeData(try WireJSON.encode(message))
        writeString("\n")
    }
}
