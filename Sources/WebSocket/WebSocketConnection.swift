public import NIOCore
public import NIOWebSocket
internal import Synchronization

/// The server's end of an open WebSocket.
///
/// Thread-safe. Calls on ``eventLoop`` take effect at once and are the cheapest; others
/// hop there, in order.
public final class WebSocketConnection: Sendable {
    /// The connection's event loop.
    public let eventLoop: any EventLoop

    let channel: any Channel
    private let handler: NIOLoopBound<WebSocketHandler>
    private let queue: MessageQueue
    private let closed = Atomic(false)

    /// Must be called on the channel's event loop.
    init(channel: any Channel, handler: WebSocketHandler, queue: MessageQueue) {
        eventLoop = channel.eventLoop
        self.channel = channel
        self.handler = NIOLoopBound(handler, eventLoop: channel.eventLoop)
        self.queue = queue
    }

    /// The peer's messages, for a single consumer.
    public var messages: WebSocketMessages { WebSocketMessages(queue: queue) }

    /// Sends each of `texts` as a text message of one frame, all in one flush. Never waits, and copies no payload: many
    /// connections can be sent the same buffer. Ignored once the connection is closed.
    ///
    /// Unread data stays in memory; check ``isWritable``.
    ///
    /// - Parameter texts: valid UTF-8; not checked.
    public func send(_ texts: [ByteBuffer]) {
        // Inlined hot path: avoids a closure on the loop.
        if eventLoop.inEventLoop {
            handler.value.send(texts)
        } else {
            eventLoop.execute { self.handler.value.send(texts) }
        }
    }

    /// Sends a binary message of one frame. Otherwise as ``send(_:)``.
    public func send(binary: ByteBuffer) {
        onLoop { $0.send(binary: binary) }
    }

    /// Whether more should be sent now: false from the upper bound of ``WebSocketLimits/writeBuffer`` until below the
    /// lower one, and once the connection is closed.
    public var isWritable: Bool { !isClosed && channel.isWritable }

    /// Sets what is called, on the event loop, each time ``isWritable`` turns true again. Replaces what was set before;
    /// dropped when the connection ends.
    public func onWritable(_ callback: @escaping @Sendable () -> Void) {
        onLoop { $0.onWritable = callback }
    }

    /// Begins the close handshake (RFC 6455, section 7.1.2): pending messages are still sent, later ones are not,
    /// and what the peer still sends is dropped. Ignored once the connection is closed.
    ///
    /// - Parameters:
    ///   - code: a valid code (1000–1003, 1007–1014, 3000–4999); others become 1000.
    ///   - reason: cut to 123 bytes of UTF-8.
    public func close(_ code: WebSocketErrorCode, reason: String) {
        onLoop { $0.close(code, reason: reason) }
    }

    /// Whether our Close has been sent, or the connection has been lost. The peer's Close is answered once the session has
    /// taken all messages before it and asks for more.
    public var isClosed: Bool { closed.load(ordering: .relaxed) }

    func markClosed() { closed.store(true, ordering: .relaxed) }

    private func onLoop(_ action: @escaping @Sendable (WebSocketHandler) -> Void) {
        if eventLoop.inEventLoop {
            action(handler.value)
        } else {
            eventLoop.execute { action(self.handler.value) }
        }
    }
}
