public import Domain
public import NIOCore

/// The two forms of a message on the wire (`vsn` in the connection's query).
public enum RealtimeVersion: String, Sendable {
    /// An object with the members `topic, event, payload, ref` (Phoenix's V1 serializer).
    case v1 = "1.0.0"
    /// An array `[join_ref, ref, topic, event, payload]` (Phoenix's V2 serializer).
    case v2 = "2.0.0"
}

/// One message of the Realtime protocol, which is Phoenix's channels with topics of Supabase's.
public struct RealtimeMessage: Hashable, Sendable {
    /// The `ref` of the join that the message belongs to.
    public var joinRef: String?
    /// Repeated in the reply; nil for unsolicited messages.
    public var ref: String?
    public var topic: String
    public var event: String
    public var payload: JSONValue

    public init(joinRef: String? = nil, ref: String? = nil, topic: String, event: String, payload: JSONValue) {
        self.joinRef = joinRef
        self.ref = ref
        self.topic = topic
        self.event = event
        self.payload = payload
    }

    /// Reads a message; nil for an invalid message. Refs that are numbers are taken as text.
    public init?(_ text: String, version: RealtimeVersion) {
        guard let value = try? JSONValue(parsing: text.utf8) else { return nil }
        let parts: [JSONValue?]
        switch (version, value) {
        case (.v1, .object(let members)):
            parts = ["join_ref", "ref", "topic", "event", "payload"].map { members[$0] }
        case (.v2, .array(let items)) where items.count == 5:
            parts = items
        default: return nil
        }
        guard let topic = parts[2]?.stringValue, let event = parts[3]?.stringValue else { return nil }
        self.init(
            joinRef: Self.reference(parts[0]), ref: Self.reference(parts[1]), topic: topic, event: event,
            payload: parts[4] ?? .object([:]))
    }

    private static func reference(_ value: JSONValue?) -> String? {
        value?.stringValue ?? value?.integerValue.map(String.init)
    }

    /// The message's text in the form of `version`.
    public func encoded(_ version: RealtimeVersion) -> ByteBuffer {
        let ref = ref.map(JSONValue.string) ?? .null
        let value: JSONValue =
            switch version {
            case .v1:
                .object(["topic": .string(topic), "event": .string(event), "payload": payload, "ref": ref])
            case .v2:
                .array([joinRef.map(JSONValue.string) ?? .null, ref, .string(topic), .string(event), payload])
            }
        return ByteBuffer(bytes: value.bytes)
    }
}
