/// Resource limits of a WebSocket connection. Every limit is inclusive: a value equal to it is still allowed.
public struct WebSocketLimits: Sendable {
    /// Bytes of one received message, summed over its fragments. A larger one is answered with close code 1009 as soon as
    /// a frame's header tells, before its payload is read. At least 0.
    public var messageBytes: Int
    /// Frames of one received message. More are answered with close code 1009: the message is too big, in frames.
    public var fragments: Int
    /// Messages waiting for the session. At this limit, reading pauses, which applies back pressure to the
    /// peer through TCP; below half of it, reading resumes. At least 1. A connection can so hold up to
    /// `queuedMessages` × `messageBytes`.
    public var queuedMessages: Int
    /// Idle time before a ping.
    public var pingAfter: Duration
    /// Time to respond to a ping; then the connection is closed. Any bytes from the peer count, and so does
    /// progress of our own writes where they had been waiting for the peer to read.
    public var pongWithin: Duration
    /// Time for the rest of the close handshake, once a Close frame has been sent; then the connection is cut. Also the
    /// time that a session has for what came before the peer's Close, until that is answered anyway.
    public var closeWithin: Duration
    /// Time for the first complete request head on a new connection; then the connection is closed.
    public var firstRequestWithin: Duration
    /// Bytes waiting to be sent: above the upper bound ``WebSocketConnection/isWritable`` turns false, below the lower
    /// bound true again. Both above 0.
    public var writeBuffer: ClosedRange<Int>

    /// The defaults, to be changed field by field.
    public init() {
        messageBytes = 1 << 20
        fragments = 1024
        queuedMessages = 16
        pingAfter = .seconds(20)
        pongWithin = .seconds(20)
        closeWithin = .seconds(5)
        firstRequestWithin = .seconds(30)
        writeBuffer = (32 << 10)...(128 << 10)
    }
}

/// What an HTTP connection may cost the server, in number and in time. (The first request of a connection is timed by
/// ``WebSocketLimits/firstRequestWithin``.)
public struct ConnectionLimits: Sendable {
    /// The maximum number of open connections. Further ones are answered 503 and closed.
    public var connections: Int
    /// Time between an answer and the complete head of the next request.
    public var idle: Duration
    /// Time for a request's body to arrive, to which each `bodyBytesPerSecond` received adds a second.
    public var body: Duration
    public var bodyBytesPerSecond: Int
    /// Time in which a peer that has fallen behind must read at least half of the write buffer (32 KiB).
    public var write: Duration

    /// The defaults, to be changed field by field.
    public init() {
        connections = .max
        // Longer than common clients keep an idle connection (60 s): they end it, not we.
        idle = .seconds(75)
        body = .seconds(20)
        bodyBytesPerSecond = 32 << 10
        write = .seconds(30)
    }

    /// The maximum number of connections that are being refused at the same time: each needs an open file, too.
    var refusals: Int { max(1, min(64, connections / 4)) }

    /// The maximum number of connections to accept; further ones wait in the system's queue until one closes.
    public var accepted: Int { connections > .max - refusals ? .max : connections + refusals }
}
