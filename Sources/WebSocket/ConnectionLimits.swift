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
