internal import HTTPTypes
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPTypesHTTP1

/// Decides what a connection becomes. It starts as HTTP with its first request, unless that one becomes a WebSocket. A
/// later request may still become one, once the responses before it are written: proxies reuse connections.
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
        /// Requests and responses pass.
        case http
        /// A handshake waits for the responses to earlier requests; these parts of it are held.
        case queued([HTTPServerRequestPart], Handshake, HTTPRequest)
        /// The connection is a WebSocket; the decoder is about to be removed and to pass on what followed the request.
        case switching
        case done
    }

    let outcome: EventLoopPromise<WebSocketChannel.Outcome>
    /// The WebSocket that an HTTP connection becomes with a later request. Fails if it never does.
    let upgrade: EventLoopPromise<WebSocketChannel.Upgrade>
    private let endpoint: any WebSocketEndpoint
    private let limits: WebSocketLimits
    private let encoder: HTTPResponseEncoder
    private let decoder: ByteToMessageHandler<HTTPRequestDecoder>
    private let addHTTP: (any Channel) throws -> WebSocketChannel.Outcome
    private var state = State.waiting
    private var timer: Scheduled<Void>?
    private var owesRead = false
    /// Shutdown started during the decision.
    private var isGoing = false
    /// The HTTP handlers are in the pipeline.
    private var isHTTP = false
    /// Requests without a complete response.
    private var pending = 0

    init(
        endpoint: any WebSocketEndpoint, limits: WebSocketLimits, encoder: HTTPResponseEncoder,
        decoder: ByteToMessageHandler<HTTPRequestDecoder>, outcome: EventLoopPromise<WebSocketChannel.Outcome>,
        upgrade: EventLoopPromise<WebSocketChannel.Upgrade>,
        addHTTP: @escaping (any Channel) throws -> WebSocketChannel.Outcome
    ) {
        self.endpoint = endpoint
        self.limits = limits
        self.encoder = encoder
        self.decoder = decoder
        self.outcome = outcome
        self.upgrade = upgrade
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
        if !isHTTP { outcome.fail(ChannelError.eof) }
        upgrade.fail(ChannelError.eof)
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
        case .queued(let parts, let handshake, let request):
            state = .queued(parts + [unwrapInboundIn(data)], handshake, request)
        case .http:
            let part = unwrapInboundIn(data)
            guard case .head(let head) = part else { return context.fireChannelRead(data) }
            guard let handshake = Handshake(head), let request = asked(head) else {
                pending += 1
                return context.fireChannelRead(data)
            }
            if pending == 0 {
                state = .deciding([part], decide(handshake, request, context: context))
            } else {
                state = .queued([part], handshake, request)
            }
        case .switching, .done:
            context.fireChannelRead(data)
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        context.write(data, promise: promise)
        guard isHTTP, case .end = unwrapOutboundIn(data) else { return }
        pending -= 1
        guard pending == 0, case .queued(let parts, let handshake, let request) = state else { return }
        context.flush()
        state = .deciding(parts, decide(handshake, request, context: context))
    }

    func read(context: ChannelHandlerContext) {
        switch state {
        case .waiting, .http, .done: context.read()
        case .deciding, .queued, .switching: owesRead = true
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch (event, state) {
        case (is ChannelShouldQuiesceEvent, .waiting): context.close(promise: nil)
        case (is ChannelShouldQuiesceEvent, .deciding), (is ChannelShouldQuiesceEvent, .switching): isGoing = true
        case (ChannelEvent.inputClosed, .waiting), (ChannelEvent.inputClosed, .deciding): context.close(promise: nil)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch state {
        case .waiting where error is HTTPParserError:
            // As on any other HTTP connection: Hummingbird answers 400.
            becomeHTTP([], failing: error, context: context)
        case .waiting, .deciding, .queued: context.close(promise: nil)
        case .http, .switching, .done: context.fireErrorCaught(error)
        }
    }

    // MARK: - The decision

    /// The request, if the endpoint decides about it.
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

    // MARK: - Switching

    private func becomeHTTP(
        _ parts: [HTTPServerRequestPart], failing error: (any Error)? = nil, context: ChannelHandlerContext
    ) {
        state = .http
        timer?.cancel()
        if !isHTTP {
            isHTTP = true
            do {
                outcome.succeed(try addHTTP(context.channel))
            } catch {
                outcome.fail(error)
                return context.close(promise: nil)
            }
        }
        for part in parts {
            if case .head = part { pending += 1 }
            context.fireChannelRead(wrapInboundOut(part))
        }
        if let error { context.fireErrorCaught(error) }
        if owesRead { context.fireChannelReadComplete() }
        if isGoing { context.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
        isGoing = false
        guard owesRead else { return }
        owesRead = false
        context.read()
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
            try pipeline.addHandler(handler, position: .after(self))
            if isHTTP { try retireHTTP(in: pipeline, after: handler) }
        } catch {
            return context.close(promise: nil)
        }
        // What the client sent right after its handshake comes through here from the decoder as it leaves.
        pipeline.removeHandler(decoder).assumeIsolated().whenComplete { _ in
            guard case .switching = self.state, let connection = handler.connection else { return }
            self.state = .done
            if self.isHTTP {
                self.upgrade.succeed(.init(connection: connection, session: session))
            } else {
                self.outcome.succeed(.webSocket(connection, session))
                self.upgrade.fail(ChannelError.eof)
            }
            self.leave(context)
        }
    }

    /// The handlers that Hummingbird reads requests through can't be removed: they are cut off instead.
    private func retireHTTP(
        in pipeline: ChannelPipeline.SynchronousOperations, after handler: WebSocketHandler
    ) throws {
        try pipeline.addHandler(RetiredHTTP(), position: .after(handler))
        pipeline.removeHandler(try pipeline.handler(type: ConnectionGuard.self), promise: nil)
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

/// Stands between a WebSocket and the HTTP handlers that it no longer needs: nothing passes in either direction, but that
/// the connection has ended.
final class RetiredHTTP: ChannelDuplexHandler {
    typealias InboundIn = NIOAny
    typealias OutboundIn = NIOAny

    /// Closes the connection at once, whatever it has become.
    struct Cut {}

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {}

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.ioOnClosedChannel)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        promise?.succeed()
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        if event is Cut { context.close(promise: promise) } else { promise?.succeed() }
    }
}

/// Makes a request that asks for an upgrade, and won't get it, the last one of its connection.
///
/// NIO's decoder reads nothing more after a refused upgrade, so a client that continued would wait forever.
final class LastRequest: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private var requests = 0
    private var answers = 0
    private var lastRequest: Int?

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(var head) = unwrapInboundIn(data) else { return context.fireChannelRead(data) }
        requests += 1
        guard head.asksForUpgrade else { return context.fireChannelRead(data) }
        lastRequest = lastRequest ?? requests
        head.headers.remove(name: "Upgrade")
        // Hummingbird closes the connection after its answer to such a request.
        head.headers.replaceOrAdd(name: "Connection", value: "close")
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .head(var head) = unwrapOutboundIn(data), head.status.code >= 200 else {
            return context.write(data, promise: promise)
        }
        answers += 1
        if answers == lastRequest { head.headers.replaceOrAdd(name: "Connection", value: "close") }
        context.write(wrapOutboundOut(.head(head)), promise: promise)
    }
}
