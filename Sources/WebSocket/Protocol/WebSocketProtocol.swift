internal import NIOCore
internal import NIOWebSocket

/// The server's side of RFC 6455 after the handshake, without any I/O: bytes and close requests in, events out.
struct WebSocketProtocol {
    /// Events from the peer's bytes.
    enum Event: Equatable {
        /// A whole message.
        case message(WebSocketMessage)
        /// A ping, to be answered with a pong of the same payload.
        case ping(ByteBuffer)
        /// The peer's Close. `reply` is the payload of the Close frame that is due, `nil` where ours has been sent. The
        /// handshake is then complete.
        case closed(reply: ByteBuffer?)
        /// The peer broke a rule. `reply` as above; close the connection without waiting for a reply.
        case failed(ProtocolViolation, reply: ByteBuffer?)
    }

    private enum Phase {
        case open
        /// Our Close has been sent; only the peer's is still of interest.
        case closing
        /// Further input is ignored.
        case over
    }

    private let limits: WebSocketLimits
    private var phase = Phase.open
    /// The frame whose payload is coming in, and how much of that has come.
    private var frame: FrameHeader?
    private var received = 0
    private var message: MessageAssembly?
    private var control = ByteBuffer()

    init(limits: WebSocketLimits) { self.limits = limits }

    /// Begins the close handshake.
    ///
    /// - Returns: the payload of the Close frame to send; `nil` where one has been sent already.
    mutating func close(_ code: WebSocketErrorCode, reason: String) -> ByteBuffer? {
        guard phase == .open else { return nil }
        phase = .closing
        message = nil
        return CloseFrame.payload(code, reason: reason)
    }

    /// Takes bytes off `bytes` up to the next event.
    ///
    /// - Returns: `nil` where more bytes are needed. What is left in `bytes` then (part of a header) must be kept in front
    ///   of those to come.
    mutating func next(from bytes: inout ByteBuffer) -> Event? {
        do {
            while phase != .over {
                let before = bytes.readableBytes
                if let event = try step(&bytes) { return event }
                if bytes.readableBytes == before { return nil }
            }
            bytes.clear()
            return nil
        } catch {
            let reply = phase == .open ? CloseFrame.payload(error.code, reason: error.reason) : nil
            end()
            return .failed(error, reply: reply)
        }
    }

    private mutating func end() {
        phase = .over
        (frame, message, control) = (nil, nil, ByteBuffer())
    }

    /// One header, or as much of a payload as there is.
    private mutating func step(_ bytes: inout ByteBuffer) throws(ProtocolViolation) -> Event? {
        let header: FrameHeader
        if let frame {
            header = frame
        } else {
            guard let new = try FrameHeader.read(from: &bytes) else { return nil }
            try begin(new)
            (frame, received, header) = (new, 0, new)
        }
        let count = min(header.length - received, bytes.readableBytes)
        try take(count, of: header, from: &bytes)
        received += count
        guard received == header.length else { return nil }
        frame = nil
        return try header.opcode.isControl ? finishControl(header) : finishData(header)
    }

    private mutating func begin(_ header: FrameHeader) throws(ProtocolViolation) {
        guard !header.opcode.isControl, phase == .open else { return }
        if header.opcode == .continuation {
            guard message != nil else { throw .continuationOfNothing }
        } else {
            guard message == nil else { throw .unfinishedMessage }
            message = MessageAssembly(isText: header.opcode == .text)
        }
        try message?.begin(header, limits: limits)
    }

    private mutating func take(
        _ count: Int, of header: FrameHeader, from bytes: inout ByteBuffer
    ) throws(ProtocolViolation) {
        if header.opcode.isControl {
            control.moveUnmasked(count, from: &bytes, mask: header.mask, offset: received)
        } else if phase == .open {
            try message?.take(count, from: &bytes, mask: header.mask, offset: received)
        } else {
            // The peer may have been in the middle of a message when our Close was sent.
            bytes.moveReaderIndex(forwardBy: count)
        }
    }

    private mutating func finishData(_ header: FrameHeader) throws(ProtocolViolation) -> Event? {
        guard header.isFinal, let whole = message else { return nil }
        message = nil
        return .message(try whole.finish())
    }

    private mutating func finishControl(_ header: FrameHeader) throws(ProtocolViolation) -> Event? {
        let payload = control
        control = ByteBuffer()
        switch header.opcode {
        case .close:
            let close = try CloseFrame(payload: payload)
            let reply = phase == .open ? close.echo : nil
            end()
            return .closed(reply: reply)
        case .ping:
            return phase == .open ? .ping(payload) : nil
        default:
            return nil
        }
    }
}
