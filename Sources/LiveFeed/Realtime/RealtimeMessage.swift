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

/// Messages from the server.
extension RealtimeMessage {
    /// The answer to a message: `phx_reply` with the same `ref`.
    public static func reply(to message: RealtimeMessage, ok response: JSONValue = .object([:])) -> RealtimeMessage {
        reply(to: message, status: "ok", response)
    }

    /// The refusal of a message. `reason` begins with a code as Supabase's own do: `Unauthorized: …`.
    public static func refusal(of message: RealtimeMessage, _ reason: String) -> RealtimeMessage {
        reply(to: message, status: "error", ["reason": .string(reason)])
    }

    private static func reply(to message: RealtimeMessage, status: String, _ response: JSONValue) -> RealtimeMessage {
        RealtimeMessage(
            joinRef: message.joinRef, ref: message.ref, topic: message.topic, event: "phx_reply",
            payload: ["status": .string(status), "response": response])
    }

    /// A system message for a channel.
    public static func system(
        _ topic: String, joinRef: String?, isFine: Bool, extension part: String = "postgres_changes", _ message: String
    ) -> RealtimeMessage {
        RealtimeMessage(
            joinRef: joinRef, topic: topic, event: "system",
            payload: [
                "extension": .string(part), "status": isFine ? "ok" : "error", "message": .string(message),
                "channel": .string(channelName(topic)),
            ])
    }

    /// The end of a channel; `ref` is that of its join.
    public static func close(_ topic: String, joinRef: String?) -> RealtimeMessage {
        RealtimeMessage(joinRef: joinRef, ref: joinRef, topic: topic, event: "phx_close", payload: .object([:]))
    }

    /// A failed channel: clients rejoin, unlike after ``close(_:joinRef:)``.
    public static func failure(_ topic: String, joinRef: String?, _ reason: String) -> RealtimeMessage {
        RealtimeMessage(
            joinRef: joinRef, ref: joinRef, topic: topic, event: "phx_error", payload: ["reason": .string(reason)])
    }

    /// The channel's name: its topic without `realtime:`.
    private static func channelName(_ topic: String) -> String {
        topic.hasPrefix(topicPrefix) ? String(topic.dropFirst(topicPrefix.count)) : topic
    }

    /// The prefix of channel topics.
    public static let topicPrefix = "realtime:"
    /// The topic of heartbeats.
    public static let phoenix = "phoenix"
}
