internal import NIOCore

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
