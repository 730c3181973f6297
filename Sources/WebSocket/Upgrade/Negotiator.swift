internal import HTTPTypes
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPTypesHTTP1

/// Holds a connection's first request until it is known what the connection becomes, then makes it that and leaves.
///
/// NIO's own upgrade handlers are not used. They lose the head of a first request whose upgrade is refused, and before the
/// first request they neither answer garbage, nor time a silent client out, nor close when the server shuts down.
final class Negotiator: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private enum State {
        /// Nothing has been requested.
        case waiting
        /// The endpoint is asked about a handshake; these parts of the request are held.
        case deciding([HTTPServerRequestPart], Task<Void, Never>)
        /// The connection is a WebSocket; the decoder is about to leave and to hand over what followed the request.
        case switching
        case done
    }

    let outcome: EventLoopPromise<WebSocketChannel.Outcome>
    private let endpoint: any WebSocketEndpoint
    private let limits: WebSocketLimits
    private let encoder: HTTPResponseEncoder
    private let decoder: ByteToMessageHandler<HTTPRequestDecoder>
    private let addHTTP: (any Channel) throws -> WebSocketChannel.Outcome
    private var state = State.waiting
    private var timer: Scheduled<Void>?
    private var owesRead = false
    /// The server began to shut down while the endpoint was asked.
    private var isGoing = false

    init(
        endpoint: any WebSocketEndpoint, limits: WebSocketLimits, encoder: HTTPResponseEncoder,
        decoder: ByteToMessageHandler<HTTPRequestDecoder>, outcome: EventLoopPromise<WebSocketChannel.Outcome>,
        addHTTP: @escaping (any Channel) throws -> WebSocketChannel.Outcome
    ) {
        self.endpoint = endpoint
        self.limits = limits
        self.encoder = encoder
        self.decoder = decoder
        self.outcome = outcome
        self.addHTTP = addHTTP
    }

    // MARK: - Events

    func handlerAdded(context: ChannelHandlerContext) {
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(limits.firstRequestWithin)) {
            context.close(promise: nil)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        if case .deciding(_, let task) = state { task.cancel() }
        if case .done = state { return }
        state = .done
        outcome.fail(ChannelError.eof)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch state {
        case .waiting:
            let part = unwrapInboundIn(data)
            timer?.cancel()
            if case .head(let head) = part, let handshake = Handshake(head), let request = asked(head) {
                state = .deciding([part], decide(handshake, request, context: context))
            } else {
                becomeHTTP([part], context: context)
            }
        case .deciding(let parts, let task):
            state = .deciding(parts + [unwrapInboundIn(data)], task)
        case .switching, .done:
            context.fireChannelRead(data)
        }
    }

    func read(context: ChannelHandlerContext) {
        switch state {
        case .waiting, .done: context.read()
        case .deciding, .switching: owesRead = true
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch (event, state) {
        case (is ChannelShouldQuiesceEvent, .waiting): context.close(promise: nil)
        case (is ChannelShouldQuiesceEvent, .deciding): isGoing = true
        case (ChannelEvent.inputClosed, .waiting), (ChannelEvent.inputClosed, .deciding): context.close(promise: nil)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch state {
        case .waiting where error is HTTPParserError:
            // As on any other HTTP connection: Hummingbird answers 400.
            becomeHTTP([], failing: error, context: context)
        case .waiting, .deciding: context.close(promise: nil)
        case .switching, .done: context.fireErrorCaught(error)
        }
    }

    // MARK: - The decision

    /// The request, where the endpoint may be asked about it.
    private func asked(_ head: HTTPRequestHead) -> HTTPRequest? {
        guard let request = try? HTTPRequest(head, secure: false, splitCookie: false) else { return nil }
        let path = (request.path ?? "/").prefix { $0 != "?" }
        return endpoint.serves(path: String(path)) ? request : nil
    }

    private func decide(
        _ handshake: Handshake, _ request: HTTPRequest, context: ChannelHandlerContext
    ) -> Task<Void, Never> {
        let loop = context.eventLoop
        let bound = NIOLoopBound((self, context), eventLoop: loop)
        return Task { [endpoint] in
            let session = await endpoint.admit(request)
            loop.execute {
                let (negotiator, context) = bound.value
                negotiator.decided(handshake, session, context: context)
            }
        }
    }

    private func decided(_ handshake: Handshake, _ session: (any WebSocketSession)?, context: ChannelHandlerContext) {
        guard case .deciding(let parts, _) = state else { return }
        if let session {
            becomeWebSocket(handshake, session, context: context)
        } else {
            becomeHTTP(parts, context: context)
        }
    }

    // MARK: - What it becomes

    private func becomeHTTP(
        _ parts: [HTTPServerRequestPart], failing error: (any Error)? = nil, context: ChannelHandlerContext
    ) {
        state = .done
        timer?.cancel()
        do {
            outcome.succeed(try addHTTP(context.channel))
        } catch {
            outcome.fail(error)
            return context.close(promise: nil)
        }
        for part in parts { context.fireChannelRead(wrapInboundOut(part)) }
        if let error { context.fireErrorCaught(error) }
        leave(context)
    }

    private func becomeWebSocket(
        _ handshake: Handshake, _ session: any WebSocketSession, context: ChannelHandlerContext
    ) {
        state = .switching
        context.writeAndFlush(wrapOutboundOut(.head(handshake.response)), promise: nil)
        let pipeline = context.pipeline.syncOperations
        pipeline.removeHandler(encoder, promise: nil)
        let handler = WebSocketHandler(session: session, limits: limits)
        do {
            context.channel.tune(for: limits)
            try pipeline.addHandler(handler)
        } catch {
            return context.close(promise: nil)
        }
        // What the client sent right after its handshake comes through here from the decoder as it leaves.
        pipeline.removeHandler(decoder).assumeIsolated().whenComplete { _ in
            guard case .switching = self.state, let connection = handler.connection else { return }
            self.state = .done
            self.outcome.succeed(.webSocket(connection, session))
            self.leave(context)
        }
    }

    private func leave(_ context: ChannelHandlerContext) {
        if owesRead { context.fireChannelReadComplete() }
        if isGoing { context.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
        let pipeline = context.pipeline
        let owesRead = owesRead
        pipeline.syncOperations.removeHandler(context: context, promise: nil)
        if owesRead { pipeline.read() }
    }
}
