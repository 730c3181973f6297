/// Finds Terraform's diagnostics in the visible lines of one stream: `╷ │ Error: … ╵` boxes, and bare
/// `Error:` and `Warning:` lines. The page's `marks.js` does the same for lines that come live.
public struct DiagnosticMarker: Hashable, Sendable {
    public enum Kind: String, CaseIterable, Codable, Hashable, Sendable {
        case error
        case warning
    }

    /// What a line is part of.
    public struct Mark: Hashable, Sendable {
        public var kind: Kind?
        /// The line names the diagnostic.
        public var isHead = false
        /// The number of earlier lines of this stream that belong to the same box.
        public var earlierLines = 0
    }

    /// An open box: its kind, if known, and the number of lines so far.
    public struct Box: Codable, Hashable, Sendable {
        public var kind: Kind?
        public var lines: Int

        public init(kind: Kind?, lines: Int) {
            self.kind = kind
            self.lines = lines
        }
    }

    public private(set) var box: Box?

    /// A box that is still open after this many lines is not a box.
    static let maxLines = 2000

    public init(box: Box? = nil) { self.box = box }

    public mutating func mark(line text: [UInt8]) -> Mark {
        let start = text.firstIndex { !Self.isSpace($0) } ?? text.count
        let edge = Self.edge(text, start)
        if edge == .top {
            box = Box(kind: nil, lines: 1)
            return Mark()
        }
        if var open = box, edge != nil, open.lines < Self.maxLines {
            var mark = Mark(kind: open.kind)
            if open.kind == nil, let kind = Self.head(text, start) {
                mark = Mark(kind: kind, isHead: true, earlierLines: open.lines)
                open.kind = kind
            }
            open.lines += 1
            box = edge == .bottom ? nil : open
            return mark
        }
        box = nil
        guard start == 0, let kind = Self.name(text, 0, needsMore: true) else { return Mark() }
        return Mark(kind: kind, isHead: true)
    }

    private enum Edge { case top, side, bottom }

    /// The box drawing character at `index`: U+2577, U+2502, U+2575.
    private static func edge(_ text: [UInt8], _ index: Int) -> Edge? {
        guard index + 2 < text.count, text[index] == 0xe2 else { return nil }
        switch (text[index + 1], text[index + 2]) {
        case (0x95, 0xb7): return .top
        case (0x94, 0x82): return .side
        case (0x95, 0xb5): return .bottom
        default: return nil
        }
    }

    /// `│ Error: …` from the edge at `index` on.
    private static func head(_ text: [UInt8], _ index: Int) -> Kind? {
        guard edge(text, index) == .side else { return nil }
        let rest = text[(index + 3)...]
        return name(text, rest.firstIndex { !isSpace($0) } ?? text.count, needsMore: false)
    }

    private static func name(_ text: [UInt8], _ index: Int, needsMore: Bool) -> Kind? {
        for (name, kind) in [("Error: ", Kind.error), ("Warning: ", .warning)]
        where text[index...].starts(with: name.utf8) {
            let next = index + name.utf8.count
            return !needsMore || next < text.count && !isSpace(text[next]) ? kind : nil
        }
        return nil
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }
}
