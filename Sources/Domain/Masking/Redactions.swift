/// The masked parts of a stream, and the text that replaces them.
///
/// Ranges count bytes from the beginning of the stream. The output depends only on the ranges, not on how much of the
/// stream was emitted when they were found.
struct Redactions: Sendable {
    /// The replacement of a secret, or of a line of one.
    static let replacement = "(sensitive)"

    /// Ranges that are not emitted yet, in order and without overlaps.
    private var found: [Range<Int>] = []
    /// The end of the last emitted range.
    private var covered = 0
    /// Everything before it was emitted and can't be masked.
    private(set) var floor = 0
    /// Whether the current line of the range that is being emitted has its replacement.
    private var isReplaced = false

    /// Hides `range`. It may overlap the last emitted range, and then continues it.
    mutating func add(_ range: Range<Int>) {
        var lower = max(range.lowerBound, floor)
        var upper = range.upperBound
        guard lower < upper else { return }
        if lower < covered {
            // It continues after the emitted range.
            covered = max(covered, upper)
            while let first = found.first, first.lowerBound < covered {
                covered = max(covered, first.upperBound)
                found.removeFirst()
            }
            return
        }
        var index = found.count
        while index > 0, found[index - 1].lowerBound >= upper { index -= 1 }
        let end = index
        while index > 0, found[index - 1].upperBound > lower {
            lower = min(lower, found[index - 1].lowerBound)
            upper = max(upper, found[index - 1].upperBound)
            index -= 1
        }
        found.replaceSubrange(index..<end, with: CollectionOfOne(lower..<upper))
    }

    /// Everything before `place` is shown, regardless of what follows.
    mutating func show(upTo place: Int) { floor = max(floor, place) }

    /// Appends to `output` everything that no range from `limit` on can change.
    ///
    /// - Parameter held: the stream from byte number `offset` on.
    /// - Returns: how many bytes of `held` were consumed.
    mutating func emit(
        _ held: [UInt8], from offset: Int, upTo limit: Int, into output: inout [UInt8]
    ) -> Int {
        var given = offset
        if covered > given {
            hide(held[0..<covered - offset], into: &output)
            given = covered
        }
        var index = 0
        while index < found.count, found[index].lowerBound <= limit {
            let range = found[index]
            output.append(contentsOf: held[given - offset..<range.lowerBound - offset])
            isReplaced = false
            hide(held[range.lowerBound - offset..<range.upperBound - offset], into: &output)
            given = range.upperBound
            covered = given
            index += 1
        }
        if index > 0 { found.removeFirst(index) }
        if given < limit {
            output.append(contentsOf: held[given - offset..<limit - offset])
            given = limit
        }
        return given - offset
    }

    /// Line ends, indentation, frames, and colors stay, so that lines keep their numbers and their layout.
    private mutating func hide(_ bytes: ArraySlice<UInt8>, into output: inout [UInt8]) {
        var rest = bytes
        while let byte = rest.first {
            var length = 1
            switch byte {
            case UInt8(ascii: "\n"):
                output.append(byte)
                isReplaced = false
            case 0x1b:
                length = Self.colorLength(rest)
                output.append(contentsOf: rest.prefix(length))
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"):
                if !isReplaced { output.append(byte) }
            case 0xe2 where !isReplaced && Self.isFrame(rest):
                length = 3
                output.append(contentsOf: rest.prefix(length))
            default:
                if !isReplaced { output.append(contentsOf: Self.replacement.utf8) }
                isReplaced = true
            }
            rest.removeFirst(length)
        }
    }

    private static func colorLength(_ bytes: ArraySlice<UInt8>) -> Int {
        var index = bytes.startIndex + 1
        guard index < bytes.endIndex, bytes[index] == UInt8(ascii: "[") else { return 1 }
        repeat { index += 1 } while index < bytes.endIndex && (0x20..<0x40).contains(bytes[index])
        return min(index + 1, bytes.endIndex) - bytes.startIndex
    }

    private static func isFrame(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.starts(with: [0xe2, 0x94, 0x82]) || bytes.starts(with: [0xe2, 0x95, 0xb5])
            || bytes.starts(with: [0xe2, 0x95, 0xb7])
    }
}
