internal import NIOWebSocket

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
