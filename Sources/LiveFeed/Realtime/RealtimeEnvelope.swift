internal import Domain
internal import NIOCore

/// A `postgres_changes` message around a row, for one topic and the bindings that the row matched.
public struct RealtimeEnvelope: Hashable, Sendable {
    let version: RealtimeVersion
    let topic: String
    /// The ids of the bindings.
    let ids: [Int64]
    /// Only these columns; nil for all.
    let columns: [String]?

    public init(version: RealtimeVersion, topic: String, ids: [Int64], columns: [String]? = nil) {
        self.version = version
        self.topic = topic
        self.ids = ids
        self.columns = columns
    }

    func wrap(_ row: FeedRow) -> ByteBuffer {
        let topic = JSONValue.string(topic).bytes
        let ids = JSONValue.array(ids.map(JSONValue.integer)).bytes
        var frame = ByteBuffer()
        frame.reserveCapacity(row.record.readableBytes + topic.count + 1024)
        switch version {
        case .v1:
            frame.writeString(#"{"topic":"#)
            frame.writeBytes(topic)
            frame.writeString(#","event":"postgres_changes","ref":null,"payload":{"ids":"#)
        case .v2:
            frame.writeString("[null,null,")
            frame.writeBytes(topic)
            frame.writeString(#","postgres_changes",{"ids":"#)
        }
        frame.writeBytes(ids)
        frame.writeString(#","data":"#)
        writeData(of: row, to: &frame)
        frame.writeString(version == .v1 ? "}}" : "}]")
        return frame
    }

    private func writeData(of row: FeedRow, to frame: inout ByteBuffer) {
        let shown = row.table.columns.filter { self.columns?.contains($0.name) ?? true }
        frame.writeString(
            #"{"schema":"public","table":"\#(row.table.rawValue)","type":"\#(row.event.rawValue)","#
                + #""commit_timestamp":"\#(row.committedAt)","errors":null,"columns":["#)
        frame.writeString(
            shown.map { #"{"name":"\#($0.name)","type":"\#($0.type)"}"# }.joined(separator: ","))
        frame.writeString("]")
        if row.event != .delete {
            frame.writeString(#","record":"#)
            if self.columns == nil {
                frame.writeImmutableBuffer(row.record)
            } else {
                let wanted = Set(shown.map(\.name))
                frame.writeBytes(JSONValue.object(row.columns.filter { wanted.contains($0.key) }).bytes)
            }
        }
        // Like Supabase's default, the old row contains only the key.
        if row.event != .insert {
            frame.writeString(#","old_record":"#)
            frame.writeBytes(JSONValue.object(["id": row.columns["id"] ?? .null]).bytes)
        }
        frame.writeString("}")
    }
}
