internal import NIOCore
internal import NIOWebSocket

/// How a connection ends (RFC 6455, section 7).
extension WebSocketHandler {
    func close(_ code: WebSocketErrorCode, reason: String) {
        guard let payload = machine.close(code, reason: reason) else { return answerClose() }
        endMessages()
        write(FrameEncoding.frame(.close, payload))
        flush()
        cutLater()
        // The peer's Close may be among what the full queue kept from being read.
        goOn()
    }

    /// The session may still answer what came before the Close (RFC 6455, section 5.5.1, allows to finish first).
    func answerCloseLater(_ reply: ByteBuffer) {
        guard let context else { return }
        owedClose = reply
        schedule(at: .now() + TimeAmount(limits.closeWithin)) { $0.answerClose() }
        let (loop, bound) = (context.eventLoop, NIOLoopBound(self, eventLoop: context.eventLoop))
        queue?.end { loop.execute { bound.value.answerClose() } }
    }

    private func answerClose() {
        guard let owedClose else { return }
        self.owedClose = nil
        end(reply: owedClose)
    }

    /// After the peer's last byte, the connection is over.
    func closeIfDone() {
        guard inputEnded, !isHeldUp, owedClose == nil else { return }
        // Now, not when the channel is inactive: over TLS that may take some seconds more.
        endMessages()
        context?.close(promise: nil)
    }

    /// Nothing more is exchanged. Our half of the TCP connection is closed first: were all of it closed while bytes of
    /// the peer are still unread, TCP would reset it, and the Close frame could be lost.
    func end(reply: ByteBuffer?) {
        endMessages()
        if let reply {
            write(FrameEncoding.frame(.close, reply))
            cutLater()
        }
        flush()
        if inputEnded {
            context?.close(promise: nil)
        } else {
            context?.close(mode: .output, promise: nil)
        }
    }

    /// The time for the close handshake begins.
    private func cutLater() {
        schedule(at: .now() + TimeAmount(limits.closeWithin)) { $0.context?.close(promise: nil) }
    }
}
