internal import NIOCore

/// What a frame carries (RFC 6455, section 5.2).
enum Opcode: UInt8 {
    case continuation = 0x0
    case text = 0x1
    case binary = 0x2
    case close = 0x8
    case ping = 0x9
    case pong = 0xA

    var isControl: Bool { rawValue & 0x8 != 0 }
}

/// The head of a client's frame (RFC 6455, section 5.2).
///
/// NIOWebSocket's decoder is not used: it returns only whole frames, so a bad byte or an oversized message
/// would be detected late, and it accepts reserved bits, unknown opcodes, unmasked frames and overlong lengths.
struct FrameHeader: Equatable {
    var isFinal: Bool
    var opcode: Opcode
    /// Bytes of payload that follow.
    var length: Int
    /// The masking key, its first byte lowest.
    var mask: UInt32

    /// Bytes of payload that a control frame may have (section 5.5).
    static let maxControlLength = 125

    /// Removes a header from `bytes`; `nil`, and removes nothing, if it is not complete yet.
    ///
    /// - Throws: ``ProtocolViolation`` as soon as the bytes can't start a valid frame.
    static func read(from bytes: inout ByteBuffer) throws(ProtocolViolation) -> FrameHeader? {
        let start = bytes.readerIndex
        guard let first = bytes.getInteger(at: start, as: UInt8.self) else { return nil }
        guard first & 0x70 == 0 else { throw .reservedBits }
        guard let opcode = Opcode(rawValue: first & 0x0F) else { throw .unknownOpcode }
        let isFinal = first & 0x80 != 0
        guard isFinal || !opcode.isControl else { throw .fragmentedControlFrame }

        guard let second = bytes.getInteger(at: start + 1, as: UInt8.self) else { return nil }
        guard second & 0x80 != 0 else { throw .unmaskedFrame }
        let short = second & 0x7F
        guard short <= maxControlLength || !opcode.isControl else { throw .longControlFrame }

        let size = short < 126 ? 0 : short == 126 ? 2 : 8
        guard let length = try extendedLength(short, at: start + 2, of: bytes) else { return nil }
        let end = start + 2 + size
        guard let mask = bytes.getInteger(at: end, endianness: .little, as: UInt32.self) else { return nil }
        bytes.moveReaderIndex(forwardBy: 2 + size + 4)
        return FrameHeader(isFinal: isFinal, opcode: opcode, length: length, mask: mask)
    }

    /// The payload's length, which must be written in as few bytes as possible and fit 63 bits.
    private static func extendedLength(
        _ short: UInt8, at index: Int, of bytes: ByteBuffer
    ) throws(ProtocolViolation) -> Int? {
        switch short {
        case 126:
            guard let length = bytes.getInteger(at: index, as: UInt16.self) else { return nil }
            guard length > 125 else { throw .badLength }
            return Int(length)
        case 127:
            guard let length = bytes.getInteger(at: index, as: UInt64.self) else { return nil }
            guard length > UInt64(UInt16.max), let length = Int(exactly: length) else { throw .badLength }
            return length
        default:
            return Int(short)
        }
    }
}
