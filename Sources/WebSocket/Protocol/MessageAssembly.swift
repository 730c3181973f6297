internal import NIOCore

/// A message whose frames are coming in (RFC 6455, section 5.4).
struct MessageAssembly {
    private let isText: Bool
    private var bytes = ByteBuffer()
    private var frames = 0
    private var check = UTF8Check()

    init(isText: Bool) { self.isText = isText }

    /// Another frame begins.
    ///
    /// - Throws: ``ProtocolViolation`` where the message would become larger than `limits` allow.
    mutating func begin(_ header: FrameHeader, limits: WebSocketLimits) throws(ProtocolViolation) {
        frames += 1
        guard frames <= limits.fragments else { throw .tooManyFragments }
        guard header.length <= limits.messageBytes - bytes.readableBytes else { throw .messageTooLarge }
    }

    /// Takes `count` bytes of payload, which are unmasked afterwards.
    ///
    /// - Throws: ``ProtocolViolation/invalidUTF8`` at once where a byte of a text is wrong.
    mutating func take(
        _ count: Int, from source: inout ByteBuffer, mask: UInt32, offset: Int
    ) throws(ProtocolViolation) {
        let start = bytes.writerIndex
        bytes.moveUnmasked(count, from: &source, mask: mask, offset: offset)
        guard isText else { return }
        let isValid = bytes.withUnsafeReadableBytes { all in
            check.admits(UnsafeRawBufferPointer(rebasing: all[(start - bytes.readerIndex)...]))
        }
        guard isValid else { throw .invalidUTF8 }
    }

    /// The message, after its last frame.
    ///
    /// - Throws: ``ProtocolViolation/invalidUTF8`` where a text ends within a character.
    consuming func finish() throws(ProtocolViolation) -> WebSocketMessage {
        guard isText else { return .binary(bytes) }
        guard check.isComplete else { throw .invalidUTF8 }
        return .text(String(buffer: bytes))
    }
}
