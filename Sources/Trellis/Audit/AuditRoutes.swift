internal import Domain
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import Storage
internal import Wire

/// `/api/audit`.
struct AuditRoutes: Sendable {
    var store: any Store
    var keeper: AuditKeeper
    var ambient: SystemDependencies

    /// Events in memory at a time.
    private static let page = 500

    func add(to api: APIRouter) {
        api.on(AuditEndpoints.list, use: list)
        api.on(AuditEndpoints.chain, use: chain)
        api.on(AuditEndpoints.status) { _ in try await keeper.status() }
    }

    private func list(_ call: APICall<NoParameters>) async throws -> Response {
        let query = try Self.query(of: call)
        let cursor = try call.query(AuditEndpoints.List.cursor)
        if call.request.headers[.accept]?.contains("application/x-ndjson") == true {
            return try await export(query, from: cursor, call)
        }
        let limit = try call.query(AuditEndpoints.List.limit) ?? 50
        let page = try await store.auditEvents(query, limit: limit, cursor: cursor)
        let response = ListResponse(items: page.items.map { AuditEventResponse($0) }, nextCursor: page.next)
        return .json(try WireJSON.encode(response), status: .ok)
    }

    private static func query(of call: APICall<NoParameters>) throws -> AuditQuery {
        typealias List = AuditEndpoints.List
        var query = AuditQuery()
        query.keys = [
            try call.query(List.request).map(AuditKey.request), try call.query(List.job).map(AuditKey.job),
            try call.query(List.resource).map(AuditKey.resource), try call.query(List.vine).map(AuditKey.vine),
            try call.query(List.actor).map(AuditKey.actor), try call.query(List.action).map(AuditKey.action),
            try call.query(List.outcome).map(AuditKey.outcome),
        ].compactMap(\.self)
        query.since = try call.query(List.since).map { Timestamp(milliseconds: $0) }
        query.until = try call.query(List.until).map { Timestamp(milliseconds: $0) }
        return query
    }

    /// All events of the list, a page at a time.
    private func export(
        _ query: AuditQuery, from cursor: String?, _ call: APICall<NoParameters>
    ) async throws -> Response {
        // An invalid cursor is refused before the response begins.
        let first = try await store.auditEvents(query, limit: Self.page, cursor: cursor)
        try await record(call)
        let store = store
        return Self.lines { writer in
            var page = first
            while true {
                try await Self.write(page.items, to: &writer)
                guard let next = page.next else { return }
                page = try await store.auditEvents(query, limit: Self.page, cursor: next)
            }
        }
    }

    private func chain(_ call: APICall<NoParameters>) async throws -> Response {
        let start = try call.query(AuditEndpoints.after) ?? 0
        try await record(call)
        let store = store
        return Self.lines { writer in
            var after = start
            while true {
                let records = try await store.sealedRecords(after: after, limit: Self.page)
                try await Self.write(records, to: &writer)
                guard records.count == Self.page, let last = records.last?.seal?.number else { return }
                after = last
            }
        }
    }

    private func record(_ call: APICall<NoParameters>) async throws {
        let filters = call.request.queryItems.filter { $0.name != "cursor" && $0.name != "limit" }
            .map { ($0.name, JSONValue.string($0.value.shortened(toBytes: 200))) }
        try await store.record(
            call.audit.event(
                .exportAudit, changes: ["filters": .object(Dictionary(filters) { first, _ in first })], ambient))
    }

    private static func lines(
        _ write: @escaping @Sendable (inout any ResponseBodyWriter) async throws -> Void
    ) -> Response {
        Response(
            status: .ok, headers: [.contentType: "application/x-ndjson; charset=utf-8", .cacheControl: "no-store"],
            body: ResponseBody { writer in
                try await write(&writer)
                try await writer.finish(nil)
            })
    }

    private static func write(_ records: [AuditRecord], to writer: inout any ResponseBodyWriter) async throws {
        var buffer = ByteBuffer()
        for record in records { buffer.writeBytes(record.line) }
        if buffer.readableBytes > 0 { try await writer.write(buffer) }
    }
}

extension AuditEventResponse {
    init(_ record: AuditRecord) {
        self.init(
            record.event, number: record.seal?.number, prevHash: record.seal?.previousHash, hash: record.seal?.hash)
    }
}
