public import HTTPTypes
internal import NIOWebSocket

/// Says which requests become WebSockets.
public protocol WebSocketEndpoint: Sendable {
    /// Whether requests to this path may become WebSockets. Asked on the event loop: must not wait.
    ///
    /// - Parameter path: the request's path as it was sent, without the query.
    func serves(path: String) -> Bool

    /// Decides over a request to a served path that is a valid opening handshake (RFC 6455, section 4.2.1).
    ///
    /// The request's `Origin` has not been looked at: that is the endpoint's to do. The task is cancelled when the client
    /// leaves; what it returns then is dropped.
    ///
    /// - Returns: what talks on the new connection. `nil` refuses: the request goes on to the HTTP router as an ordinary
    ///   one, and the client sees its answer (401, 403, 426, …).
    func admit(_ request: HTTPRequest) async -> (any WebSocketSession)?
}

/// The server's side of one connection.
public protocol WebSocketSession: Sendable {
    /// Talks as long as messages come. When it returns, the connection is closed with 1000 if it isn't already.
    ///
    /// It must return when ``WebSocketConnection/messages`` ends: the server's shutdown waits for it. The task is
    /// cancelled only where the whole server is; the connection is then cut.
    func run(_ connection: WebSocketConnection) async

    /// The server is shutting down. Called at most once, on the connection's event loop. The default closes with 1001.
    func serverIsGoing(_ connection: WebSocketConnection)
}

extension WebSocketSession {
    /// Closes with 1001, "going away".
    public func serverIsGoing(_ connection: WebSocketConnection) {
        connection.close(.goingAway, reason: "")
    }
}
