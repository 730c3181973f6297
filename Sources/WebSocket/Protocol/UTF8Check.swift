/// Checks UTF-8 (RFC 3629) in arbitrary pieces, and fails at the first invalid byte.
struct UTF8Check {
    /// Bytes that the open sequence still lacks.
    private var missing: UInt8 = 0
    /// What the next of them may be: narrower after E0, ED, F0 and F4, which rules out overlong forms, surrogates and
    /// what lies above U+10FFFF.
    private var low: UInt8 = 0x80
    private var high: UInt8 = 0xBF

    /// Whether the text could end here.
    var isComplete: Bool { missing == 0 }

    /// Continues with `bytes`.
    ///
    /// - Returns: false where they cannot be part of valid UTF-8.
    mutating func admits(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        while index < bytes.count {
            if missing == 0 {
                index = Self.endOfASCII(bytes, from: index)
                guard index < bytes.count else { return true }
                guard begin(bytes[index]) else { return false }
            } else {
                guard bytes[index] >= low, bytes[index] <= high else { return false }
                missing -= 1
                (low, high) = (0x80, 0xBF)
            }
            index += 1
        }
        return true
    }

    /// Eight bytes at a time: most text is ASCII.
    private static func endOfASCII(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var index = start
        while index + 8 <= bytes.count,
            bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
        {
            index += 8
        }
        while index < bytes.count, bytes[index] < 0x80 { index += 1 }
        return index
    }

    /// Starts a sequence of two to four bytes.
    private mutating func begin(_ lead: UInt8) -> Bool {
        switch lead {
        case 0xC2...0xDF: missing = 1
        case 0xE0...0xEF: missing = 2
        case 0xF0...0xF4: missing = 3
        default: return false
        }
        switch lead {
        case 0xE0: low = 0xA0
        case 0xED: high = 0x9F
        case 0xF0: low = 0x90
        case 0xF4: high = 0x8F
        default: break
        }
        return true
    }
}
