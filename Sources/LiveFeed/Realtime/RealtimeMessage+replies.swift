public import Domain

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
