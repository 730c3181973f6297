public import HTTPTypes
public import HummingbirdCore
public import NIOCore
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

extension HTTPServerBuilder {
    /// HTTP/1.1 whose connections may become WebSockets (RFC 6455), with any of their requests. For TLS, pass it to
    /// `.tls(_:tlsConfiguration:)`.
    ///
    /// Differs from `.http1(configuration:)` only as follows: each phase of a connection is timed, and their number
    /// limited, by `connections`; a request with two Host headers or a malformed body is answered 400; a connection without a first request is closed
    /// after ``WebSocketLimits/firstRequestWithin`` and on graceful shutdown, and a connection that requested an upgrade
    /// to any protocol and was refused is closed after the response.
    ///
    /// - Parameters:
    ///   - configuration: as for `.http1(configuration:)`; does not apply to WebSocket connections.
    ///   - webSocket: says which requests become WebSockets.
    ///   - limits: what each WebSocket may cost.
    ///   - connections: what each HTTP connection may cost.
    public static func http1(
        configuration: HTTP1Channel.Configuration = .init(), webSocket: any WebSocketEndpoint,
        limits: WebSocketLimits = .init(), connections: ConnectionLimits = .init()
    ) -> HTTPServerBuilder {
        HTTPServerBuilder { responder in
            WebSocketChannel(
                responder: responder, configuration: configuration, endpoint: webSocket, limits: limits,
                connections: connections, count: ConnectionCount(limits: connections))
        }
    }
}

/// A whole message of the peer (RFC 6455, section 5.6), put together from its fragments.
public enum WebSocketMessage: Sendable, Equatable {
    /// A text message; its UTF-8 has been checked.
    case text(String)
    /// A binary message.
    case binary(ByteBuffer)
}

/// The messages of a connection, in the order in which they were sent.
///
/// For one consumer. Ends when either side closes the connection; messages received before can still be taken. Ends early
/// where the consuming task is cancelled.
public struct WebSocketMessages: AsyncSequence, Sendable {
    let queue: MessageQueue

    /// Takes one message after the other.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let queue: MessageQueue

        /// The next message; `nil` at the end.
        public mutating func next() async -> WebSocketMessage? { await queue.next() }

        /// The next message; `nil` at the end.
        public mutating func next(isolation actor: isolated (any Actor)?) async -> WebSocketMessage? {
            await queue.next()
        }
    }

    /// Starts iterating; a later iterator continues.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(queue: queue) }
}
