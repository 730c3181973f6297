internal import NIOCore
internal import NIOHTTP1

/// Makes a request the last one of its connection: one that asks for an upgrade it won't get; or every one.
///
/// NIO's decoder reads nothing more after a refused upgrade, so a client that went on would wait for ever. And a WebSocket
/// can only begin with the first request of a connection, while proxies send upgrades on connections that they have used
/// before: behind one, no connection may be used twice.
final class LastRequest: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let isEvery: Bool
    private var requests = 0
    private var answers = 0
    private var lastRequest: Int?

    /// - Parameter isEvery: every request is the last one.
    init(isEvery: Bool) { self.isEvery = isEvery }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(var head) = unwrapInboundIn(data) else { return context.fireChannelRead(data) }
        requests += 1
        guard isEvery || head.asksForUpgrade else { return context.fireChannelRead(data) }
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
