/// Turns the raw lines of one stream into what a terminal shows: control sequences (ECMA-48) become
/// styles, and overwritten text is removed. Its style continues from line to line.
///
/// Of the control characters only the tab is left. Never fails: an invalid sequence is dropped up to the next
/// printable character. The page's `ansi.js` does the same for lines that come live; both pass the same table of cases.
public struct LineParser: Hashable, Sendable {
    public private(set) var style: TextStyle
    /// The beginning of a sequence that a line was cut in.
    public private(set) var rest: [UInt8]

    /// A longer sequence is invalid and does not continue on the next line.
    static let maxRest = 4096

    public init(style: TextStyle = .plain, rest: [UInt8] = []) {
        self.style = style
        self.rest = rest
    }

    public var isPlain: Bool { style == .plain && rest.isEmpty }

    /// Reads one line into `line`.
    ///
    /// - Parameters:
    ///   - raw: UTF-8, without its line feed.
    ///   - continued: it continues the stream's previous line.
    public mutating func parse(_ raw: UnsafeBufferPointer<UInt8>, continued: Bool, into line: inout VisibleLine) {
        line.clear()
        let before = rest
        rest = []
        if continued, !before.isEmpty {
            let joined = before + raw
            joined.withUnsafeBufferPointer { parse($0, from: -before.count, into: &line) }
        } else {
            parse(raw, from: 0, into: &line)
        }
        line.finish()
    }

    /// - Parameter base: where `raw` begins in the line: before it, where the rest of the line before was put in front.
    private mutating func parse(_ raw: UnsafeBufferPointer<UInt8>, from base: Int, into line: inout VisibleLine) {
        var index = 0
        while index < raw.count {
            let control = Self.control(in: raw, from: index)
            if control > index { line.write(raw[index..<control], at: base + index, style) }
            guard control < raw.count else { break }
            index = skip(raw, control, &line)
        }
    }

    /// The start of the next control character, or else the end.
    private static func control(in raw: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        var index = start
        while index < raw.count {
            let byte = raw[index]
            if byte < 0x20 ? byte != 0x09 : byte == 0x7f { break }
            // C1 controls are 0xC2 0x80…0x9F in UTF-8.
            if byte == 0xc2, index + 1 < raw.count, raw[index + 1] < 0xa0 { break }
            index += 1
        }
        return index
    }

    // MARK: - Sequences. Each returns the index to continue at.

    private mutating func skip(_ raw: UnsafeBufferPointer<UInt8>, _ at: Int, _ line: inout VisibleLine) -> Int {
        switch raw[at] {
        case 0x1b: return escape(raw, at)
        case 0xc2:
            switch raw[at + 1] {
            case 0x9b: return csi(raw, at, at + 2)
            case 0x90, 0x98, 0x9d...0x9f: return string(raw, at, at + 2)
            default: return at + 2
            }
        case 0x0d: line.toStart()
        case 0x08: line.back()
        default: break
        }
        return at + 1
    }

    private mutating func escape(_ raw: UnsafeBufferPointer<UInt8>, _ at: Int) -> Int {
        guard at + 1 < raw.count else { return cut(raw, at) }
        switch raw[at + 1] {
        case UInt8(ascii: "["): return csi(raw, at, at + 2)
        case UInt8(ascii: "]"), UInt8(ascii: "P"), UInt8(ascii: "X"), UInt8(ascii: "^"), UInt8(ascii: "_"):
            return string(raw, at, at + 2)
        case 0x1b: return at + 1
        case 0x20...0x2f:
            var end = at + 2
            while end < raw.count, (0x20...0x2f).contains(raw[end]) { end += 1 }
            return end < raw.count ? Self.after(raw, end) : cut(raw, at)
        default: return Self.after(raw, at + 1)
        }
    }

    /// The index after the character at `index`.
    private static func after(_ raw: UnsafeBufferPointer<UInt8>, _ index: Int) -> Int {
        var end = index + 1
        while end < raw.count, raw[end] & 0xc0 == 0x80 { end += 1 }
        return end
    }

    private mutating func csi(_ raw: UnsafeBufferPointer<UInt8>, _ at: Int, _ from: Int) -> Int {
        var end = from
        while end < raw.count, (0x20...0x3f).contains(raw[end]) { end += 1 }
        guard end < raw.count else { return cut(raw, at) }
        // Not a sequence: treat the character as text.
        guard (0x40...0x7e).contains(raw[end]) else { return end }
        if raw[end] == UInt8(ascii: "m") { style.apply(Array(raw[from..<end])[...]) }
        return end + 1
    }

    /// OSC, DCS, APC…: up to BEL or ST.
    private mutating func string(_ raw: UnsafeBufferPointer<UInt8>, _ at: Int, _ from: Int) -> Int {
        var index = from
        while index < raw.count {
            switch raw[index] {
            case 0x07: return index + 1
            case 0xc2 where index + 1 < raw.count && raw[index + 1] == 0x9c: return index + 2
            case 0x1b:
                guard index + 1 < raw.count else { return cut(raw, at) }
                return raw[index + 1] == UInt8(ascii: "\\") ? index + 2 : index
            default: index += 1
            }
        }
        return cut(raw, at)
    }

    private mutating func cut(_ raw: UnsafeBufferPointer<UInt8>, _ at: Int) -> Int {
        rest = raw.count - at > Self.maxRest ? [] : Array(raw[at...])
        return raw.count
    }
}
