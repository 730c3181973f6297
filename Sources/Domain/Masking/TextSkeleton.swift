/// Receives what ``TextSkeleton`` reads.
protocol SkeletonSink {
    associatedtype Context

    mutating func symbol(_ symbol: TextSkeleton.Symbol, _ context: Context)
    /// A byte that the skeleton leaves out (a quote, a dollar sign) directly follows the last symbol.
    mutating func residue(endingAt end: Int)
    /// White space follows the last symbol.
    mutating func pause()
    /// A real line feed, not an escaped one.
    mutating func lineFeed(endingAt end: Int, _ context: Context)
    /// The edge of a diagnostic's frame.
    mutating func frame()
}

/// Reduces text to its content, without quoting, escaping, wrapping, frames and colors.
///
/// A secret and each of its renderings have the same skeleton, so one pattern finds them all:
///
/// * Percent-encoding is undone, however often it was applied.
/// * A run of backslashes, of any length, escapes the character after it, so JSON in JSON in JSON reads like JSON.
///   `\uXXXX`, `\UXXXXXXXX` and `\xXX` are decoded.
/// * White space, escaped white space, `+`, and the frame of a diagnostic become a spacing before the next symbol.
/// * Color sequences, quotes, dollar signs, and lone percent signs are left out.
///
/// The result doesn't depend on where the text was cut. Text is expected in valid UTF-8.
struct TextSkeleton: Sendable {
    /// What separates two symbols.
    struct Spacing: OptionSet, Sendable {
        let rawValue: UInt8
        static let blank = Spacing(rawValue: 1)
        /// A line end, real or escaped. Wrapped text may have one anywhere.
        static let lineEnd = Spacing(rawValue: 2)
    }

    /// One byte of the content, with its place in the raw text.
    struct Symbol: Sendable {
        var byte: UInt8
        var start: Int
        var end: Int
        /// Where the left-out characters directly before it begin; `start` if there are none.
        var lead: Int
        /// What separates it from the symbol before.
        var spacing: Spacing
    }

    /// Longer runs of backslashes, quotes, or `%25` are split: this bounds the raw text that is half read.
    private static let runLimit = 1 << 10

    private enum Color: UInt8 { case none, escape, sequence, command }
    private enum Encoding: UInt8 { case none, percent, frame }
    private enum Escape: UInt8 { case none, backslash, digits }
    private struct Pending: Sendable {
        var byte: UInt8
        var start: Int
        var end: Int
    }

    private var color = Color.none
    private var encoding = Encoding.none
    private var escape = Escape.none
    private var spacing: Spacing = []
    /// Where the left-out characters before the next symbol begin; negative for none.
    private var lead = -1
    /// Where the percent sign or the frame begins that is being read.
    private var encodingStart = 0
    /// The first digit after a percent sign, or the second byte of a frame; 0 before it came.
    private var partial: UInt8 = 0
    private var partialStart = 0
    private var escapeStart = 0
    /// The letter of a numeric escape and its digits so far.
    private var digits: [Pending] = []
    private var wantedDigits = 0
    /// The first half of a surrogate pair; 0 for none.
    private var surrogate: UInt32 = 0
    private var surrogateStart = 0

    /// Whether nothing is half read, so that ordinary text can be skipped.
    @inline(__always)
    var isAtRest: Bool { encoding == .none && escape == .none && color == .none }

    /// Ordinary text, or blanks, were skipped.
    @inline(__always)
    mutating func skipped() {
        spacing = []
        lead = -1
        surrogate = 0
    }

    /// Where the half-read raw text begins; `Int.max` for none.
    ///
    /// - Parameter lead: count left-out characters, too: the next symbol may be the first of a secret that begins with
    ///   such characters.
    func pendingStart(withLead: Bool) -> Int {
        var start = Int.max
        if withLead, lead >= 0 { start = lead }
        if encoding == .percent || encoding == .frame { start = min(start, encodingStart) }
        if escape != .none { start = min(start, escapeStart) }
        if surrogate != 0 { start = min(start, surrogateStart) }
        return start
    }

    // MARK: - Percent-encoding, frames, colors

