internal import NIOCore

/// How a row is wrapped for one kind of reader. Equal envelopes share their frames.
public enum FrameFormat: Hashable, Sendable {
    /// Server-Sent Events: an event `chunk` whose id is the row's position.
    case event
    /// A `postgres_changes` message of Supabase's Realtime.
    case realtime(RealtimeEnvelope)

    func wrap(_ row: FeedRow) -> ByteBuffer {
        switch self {
        case .event:
            var frame = ByteBuffer()
            let event = ServerSentEvent(name: "chunk", id: String(row.position), data: String(buffer: row.record))
            event.write(to: &frame)
            return frame
        case .realtime(let envelope):
            return envelope.wrap(row)
        }
    }
}
