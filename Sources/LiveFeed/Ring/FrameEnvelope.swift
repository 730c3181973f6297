internal import NIOCore

/// What goes around a row for one kind of reader. Equal envelopes share their frames.
public enum FrameEnvelope: Hashable, Sendable {
    /// Server-Sent Events: an event `chunk` whose id is the row's position.
    case event
    /// A `postgres_changes` message of Supabase's Realtime.
    case realtime(RealtimeEnvelope)

    func wrap(_ row: FeedRow) -> ByteBuffer {
        switch self {
        case .event:
            var frame = ByteBuffer()
            frame.reserveCapacity(row.record.readableBytes + 64)
            frame.writeString("event: chunk\nid: \(row.position)\ndata: ")
            frame.writeImmutableBuffer(row.record)
            frame.writeString("\n\n")
            return frame
        case .realtime(let envelope):
            return envelope.wrap(row)
        }
    }
}
