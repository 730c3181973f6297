internal import HTTPTypes
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPTypes
internal import NIOHTTPTypesHTTP1
internal import NIOWebSocket

/// A connection that begins as HTTP/1.1 and may become a WebSocket with its first request.
struct WebSocketChannel: HTTPChannelHandler {
    /// What became of a connection.
    enum Outcome: Sendable {
        case http(NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>)
        case webSocket(WebSocketConnection, any WebSocketSession)
    }

    struct Value: ServerChildChannelValue {
        let channel: any Channel
        /// Fails where the connection ends before its first request.
        let outcome: EventLoopFuture<Outcome>
    }

    let responder: HTTPChannelHandler.Responder
    let configuration: HTTP1Channel.Configuration
    let endpoint: any WebSocketEndpoint
    let limits: WebSocketLimits
    let connections: ConnectionLimits
    let count: ConnectionCount
    let closesAfterEachRequest: Bool

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            guard count.admit(channel) else {
                count.turnAway(channel)
                return Value(channel: channel, outcome: channel.eventLoop.makeFailedFuture(ChannelError.eof))
            }
            var decoderLimits = NIOHTTPDecoderLimitConfiguration()
            decoderLimits.maxHeaderFieldSize = configuration.httpDecoder.maxHeaderFieldSize
            decoderLimits.maxHeaderListSize = configuration.httpDecoder.maxHeaderListSize
            decoderLimits.maxHeaderFieldCount = configuration.httpDecoder.maxHeaderFieldCount
            let encoder = HTTPResponseEncoder(configuration: .init())
            let decoder = ByteToMessageHandler(
                HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: decoderLimits))
            let negotiator = Negotiator(
                endpoint: endpoint, limits: limits, encoder: encoder, decoder: decoder,
                outcome: channel.eventLoop.makePromise()
            ) { try addHTTP(to: $0, logger: logger) }
            try channel.pipeline.syncOperations.addHandlers(encoder, decoder, negotiator)
            return Value(channel: channel, outcome: negotiator.outcome.futureResult)
        }
    }

    /// Adds what Hummingbird's `HTTP1Channel` has after NIO's coders.
    private func addHTTP(to channel: any Channel, logger: Logger) throws -> Outcome {
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(ConnectionGuard(limits: connections))
        try pipeline.addHandlers(LastRequest(isEvery: closesAfterEachRequest), HTTP1ToHTTPServerCodec(secure: false))
        try pipeline.addHandlers(configuration.additionalChannelHandlers())
        let idleTimeout = configuration.idleTimeout.map { Duration($0) }
        try pipeline.addHandler(HTTPConnectionStateHandler(idleTimeout: idleTimeout, logger: logger))
        let parts = try NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>(
            wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
        return .http(parts)
    }

    func handle(value: Value, logger: Logger) async {
        await withTaskCancellationHandler {
            switch try? await value.outcome.get() {
            case .http(let parts): await handleHTTP(asyncChannel: parts, logger: logger)
            case .webSocket(let connection, let session): await run(session, on: connection)
            case nil: break
            }
        } onCancel: {
            // Only a server that is past its time for a graceful shutdown cancels.
            value.channel.close(promise: nil)
        }
    }

    private func run(_ session: any WebSocketSession, on connection: WebSocketConnection) async {
        await session.run(connection)
        connection.close(.normalClosure, reason: "")
        try? await connection.channel.closeFuture.get()
    }
}
