internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import LiveFeed
internal import Logging
internal import NIOCore
internal import ServiceLifecycle
internal import Wire

/// A Server-Sent Events response. Ends when the client disconnects or the server stops.
enum EventStream {
    /// Silence after which a comment is sent.
    static let heartbeat = Duration.seconds(15)

    static func response(
        to request: Request, _ produce: @escaping @Sendable (inout Writer) async throws -> Void
    ) -> Response {
        let headers: HTTPFields = [
            .contentType: "text/event-stream; charset=utf-8", .cacheControl: "no-store",
            headerName("X-Accel-Buffering"): "no",
            // The connection closes with the stream.
            .connection: "close",
        ]
        let body = ResponseBody { writer in
            var events = Writer(body: writer)
            // A disconnect of an idle client shows only on the inbound side. Cancelling the listener's wait ends it.
            try await request.body.consumeWithCancellationOnInboundClose { _ in
                try await produce(&events)
            }
            try await events.body.finish(nil)
        }
        return Response(status: .ok, headers: headers, body: body)
    }

    /// Writes events to one reader.
    struct Writer {
        fileprivate(set) var body: any ResponseBodyWriter

        /// Sends the head at once, so that the reader knows that it is connected.
        mutating func open() async throws {
            try await body.write(ByteBuffer(string: ": connected\nretry: 1000\n\n"))
        }

        mutating func send(_ name: String, id: String? = nil, _ value: some Encodable) async throws {
            var buffer = ByteBuffer()
            let data = String(decoding: try WireJSON.encode(value), as: UTF8.self)
            ServerSentEvent(name: name, id: id, data: data).write(to: &buffer)
            try await body.write(buffer)
        }

        /// One write for all: a page costs one system call.
        mutating func send(_ rows: [FeedRow]) async throws {
            var buffer = ByteBuffer()
            for row in rows { buffer.writeImmutableBuffer(row.frame(.event)) }
            try await body.write(buffer)
        }

        mutating func heartbeat() async throws {
            try await body.write(ServerSentEvent.heartbeat)
        }
    }
}
