public import WebSocket

/// The limits of the Realtime endpoint.
public struct RealtimeLimits: Sendable {
    /// Connections at a time; more are refused with 429.
    public var connections: Int
    /// Channels of one connection.
    public var channels: Int
    /// Bytes of a channel's topic.
    public var topicBytes: Int
    /// Joins and token changes that a connection may make at once, and how many per second after that.
    public var joins: Int
    public var joinsPerSecond: Int
    /// Bytes of frames handed to a connection at a time, about.
    public var burstBytes: Int

    public init(
        connections: Int = 5000, channels: Int = 100, topicBytes: Int = 255, joins: Int = 100,
        joinsPerSecond: Int = 10, burstBytes: Int = 64 << 10
    ) {
        self.connections = connections
        self.channels = channels
        self.topicBytes = topicBytes
        self.joins = joins
        self.joinsPerSecond = joinsPerSecond
        self.burstBytes = burstBytes
    }

    /// What clients send is small: a join with a hundred filters is the largest.
    public static var webSocket: WebSocketLimits {
        var limits = WebSocketLimits()
        limits.messageBytes = 256 << 10
        return limits
    }
}
