internal import NIOCore

/// Decides when to ping a peer and when it is dead. Pure: times are passed in.
struct Liveness {
    /// What is to be done now.
    enum Verdict: Equatable {
        /// Nothing before this time.
        case wait(until: NIODeadline)
        /// Send a ping, and ask again at this time.
        case ping(askAgainAt: NIODeadline)
        /// No response: close the connection.
        case dead
    }

    private let pingAfter: TimeAmount
    private let pongWithin: TimeAmount
    private var lastSign: NIODeadline
    private var pingedAt: NIODeadline?
    /// The write side as it was at the last check.
    private var waiting = 0
    private var written = 0

    init(limits: WebSocketLimits, now: NIODeadline) {
        pingAfter = TimeAmount(limits.pingAfter)
        pongWithin = TimeAmount(limits.pongWithin)
        lastSign = now
    }

    /// Something came from the peer.
    mutating func heard(at now: NIODeadline) {
        lastSign = now
        pingedAt = nil
    }

    /// Looks at the connection.
    ///
    /// - Parameters:
    ///   - waiting: bytes that the socket has not taken yet.
    ///   - written: bytes written so far, in all.
    ///   - isDeaf: we have paused reading, so silence is not the peer's fault.
    mutating func check(at now: NIODeadline, waiting: Int, written: Int, isDeaf: Bool) -> Verdict {
        // What the socket takes at once only shows that there is room in its buffer. What had to wait and then went shows
        // that the peer reads.
        let hasRead = self.waiting > 0 && self.waiting + (written - self.written) > waiting
        (self.waiting, self.written) = (waiting, written)
        if hasRead || isDeaf { heard(at: now) }

        if let pingedAt {
            return now >= pingedAt + pongWithin ? .dead : .wait(until: min(now + pingAfter, pingedAt + pongWithin))
        }
        guard now >= lastSign + pingAfter else { return .wait(until: lastSign + pingAfter) }
        pingedAt = now
        // A pong may come at once: the next ping is then due before this one's time is over.
        return .ping(askAgainAt: now + min(pingAfter, pongWithin))
    }
}

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
