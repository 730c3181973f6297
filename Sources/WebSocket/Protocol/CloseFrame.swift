internal import NIOCore
internal import NIOWebSocket

/// The payload of a Close frame (RFC 6455, section 5.5.1).
struct CloseFrame: Equatable {
    /// The status code; `nil` where the frame is empty.
    var code: WebSocketErrorCode?

    /// Reads a peer's payload.
    ///
    /// - Throws: ``ProtocolViolation/badCloseFrame`` for a truncated or reserved code,
    ///   ``ProtocolViolation/invalidUTF8`` for the reason.
    init(payload: ByteBuffer) throws(ProtocolViolation) {
        var payload = payload
        guard payload.readableBytes > 0 else { return }
        guard let number = payload.readInteger(as: UInt16.self), Self.maySend(number) else { throw .badCloseFrame }
        var check = UTF8Check()
        guard payload.withUnsafeReadableBytes({ check.admits($0) }), check.isComplete else { throw .invalidUTF8 }
        code = WebSocketErrorCode(codeNumber: Int(number))
    }

    /// The codes that an endpoint may send (section 7.4 and IANA's registry): 1004–1006 and 1015 are reserved.
    static func maySend(_ code: UInt16) -> Bool {
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }

    /// The payload to send, at most 125 bytes: a longer reason is cut after its last whole character that fits. A code
    /// that must not be sent becomes 1000.
    static func payload(_ code: WebSocketErrorCode, reason: String) -> ByteBuffer {
        var payload = ByteBuffer()
        payload.write(webSocketErrorCode: maySend(UInt16(webSocketErrorCode: code)) ? code : .normalClosure)
        var room = FrameHeader.maxControlLength - payload.readableBytes
        var kept = String.UnicodeScalarView()
        for scalar in reason.unicodeScalars {
            room -= UTF8.width(scalar)
            guard room >= 0 else { break }
            kept.append(scalar)
        }
        payload.writeString(String(kept))
        return payload
    }

    /// The reply to a peer's Close: its code, or empty.
    var echo: ByteBuffer {
        var payload = ByteBuffer()
        if let code { payload.write(webSocketErrorCode: code) }
        return payload
    }
}

/// A protocol error of the peer, which fails the connection (RFC 6455, section 7.1.7).
enum ProtocolViolation: Error, Equatable {
    case reservedBits
    case unknownOpcode
    case fragmentedControlFrame
    case longControlFrame
    case unmaskedFrame
    case badLength
    case continuationOfNothing
    case unfinishedMessage
    case badCloseFrame
    case invalidUTF8
    case messageTooLarge
    case tooManyFragments

    /// The status code that tells the peer (section 7.4.1).
    var code: WebSocketErrorCode {
        switch self {
        case .reservedBits, .unknownOpcode, .fragmentedControlFrame, .longControlFrame, .unmaskedFrame, .badLength,
            .continuationOfNothing, .unfinishedMessage, .badCloseFrame:
            .protocolError
        case .invalidUTF8: .dataInconsistentWithMessage
        case .messageTooLarge, .tooManyFragments: .messageTooLarge
        }
    }

    /// The close reason.
    var reason: String {
        switch self {
        case .reservedBits: "reserved bits are set"
        case .unknownOpcode: "unknown opcode"
        case .fragmentedControlFrame: "a control frame is fragmented"
        case .longControlFrame: "a control frame has more than 125 bytes"
        case .unmaskedFrame: "a frame is not masked"
        case .badLength: "a length is not in its shortest form"
        case .continuationOfNothing: "there is no message to continue"
        case .unfinishedMessage: "the last message is not finished"
        case .badCloseFrame: "a close frame is malformed"
        case .invalidUTF8: "text is not valid UTF-8"
        case .messageTooLarge: "the message is too large"
        case .tooManyFragments: "the message has too many frames"
        }
    }
}
