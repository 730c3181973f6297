internal import NIOCore
internal import NIOHTTP1

/// Times every phase of an HTTP connection, and refuses requests that are not to be trusted.
///
/// While a request is worked on nothing is timed, so that streams may be silent. Stands before everything that knows the
/// requests; WebSockets have ``Liveness``.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let limits: ConnectionLimits
    private var timer: Scheduled<Void>?
    private var timerAt = NIODeadline.distantFuture

    // Requests may be pipelined: they arrive and are answered in order.
    private var heads = 0
    private var bodies = 0
    private var answers = 0
    /// The answer to the oldest unanswered request has started.
    private var isAnswering = false
    /// Nothing more is taken: the connection closes after what is being written.
    private var isClosing = false

    private var idleSince = NIODeadline.now()
    private var bodySince: NIODeadline?
    private var bodyBytes = 0
    private var unwritableSince: NIODeadline?

    /// How long a peer has to take the last answer before the connection is closed.
    private static let goodbye = TimeAmount.seconds(2)

    init(limits: ConnectionLimits) { self.limits = limits }

    func handlerAdded(context: ChannelHandlerContext) {
        idleSince = .now()
        arm(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
    }

    // MARK: - Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosing else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            heads += 1
            (bodySince, bodyBytes) = (.now(), 0)
            // Which of two names counts, others may decide otherwise (RFC 9112, section 3.2).
            let hosts = head.headers["host"].count
            guard hosts == 1 || hosts == 0 && head.version == .http1_0 else {
                return refuse(.badRequest, "A request names exactly one Host.", context)
            }
        case .body(let bytes): bodyBytes += bytes.readableBytes
        case .end:
            bodies += 1
            bodySince = nil
        }
        arm(context)
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Malformed in the middle of a request: its route may be waiting for the body and would call it a fault of ours.
        if error is HTTPParserError, heads > bodies, !isClosing {
            return refuse(.badRequest, "The body is malformed.", context)
        }
        context.fireErrorCaught(error)
    }

    // MARK: - Answers

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isClosing else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        switch unwrapOutboundIn(data) {
        case .head(var head) where head.status.code >= 200:
            isAnswering = true
            // Refused before its body was read: the rest of it is not waited for.
            if heads > bodies, answers + 1 == heads {
                head.headers.replaceOrAdd(name: "Connection", value: "close")
                return context.write(wrapOutboundOut(.head(head)), promise: promise)
            }
        case .end:
            isAnswering = false
            answers += 1
            idleSince = .now()
            if heads > bodies, answers == heads {
                context.writeAndFlush(data, promise: promise)
                return close(context)
            }
            arm(context)
        default: break
        }
        context.write(data, promise: promise)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        unwritableSince = context.channel.isWritable ? nil : .now()
        arm(context)
        context.fireChannelWritabilityChanged()
    }

    // MARK: - Ends

    private func refuse(_ status: HTTPResponseStatus, _ sentence: String, _ context: ChannelHandlerContext) {
        guard !isAnswering, answers + 1 == heads else {
            // An answer is on its way, or others come first: there is no place for this one.
            isClosing = true
            return context.close(promise: nil)
        }
        let body = #"{"error":"\#(sentence)"}"#
        let head = HTTPResponseHead(
            version: .http1_1, status: status,
            headers: [
                "Content-Type": "application/json; charset=utf-8", "Content-Length": "\(body.utf8.count)",
                "Connection": "close",
            ])
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: body)))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        close(context)
    }

    /// Ends our side after what was written. The other side is read for a little longer: cutting it at once would take
    /// the answer with it.
    private func close(_ context: ChannelHandlerContext) {
        isClosing = true
        timer?.cancel()
        context.close(mode: .output, promise: nil)
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: Self.goodbye) { context.close(promise: nil) }
    }

    // MARK: - Time

    /// When the phase that the connection is in has lasted too long; nil for one that may last.
    private var deadline: NIODeadline? {
        var deadlines: [NIODeadline] = []
        if let unwritableSince { deadlines.append(unwritableSince + TimeAmount(limits.write)) }
        if let bodySince {
            let earned = Double(bodyBytes) / Double(max(1, limits.bodyBytesPerSecond))
            deadlines.append(bodySince + TimeAmount(limits.body) + .milliseconds(Int64(earned * 1000)))
        } else if answers >= heads {
            deadlines.append(idleSince + TimeAmount(limits.idle))
        }
        return deadlines.min()
    }

    private func arm(_ context: ChannelHandlerContext) {
        guard !isClosing, let deadline, timer == nil || deadline < timerAt else { return }
        timer?.cancel()
        timerAt = deadline
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { self.look(context) }
    }

    private func look(_ context: ChannelHandlerContext) {
        timer = nil
        guard !isClosing, let deadline else { return }
        guard deadline <= .now() else { return arm(context) }
        if bodySince != nil, unwritableSince == nil {
            refuse(.requestTimeout, "The body did not arrive in time.", context)
        } else {
            isClosing = true
            context.close(promise: nil)
        }
    }
}
