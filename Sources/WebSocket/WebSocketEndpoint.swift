public import HTTPTypes
internal import NIOWebSocket

/// Says which requests become WebSockets.
public protocol WebSocketEndpoint: Sendable {
    /// Whether requests to this path may become WebSockets. Asked on the event loop: must not wait.
    ///
    /// - Parameter path: the request's path as it was sent, without the query.
    func serves(path: String) -> Bool

    /// Decides on a valid opening handshake to a served path (RFC 6455, section 4.2.1).
    ///
    /// The request's `Origin` has not been looked at: the endpoint must check it. The task is cancelled when the client
    /// leaves; what it returns then is dropped.
    ///
    /// - Returns: the session for the new connection; `nil` refuses: the request goes to the HTTP router as an ordinary
    ///   one, and the client sees its answer (401, 403, 426, …).
    func admit(_ request: HTTPRequest) async -> (any WebSocketSession)?
}

/// The server's side of one connection.
public protocol WebSocketSession: Sendable {
    /// Runs while messages arrive. When it returns, the connection is closed with 1000 if it isn't already.
    ///
    /// It must return when ``WebSocketConnection/messages`` ends: the server's shutdown waits for it. The task is
    /// Canceled only if the server is; then the connection is closed.
    func run(_ connection: WebSocketConnection) async

    /// Called at most once when the server shuts down, on the connection's event loop. The default closes with 1001.
    func serverIsGoing(_ connection: WebSocketConnection)
}

extension WebSocketSession {
    /// Closes with 1001, "going away".
    public func serverIsGoing(_ connection: WebSocketConnection) {
        connection.close(.goingAway, reason: "")
    }
}
