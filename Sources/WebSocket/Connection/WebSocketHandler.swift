internal import NIOCore
internal import NIOWebSocket

/// Joins the protocol to the channel: the only handler of a WebSocket's pipeline, apart from TLS.
final class WebSocketHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    let limits: WebSocketLimits
    private let session: any WebSocketSession
    var machine: WebSocketProtocol
    var liveness: Liveness
    private(set) var connection: WebSocketConnection?
    var queue: MessageQueue?
    var context: ChannelHandlerContext?
    var timer: Scheduled<Void>?

    /// Unprocessed bytes: part of a frame's head, or all that came after the queue was full.
    private var rest = ByteBuffer()
    /// The queue is full: nothing is read until it has room.
    var isHeldUp = false
    /// A read was requested in the meantime.
    private var owesRead = false
    /// The peer will send no more.
    var inputEnded = false
    /// The answer to the peer's Close, while the session is still busy with what came before that.
    var owedClose: ByteBuffer?
    /// A pong that waits until the peer reads: only the latest is owed (RFC 6455, section 5.5.3).
    private var owedPong: ByteBuffer?
    private var needsFlush = false
    /// Bytes written so far, for ``Liveness``.
    var written = 0
    var onWritable: (@Sendable () -> Void)?

    init(session: any WebSocketSession, limits: WebSocketLimits) {
        self.session = session
        self.limits = limits
        machine = WebSocketProtocol(limits: limits)
        liveness = Liveness(limits: limits, now: .now())
    }

    // MARK: - Life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let (loop, bound) = (context.eventLoop, NIOLoopBound(self, eventLoop: context.eventLoop))
        let queue = MessageQueue(limit: limits.queuedMessages) { loop.execute { bound.value.goOn() } }
        self.queue = queue
        connection = WebSocketConnection(channel: context.channel, handler: self, queue: queue)
        schedule(at: .now() + TimeAmount(limits.pingAfter)) { $0.checkPeer() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { finish() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        endMessages()
        context.close(promise: nil)
    }

    /// The connection is gone. Also breaks reference cycles.
    private func finish() {
        timer?.cancel()
        timer = nil
        endMessages()
        (context, connection, queue, onWritable) = (nil, nil, nil, nil)
        rest = ByteBuffer()
    }

    func endMessages() {
        connection?.markClosed()
        queue?.end()
    }

    // MARK: - From the peer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        liveness.heard(at: .now())
        if rest.readableBytes > 0 {
            rest.writeBuffer(&bytes)
        } else {
            rest = bytes
        }
        process()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        flush()
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        if isHeldUp { owesRead = true } else { context.read() }
    }

    private func process() {
        while !isHeldUp, let event = machine.next(from: &rest) { handle(event) }
        if rest.readableBytes == 0 {
            rest = ByteBuffer()
        } else if !isHeldUp {
            // A few bytes of a head: they should not keep the whole read buffer.
            rest = ByteBuffer(bytes: rest.readableBytesView)
        }
        closeIfDone()
    }

    private func handle(_ event: WebSocketProtocol.Event) {
        switch event {
        case .message(let message): isHeldUp = queue?.add(message) == false
        case .ping(let payload): pong(payload)
        case .closed(let reply?): answerCloseLater(reply)
        case .closed(nil): end(reply: nil)
        case .failed(_, let reply): end(reply: reply)
        }
    }

    /// The queue has room again.
    func goOn() {
        guard isHeldUp else { return }
        isHeldUp = false
        process()
        flush()
        guard !isHeldUp, owesRead else { return }
        owesRead = false
        context?.read()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed:
            inputEnded = true
            closeIfDone()
        case is ChannelShouldQuiesceEvent:
            if let connection, !connection.isClosed { session.serverIsGoing(connection) }
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    // MARK: - To the peer

    func send(_ texts: [ByteBuffer]) {
        guard let connection, !connection.isClosed, !texts.isEmpty else { return }
        for text in texts {
            write(FrameEncoding.textHead(length: text.readableBytes))
            if text.readableBytes > 0 { write(text) }
        }
        flush()
    }

    func send(binary: ByteBuffer) {
        guard let connection, !connection.isClosed else { return }
        write(FrameEncoding.head(.binary, length: binary.readableBytes))
        if binary.readableBytes > 0 { write(binary) }
        flush()
    }

    private func pong(_ payload: ByteBuffer) {
        if context?.channel.isWritable == true {
            write(FrameEncoding.frame(.pong, payload))
        } else {
            owedPong = payload
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, let connection, !connection.isClosed {
            if let owedPong {
                self.owedPong = nil
                write(FrameEncoding.frame(.pong, owedPong))
                flush()
            }
            onWritable?()
        }
        context.fireChannelWritabilityChanged()
    }

    func write(_ bytes: ByteBuffer) {
        written += bytes.readableBytes
        needsFlush = true
        context?.write(wrapOutboundOut(bytes), promise: nil)
    }

    func flush() {
        guard needsFlush else { return }
        needsFlush = false
        context?.flush()
    }
}
