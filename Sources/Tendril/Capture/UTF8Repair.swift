/// Repairs UTF-8 in a stream of bytes: replaces invalid bytes and U+0000 by U+FFFD.
///
/// One U+FFFD stands for each maximal subpart of an ill-formed sequence (Unicode, section 3.9), as in Swift's own
/// decoding. The result does not depend on where the pieces were cut.
struct UTF8Repair: Sendable {
    /// The beginning of an incomplete scalar.
    private var held: [UInt8] = []
    private var missing = 0
    /// The values that the next byte of the scalar may have.
    private var allowed: ClosedRange<UInt8> = 0x80...0xbf

    private static let replacement: [UInt8] = [0xef, 0xbf, 0xbd]

    /// Appends to `output` the scalars that `input` completes.
    mutating func take(_ input: UnsafeBufferPointer<UInt8>, into output: inout [UInt8]) {
        var index = 0
        while index < input.count {
            if missing > 0 {
                continueScalar(input[index], at: &index, into: &output)
                continue
            }
            let end = Self.endOfPlain(input, from: index)
            if end > index {
                output.append(contentsOf: UnsafeBufferPointer(rebasing: input[index..<end]))
                index = end
            } else {
                beginScalar(input[index], into: &output)
                index += 1
            }
        }
    }

    /// End of input: an incomplete scalar is invalid.
    mutating func finish(into output: inout [UInt8]) {
        guard missing > 0 else { return }
        drop(into: &output)
    }

    private mutating func beginScalar(_ byte: UInt8, into output: inout [UInt8]) {
        allowed = 0x80...0xbf
        switch byte {
        case 0xc2...0xdf: missing = 1
        case 0xe0: (missing, allowed) = (2, 0xa0...0xbf)
        case 0xe1...0xec, 0xee, 0xef: missing = 2
        case 0xed: (missing, allowed) = (2, 0x80...0x9f)
        case 0xf0: (missing, allowed) = (3, 0x90...0xbf)
        case 0xf1...0xf3: missing = 3
        case 0xf4: (missing, allowed) = (3, 0x80...0x8f)
        default:
            output += Self.replacement
            return
        }
        held.append(byte)
    }

    private mutating func continueScalar(_ byte: UInt8, at index: inout Int, into output: inout [UInt8]) {
        guard allowed.contains(byte) else {
            // Process this byte again as a possible lead byte.
            drop(into: &output)
            return
        }
        index += 1
        held.append(byte)
        allowed = 0x80...0xbf
        missing -= 1
        if missing == 0 {
            output += held
            held.removeAll(keepingCapacity: true)
        }
    }

    private mutating func drop(into output: inout [UInt8]) {
        output += Self.replacement
        held.removeAll(keepingCapacity: true)
        missing = 0
    }

    /// The end of the run of ASCII without U+0000 that begins at `start`.
    private static func endOfPlain(_ input: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        let raw = UnsafeRawBufferPointer(input)
        var index = start
        while index + 8 <= raw.count {
            let word = raw.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            // Some byte is 0x80 or above, or (after the subtraction) 0.
            if (word | (word &- 0x0101_0101_0101_0101)) & 0x8080_8080_8080_8080 != 0 { break }
            index += 8
        }
        while index < input.count, input[index] != 0, input[index] < 0x80 { index += 1 }
        return index
    }
}
