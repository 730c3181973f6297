internal import Domain
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

/// A token bucket: a burst, then a steady rate.
struct TokenBucket: Sendable {
    var capacity: Int
    var perSecond: Int
    private var tokens: Double
    private var at: Timestamp

    init(capacity: Int, perSecond: Int, at now: Timestamp) {
        self.capacity = capacity
        self.perSecond = perSecond
        tokens = Double(capacity)
        at = now
    }

    /// Takes `count` tokens; takes none and returns false if there are fewer.
    mutating func take(_ count: Int = 1, at now: Timestamp) -> Bool {
        tokens = available(at: now)
        at = now
        guard tokens >= Double(count) else { return false }
        tokens -= Double(count)
        return true
    }

    /// Whether nothing is taken that has not come back.
    func isFull(at now: Timestamp) -> Bool { available(at: now) >= Double(capacity) }

    private func available(at now: Timestamp) -> Double {
        let elapsed = Double(max(0, now.milliseconds(since: at))) / 1000
        return min(Double(capacity), tokens + elapsed * Double(perSecond))
    }
}
