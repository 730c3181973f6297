internal import Domain
internal import Storage
internal import TextSearch

/// One segment of a search in many logs: shows the first lines with hits, and counts the others.
struct ExcerptSearch: SearchedPart {
    /// A line with hits. Columns and lengths are UTF-16 units.
    struct Line: Hashable, Sendable {
        var number: Int64
        var stream: LogStream
        var text: String
        /// Where `text` begins in the line.
        var from: Int
        /// Column and length of each match, in `text`.
        var matches: [[Int]]
    }

    /// Bytes of a line that are shown, and those of them before the first match.
    static let excerptBytes = 400
    static let leadBytes = 120
    /// Matches that are marked in one line.
    static let maximumMatches = 20

    let lines: VisibleLines
    let streams: Set<LogStream>
    /// The last line to search. Lines after it were added since the search began.
    let until: Int64
    /// How many lines may be shown, and counted.
    let room: Int
    let countRoom: Int

    private(set) var shown: [Line] = []
    /// Lines with hits, up to `countRoom`.
    private(set) var count = 0
    /// There are more.
    private(set) var isFull = false
    private(set) var failure: SearchError?

    init(lines: VisibleLines, streams: Set<LogStream>, until: Int64, room: Int, countRoom: Int) {
        (self.lines, self.streams, self.until, self.room, self.countRoom) = (lines, streams, until, room, countRoom)
    }

    mutating func run(_ scanner: LineScanner, until deadline: ContinuousClock.Instant) {
        var tally = Tally(self)
        do throws(SearchError) {
            try lines.text.scan(scanner, until: deadline) { text, hit in tally.take(hit, in: text) }
        } catch {
            failure = error
        }
        (shown, count, isFull) = (tally.shown, tally.count, tally.isFull)
    }

    private struct Tally {
        let search: ExcerptSearch
        private var cursor: StreamCursor
        /// The line of the last hit, and where its excerpt is.
        private var line = -1
        private var excerpt = 0..<0

        var shown: [Line] = []
        var count = 0
        var isFull = false

        init(_ search: ExcerptSearch) {
            self.search = search
            cursor = StreamCursor(search.lines.streams)
        }

        /// - Returns: whether to go on.
        mutating func take(_ hit: LineScanner.Hit, in text: UnsafeBufferPointer<UInt8>) -> Bool {
            let number = search.lines.firstLine + Int64(hit.line)
            guard number <= search.until else { return false }
            if hit.line == line {
                mark(hit, in: text)
                return true
            }
            let stream = cursor.stream(ofLine: hit.line) ?? .stdout
            guard search.streams.contains(stream) else { return true }
            guard count < search.countRoom else {
                isFull = true
                return false
            }
            line = hit.line
            count += 1
            excerpt = 0..<0
            guard shown.count < search.room else { return true }
            excerpt = Self.excerpt(of: hit, in: text)
            shown.append(
                Line(
                    number: number, stream: stream, text: String(decoding: text[excerpt], as: UTF8.self),
                    from: text.utf16Count(hit.lineStart..<excerpt.lowerBound), matches: []))
            mark(hit, in: text)
            return true
        }

        private mutating func mark(_ hit: LineScanner.Hit, in text: UnsafeBufferPointer<UInt8>) {
            guard !excerpt.isEmpty, hit.range.lowerBound < excerpt.upperBound,
                shown[shown.count - 1].matches.count < maximumMatches
            else { return }
            let range = hit.range.clamped(to: excerpt)
            shown[shown.count - 1].matches.append([
                text.utf16Count(excerpt.lowerBound..<range.lowerBound), text.utf16Count(range),
            ])
        }

        /// The part of the line around the hit, in whole characters.
        private static func excerpt(of hit: LineScanner.Hit, in text: UnsafeBufferPointer<UInt8>) -> Range<Int> {
            let end = text[hit.range.lowerBound...].firstIndex(of: UInt8(ascii: "\n")) ?? text.count
            guard end - hit.lineStart > excerptBytes else { return hit.lineStart..<end }
            var lower = max(hit.lineStart, min(hit.range.lowerBound - leadBytes, end - excerptBytes))
            while lower > hit.lineStart, text[lower] & 0xc0 == 0x80 { lower -= 1 }
            var upper = min(end, lower + excerptBytes)
            while upper < end, upper > lower, text[upper] & 0xc0 == 0x80 { upper -= 1 }
            return lower..<upper
        }
    }
}
