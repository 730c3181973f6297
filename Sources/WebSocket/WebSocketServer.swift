public import HummingbirdCore

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
