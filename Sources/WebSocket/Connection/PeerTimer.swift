internal import NIOCore

/// The connection's one timer: for pings, then for the close handshake.
extension WebSocketHandler {
    func checkPeer() {
        guard let context, connection?.isClosed == false else { return }
        let waiting = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        switch liveness.check(at: .now(), waiting: waiting, written: written, isDeaf: isHeldUp) {
        case .wait(let time):
            schedule(at: time) { $0.checkPeer() }
        case .ping(let time):
            write(FrameEncoding.frame(.ping, ByteBuffer()))
            flush()
            schedule(at: time) { $0.checkPeer() }
        case .dead:
            context.close(promise: nil)
        }
    }

    /// One timer at a time: the last one set.
    func schedule(at time: NIODeadline, _ action: @escaping @Sendable (WebSocketHandler) -> Void) {
        guard let context else { return }
        timer?.cancel()
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: time) { [weak self] in
            if let self { action(self) }
        }
    }
}
