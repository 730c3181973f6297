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

/// Builds the heads of the server's frames (RFC 6455, section 5.2): final, unmasked.
enum FrameEncoding {
    /// Heads for lengths below this are precomputed, so sending allocates nothing.
    private static let readyMade = 4096

    /// All headers in sequence: 2 bytes each for lengths up to 125, then 4 bytes each.
    private static let textHeads: ByteBuffer = {
        var heads = ByteBuffer()
        for length in 0..<readyMade { write(.text, length: length, to: &heads) }
        return heads
    }()

    /// The head of a text frame; shares its bytes with others of its length where it is short.
    static func textHead(length: Int) -> ByteBuffer {
        if length < readyMade {
            let short = length < 126
            let start = short ? 2 * length : 2 * 126 + 4 * (length - 126)
            if let head = textHeads.getSlice(at: start, length: short ? 2 : 4) { return head }
        }
        return head(.text, length: length)
    }

    /// The header of a frame, in a separate buffer.
    static func head(_ opcode: Opcode, length: Int) -> ByteBuffer {
        var head = ByteBuffer()
        write(opcode, length: length, to: &head)
        return head
    }

    /// A whole frame in one buffer.
    static func frame(_ opcode: Opcode, _ payload: ByteBuffer) -> ByteBuffer {
        var frame = ByteBuffer()
        frame.reserveCapacity(10 + payload.readableBytes)
        write(opcode, length: payload.readableBytes, to: &frame)
        frame.writeImmutableBuffer(payload)
        return frame
    }

    private static func write(_ opcode: Opcode, length: Int, to buffer: inout ByteBuffer) {
        buffer.writeInteger(0x80 | opcode.rawValue)
        switch length {
        case ..<126:
            buffer.writeInteger(UInt8(length))
        case ...Int(UInt16.max):
            buffer.writeInteger(126 as UInt8)
            buffer.writeInteger(UInt16(length))
        default:
            buffer.writeInteger(127 as UInt8)
            buffer.writeInteger(UInt64(length))
        }
    }
}

extension ByteBuffer {
    /// Moves `count` masked bytes of a frame's payload over from `source`, which has at least that many.
    ///
    /// - Parameters:
    ///   - mask: the frame's key, its first byte lowest.
    ///   - offset: where in the payload these bytes begin: a payload may arrive in pieces.
    mutating func moveUnmasked(_ count: Int, from source: inout ByteBuffer, mask: UInt32, offset: Int) {
        guard count > 0 else { return }
        // The key turned so that its lowest byte is the one due, twice over: eight bytes are unmasked at a time.
        let turn = UInt32(offset & 3) * 8
        let key = mask >> turn | mask << ((32 - turn) & 31)
        let wide = UInt64(littleEndian: UInt64(key) << 32 | UInt64(key))
        source.readWithUnsafeReadableBytes { from in
            writeWithUnsafeMutableBytes(minimumWritableBytes: count) { to in
                var index = 0
                while index + 8 <= count {
                    let word = from.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                    to.storeBytes(of: word ^ wide, toByteOffset: index, as: UInt64.self)
                    index += 8
                }
                while index < count {
                    to[index] = from[index] ^ UInt8(truncatingIfNeeded: key >> (UInt32(index & 3) * 8))
                    index += 1
                }
                return count
            }
        }
    }
}