    /// Takes the next byte of the raw text, which is byte number `offset`.
    mutating func take<Sink: SkeletonSink>(
        _ byte: UInt8, at offset: Int, into sink: inout Sink, _ context: Sink.Context
    ) {
        if color == .none, byte != 0x1b { return colorless(byte, at: offset, into: &sink, context) }
        switch color {
        case .none: color = .escape
        case .escape:
            color = byte == UInt8(ascii: "[") ? .sequence : byte == UInt8(ascii: "]") ? .command : .none
            if byte < 0x20 { take(byte, at: offset, into: &sink, context) }
        case .sequence:
            if (0x20..<0x40).contains(byte) { return }
            color = .none
            if !(0x40...0x7e).contains(byte) { take(byte, at: offset, into: &sink, context) }
        case .command:
            if byte >= 0x20 { return }
            color = .none
            if byte != 0x07 { take(byte, at: offset, into: &sink, context) }
        }
    }

    private mutating func colorless<Sink: SkeletonSink>(
        _ byte: UInt8, at offset: Int, into sink: inout Sink, _ context: Sink.Context
    ) {
        switch encoding {
        case .none:
            guard byte == UInt8(ascii: "%") || byte == 0xe2 else {
                return decoded(byte, offset, offset + 1, into: &sink, context)
            }
            encoding = byte == 0xe2 ? .frame : .percent
            encodingStart = offset
            partial = 0
        case .percent:
            guard let digit = Self.hexDigit(byte) else {
                endPercent(at: offset, into: &sink, context)
                return colorless(byte, at: offset, into: &sink, context)
            }
            guard partial != 0 else {
                (partial, partialStart) = (byte, offset)
                return
            }
            let value = (Self.hexDigit(partial) ?? 0) << 4 | digit
            partial = 0
            // An encoded percent sign may begin another encoding.
            if value == UInt8(ascii: "%") {
                if offset - encodingStart > Self.runLimit { encodingStart = offset }
                return
            }
            encoding = .none
            decoded(value, encodingStart, offset + 1, into: &sink, context)
        case .frame: frameByte(byte, at: offset, into: &sink, context)
        }
    }

    /// U+2502, U+2575 and U+2577 are frames; all else that begins like them is text.
    private mutating func frameByte<Sink: SkeletonSink>(
        _ byte: UInt8, at offset: Int, into sink: inout Sink, _ context: Sink.Context
    ) {
        switch (partial, byte) {
        case (0, 0x94), (0, 0x95): partial = byte
        case (0x94, 0x82), (0x95, 0xb5), (0x95, 0xb7):
            encoding = .none
            spacing.insert(.blank)
            lead = -1
            surrogate = 0
            sink.pause()
            sink.frame()
        default:
            encoding = .none
            decoded(0xe2, encodingStart, encodingStart + 1, into: &sink, context)
            if partial != 0 { decoded(partial, encodingStart + 1, encodingStart + 2, into: &sink, context) }
            colorless(byte, at: offset, into: &sink, context)
        }
    }

    /// The percent sign encodes nothing.
    private mutating func endPercent<Sink: SkeletonSink>(
        at offset: Int, into sink: inout Sink, _ context: Sink.Context
    ) {
        encoding = .none
        let end = partial == 0 ? offset : partialStart
        if escape == .digits { endDigits(into: &sink, context) }
        escape = .none
        leaveOut(encodingStart, end, into: &sink)
        if partial != 0 { decoded(partial, end, end + 1, into: &sink, context) }
    }

    // MARK: - Backslashes

    private mutating func decoded<Sink: SkeletonSink>(
        _ byte: UInt8, _ start: Int, _ end: Int, into sink: inout Sink, _ context: Sink.Context
    ) {
        switch escape {
        case .none: plain(byte, start, end, isRaw: end - start == 1, into: &sink, context)
        case .backslash:
            switch byte {
            case UInt8(ascii: "\\"):
                if start - escapeStart > Self.runLimit { (escapeStart, lead) = (start, start) }
            case UInt8(ascii: "n"): separate(.lineEnd, into: &sink)
            case UInt8(ascii: "r"), UInt8(ascii: "t"): separate(.blank, into: &sink)
            case UInt8(ascii: "u"): beginDigits(4, Pending(byte: byte, start: start, end: end))
            case UInt8(ascii: "U"): beginDigits(8, Pending(byte: byte, start: start, end: end))
            case UInt8(ascii: "x"): beginDigits(2, Pending(byte: byte, start: start, end: end))
            default:
                escape = .none
                // A backslash before a letter isn't needed, so it belongs to the text around it.
                let isPart = !Self.isAlphanumeric(byte) && byte > 0x20 && byte < 0x7f
                plain(byte, isPart ? escapeStart : start, end, isRaw: end - start == 1, into: &sink, context)
            }
        case .digits:
            guard Self.hexDigit(byte) != nil else {
                endDigits(into: &sink, context)
                return decoded(byte, start, end, into: &sink, context)
            }
            digits.append(Pending(byte: byte, start: start, end: end))
            if digits.count == wantedDigits + 1 { completeDigits(end, into: &sink, context) }
        }
    }

