internal import NIOCore

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
