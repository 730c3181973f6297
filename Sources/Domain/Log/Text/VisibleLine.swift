/// One line as a terminal would show it: text and styles. Reused from line to line.
public struct VisibleLine: Sendable {
    /// From `offset` on, the text has `style`.
    public struct Run: Hashable, Sendable {
        /// Bytes of the visible text before it.
        public var offset: Int
        public var style: TextStyle
    }

    /// A piece of the raw line that stays visible.
    private struct Piece: Hashable, Sendable {
        var start: Int
        var count: Int
    }

    /// A piece of the raw line that was left out.
    public struct Cut: Hashable, Sendable {
        /// Bytes of visible text between the cut before and this one.
        public var gap: Int
        /// Its offset in the raw line.
        public var raw: Range<Int>
    }

    /// UTF-8, without a line feed.
    public private(set) var text: [UInt8] = []
    /// None for a plain line.
    public private(set) var runs: [Run] = []
    /// The position of the text in the raw line; meaningless once it ``isRewritten``.
    private var pieces: [Piece] = []
    /// Part of the line was overwritten, so it can't be rebuilt from cuts.
    public private(set) var isRewritten = false

    private var last = TextStyle.plain
    private var cells: [(scalar: Unicode.Scalar, style: TextStyle)] = []
    private var hasCells = false
    /// Where the next cell goes; -1 after a carriage return with no text after it.
    private var column = 0

    public init() {}

    mutating func clear() {
        text.removeAll(keepingCapacity: true)
        runs.removeAll(keepingCapacity: true)
        pieces.removeAll(keepingCapacity: true)
        isRewritten = false
        last = .plain
        cells.removeAll()
        hasCells = false
        column = 0
    }

    mutating func write(_ bytes: Slice<UnsafeBufferPointer<UInt8>>, at start: Int, _ style: TextStyle) {
        if column < 0 { makeCells() }
        if hasCells { return overwrite(bytes, style) }
        begin(style)
        pieces.append(Piece(start: start, count: bytes.count))
        text.append(contentsOf: bytes)
    }

    /// A carriage return at a line's end overwrites nothing: cells are made when something is written after it.
    mutating func toStart() {
        if hasCells { column = 0 } else if !text.isEmpty { column = -1 }
    }

    mutating func back() {
        if !hasCells {
            guard column >= 0, !text.isEmpty else { return }
            makeCells()
            column = cells.count
        }
        column = max(0, column - 1)
    }

    mutating func finish() {
        guard hasCells else { return }
        text.removeAll(keepingCapacity: true)
        runs.removeAll(keepingCapacity: true)
        last = .plain
        for cell in cells {
            begin(cell.style)
            text.append(contentsOf: UTF8.encode(cell.scalar) ?? UTF8.encodedReplacementCharacter)
        }
        isRewritten = true
    }

    /// What was left out of a raw line of `count` bytes; undefined if ``isRewritten``.
    public func cuts(ofLine count: Int) -> [Cut] {
        var cuts: [Cut] = []
        var at = 0
        var gap = 0
        for piece in pieces + [Piece(start: count, count: 0)] {
            if piece.start > at {
                cuts.append(Cut(gap: gap, raw: at..<piece.start))
                gap = 0
            }
            gap += piece.count
            at = piece.start + piece.count
        }
        return cuts
    }

    private mutating func begin(_ style: TextStyle) {
        guard style != last else { return }
        runs.append(Run(offset: text.count, style: style))
        last = style
    }

    private mutating func overwrite(_ bytes: Slice<UnsafeBufferPointer<UInt8>>, _ style: TextStyle) {
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            if column < cells.count { cells[column] = (scalar, style) } else { cells.append((scalar, style)) }
            column += 1
        }
    }

    private mutating func makeCells() {
        var run = 0
        var style = TextStyle.plain
        var offset = 0
        for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
            while run < runs.count, runs[run].offset <= offset {
                style = runs[run].style
                run += 1
            }
            cells.append((scalar, style))
            offset += UTF8.width(scalar)
        }
        hasCells = true
        column = 0
    }
}

extension VisibleLine {
    /// `line` as it appears on a terminal, without its colors: control sequences (ECMA-48) removed, carriage returns
    /// collapsed to what remains. See ``LineParser``.
    public static func text(of line: some StringProtocol) -> String {
        var text = String(line)
        var parser = LineParser()
        var visible = VisibleLine()
        text.withUTF8 { parser.parse($0, continued: false, into: &visible) }
        return String(decoding: visible.text, as: UTF8.self)
    }
}