    private mutating func separate<Sink: SkeletonSink>(_ kind: Spacing, into sink: inout Sink) {
        escape = .none
        spacing.insert(kind)
        lead = -1
        surrogate = 0
        sink.pause()
    }

    private mutating func beginDigits(_ count: Int, _ letter: Pending) {
        escape = .digits
        wantedDigits = count
        digits.removeAll(keepingCapacity: true)
        digits.append(letter)
    }

    /// Too few digits: they are text.
    private mutating func endDigits<Sink: SkeletonSink>(into sink: inout Sink, _ context: Sink.Context) {
        escape = .none
        for digit in digits { emit(digit.byte, digit.start, digit.end, into: &sink, context) }
    }

    private mutating func completeDigits<Sink: SkeletonSink>(
        _ end: Int, into sink: inout Sink, _ context: Sink.Context
    ) {
        escape = .none
        var code = digits.dropFirst().reduce(UInt32(0)) { $0 << 4 | UInt32(Self.hexDigit($1.byte) ?? 0) }
        var start = escapeStart
        if wantedDigits == 2, code >= 0x80 { return emit(UInt8(code), start, end, into: &sink, context) }
        switch code {
        case 0xd800..<0xdc00:
            surrogate = code
            surrogateStart = start
            return
        case 0xdc00..<0xe000:
            guard surrogate != 0 else { return }
            code = 0x10000 + (surrogate - 0xd800) << 10 + (code - 0xdc00)
            start = surrogateStart
            surrogate = 0
        default: break
        }
        if code < 0x80 { return plain(UInt8(code), start, end, isRaw: false, into: &sink, context) }
        guard let scalar = Unicode.Scalar(code) else { return }
        for byte in UTF8.encode(scalar) ?? .init([]) { emit(byte, start, end, into: &sink, context) }
    }

    // MARK: - Characters

    private mutating func plain<Sink: SkeletonSink>(
        _ byte: UInt8, _ start: Int, _ end: Int, isRaw: Bool, into sink: inout Sink, _ context: Sink.Context
    ) {
        switch byte {
        case UInt8(ascii: "\\"):
            escape = .backslash
            escapeStart = start
            if lead < 0 { lead = start }
        case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): separate(.blank, into: &sink)
        case UInt8(ascii: "\n"):
            separate(.lineEnd, into: &sink)
            if isRaw { sink.lineFeed(endingAt: end, context) }
        case UInt8(ascii: "+"):
            spacing.insert(.blank)
            leaveOut(start, end, into: &sink)
        case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "$"): leaveOut(start, end, into: &sink)
        case 0..<0x20, 0x7f: break
        default: emit(byte, start, end, into: &sink, context)
        }
    }

    private mutating func leaveOut<Sink: SkeletonSink>(_ start: Int, _ end: Int, into sink: inout Sink) {
        if lead < 0 || start - lead > Self.runLimit { lead = start }
        surrogate = 0
        sink.residue(endingAt: end)
    }

    private mutating func emit<Sink: SkeletonSink>(
        _ byte: UInt8, _ start: Int, _ end: Int, into sink: inout Sink, _ context: Sink.Context
    ) {
        sink.symbol(
            Symbol(byte: byte, start: start, end: end, lead: lead >= 0 ? lead : start, spacing: spacing), context)
        spacing = []
        lead = -1
        surrogate = 0
    }

    /// The text ends at `offset`: what is half read is taken literally.
    mutating func finish<Sink: SkeletonSink>(at offset: Int, into sink: inout Sink, _ context: Sink.Context) {
        if encoding == .percent { endPercent(at: offset, into: &sink, context) }
        if escape == .digits { endDigits(into: &sink, context) }
        (color, encoding, escape) = (.none, .none, .none)
    }

    @inline(__always)
    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        default: false
        }
    }

    /// True for bytes that change nothing while no secret has started.
    ///
    /// - Parameter withLead: left-out characters may belong to the secret that follows them.
    static func isSkippable(_ byte: UInt8, withLead: Bool) -> Bool {
        switch byte {
        case UInt8(ascii: "%"), UInt8(ascii: "\\"), 0x1b, 0xe2: false
        case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "$"), UInt8(ascii: "+"): !withLead
        default: true
        }
    }
}
