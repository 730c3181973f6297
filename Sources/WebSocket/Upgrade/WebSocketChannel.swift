internal import HTTPTypes
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPTypes
internal import NIOHTTPTypesHTTP1
internal import NIOWebSocket

/// A connection that starts as HTTP/1.1 and may become a WebSocket.
struct WebSocketChannel: HTTPChannelHandler {
    /// The result of the negotiation.
    enum Outcome: Sendable {
        case http(NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>)
        case webSocket(WebSocketConnection, any WebSocketSession)
    }

    /// An HTTP connection that has become a WebSocket.
    struct Upgrade: Sendable {
        let connection: WebSocketConnection
        let session: any WebSocketSession
    }

    struct Value: ServerChildChannelValue {
        let channel: any Channel
        /// Fails if the connection ends before its first request.
        let outcome: EventLoopFuture<Outcome>
        /// Fails if the connection does not become a WebSocket with a later request.
        let upgrade: EventLoopFuture<Upgrade>
    }

    let responder: HTTPChannelHandler.Responder
    let configuration: HTTP1Channel.Configuration
    let endpoint: any WebSocketEndpoint
    let limits: WebSocketLimits
    let connections: ConnectionLimits
    let count: ConnectionCount

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            guard count.admit(channel) else {
                count.turnAway(channel)
                return Value(
                    channel: channel, outcome: channel.eventLoop.makeFailedFuture(ChannelError.eof),
                    upgrade: channel.eventLoop.makeFailedFuture(ChannelError.eof))
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
                outcome: channel.eventLoop.makePromise(), upgrade: channel.eventLoop.makePromise()
            ) { try addHTTP(to: $0, logger: logger) }
            try channel.pipeline.syncOperations.addHandlers(encoder, decoder, negotiator)
            return Value(
                channel: channel, outcome: negotiator.outcome.futureResult, upgrade: negotiator.upgrade.futureResult)
        }
    }

    /// Adds what Hummingbird's `HTTP1Channel` has after NIO's coders.
    private func addHTTP(to channel: any Channel, logger: Logger) throws -> Outcome {
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(ConnectionGuard(limits: connections))
        try pipeline.addHandlers(LastRequest(), HTTP1ToHTTPServerCodec(secure: false))
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
            case .http(let parts):
                async let requests: Void = handleHTTP(asyncChannel: parts, logger: logger)
                if let upgrade = try? await value.upgrade.get() { await run(upgrade.session, on: upgrade.connection) }
                await requests
            case .webSocket(let connection, let session): await run(session, on: connection)
            case nil: break
            }
        } onCancel: {
            // Only a server whose time for a graceful shutdown is over cancels.
            value.channel.triggerUserOutboundEvent(RetiredHTTP.Cut(), promise: nil)
            value.channel.close(promise: nil)
        }
    }

    private func run(_ session: any WebSocketSession, on connection: WebSocketConnection) async {
        await session.run(connection)
        connection.close(.normalClosure, reason: "")
        try? await connection.channel.closeFuture.get()
    }
}

extension Channel {
    /// Sets a socket up for a WebSocket: little memory while idle, and write watermarks that reflect the peer's reading.
    func tune(for limits: WebSocketLimits) {
        let options = syncOptions
        let marks = limits.writeBuffer
        try? options?.setOption(.writeBufferWaterMark, value: .init(low: marks.lowerBound, high: marks.upperBound))
        // The buffers are kept for the next read: one, and a small one, rather than up to four of 64 KiB.
        try? options?.setOption(
            .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 256, initial: 1024, maximum: 16 << 10))
        try? options?.setOption(.maxMessagesPerRead, value: 1)
        #if os(Linux)
            // TCP_NOTSENT_LOWAT: the kernel would take megabytes for a peer that does not read, and hide that from us.
            let notSentLowWater = ChannelOptions.Types.SocketOption(level: .tcp, name: .init(rawValue: 25))
            setOption(notSentLowWater, value: marks.upperBound).whenFailure { _ in }
        #endif
    }
}
