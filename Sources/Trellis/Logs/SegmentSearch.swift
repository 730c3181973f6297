internal import Domain
internal import Storage
internal import TextSearch
internal import Wire

/// One segment of a search.
struct SegmentSearch: SearchedPart {
    let lines: VisibleLines
    let query: SearchQuery
    /// The last line to search. Lines after it were added since the search began.
    let until: Int64
    /// How many more hits may be reported.
    let room: Int
    let limits: SearchLimits

    private(set) var hits: [SearchHitMessage] = []
    private(set) var scanned: Int64 = 0
    private(set) var reason: String?

    init(lines: VisibleLines, query: SearchQuery, until: Int64, room: Int, limits: SearchLimits) {
        (self.lines, self.query, self.until, self.room, self.limits) = (lines, query, until, room, limits)
    }

    mutating func run(_ scanner: LineScanner, until deadline: ContinuousClock.Instant) {
        scanned = min(until, lines.nextLine - 1)
        var streams = StreamCursor(lines.streams)
        var last = lines.firstLine
        do throws(SearchError) {
            var full = false
            let (first, from, until, room, wanted) = (lines.firstLine, query.from, until, room, query.streams)
            var found: [SearchHitMessage] = []
            defer { hits = found }
            try lines.text.scan(scanner, until: deadline) { text, hit in
                last = first + Int64(hit.line)
                guard last <= until else { return false }
                guard last >= from, streams.isIn(wanted, line: hit.line) else { return true }
                guard found.count < room else {
                    full = true
                    return false
                }
                found.append(
                    SearchHitMessage(
                        n: last, col: text.utf16Count(hit.lineStart..<hit.range.lowerBound),
                        len: text.utf16Count(hit.range)))
                return true
            }
            if full {
                scanned = last - 1
                reason = limits.tooMany
            }
        } catch {
            scanned = last
            reason = error.sentence
        }
    }
}

/// Finds a line's stream; call in ascending order.
struct StreamCursor {
    private let runs: [VisibleLines.StreamRun]
    private var run = 0
    private var end = 0

    init(_ runs: [VisibleLines.StreamRun]) {
        self.runs = runs
        end = runs.first?.lines ?? 0
    }

    mutating func isIn(_ streams: Set<LogStream>, line: Int) -> Bool {
        guard streams.count < LogStream.allCases.count else { return true }
        return stream(ofLine: line).map(streams.contains) ?? false
    }

    /// nil if the runs don't say it.
    mutating func stream(ofLine line: Int) -> LogStream? {
        while line >= end, run + 1 < runs.count {
            run += 1
            end += runs[run].lines
        }
        return run < runs.count ? runs[run].stream : nil
    }
}

extension [UInt8] {
    func scan(
        _ scanner: LineScanner, until deadline: ContinuousClock.Instant,
        _ body: (UnsafeBufferPointer<UInt8>, LineScanner.Hit) -> Bool
    ) throws(SearchError) {
        // Typed throws do not pass through `withUnsafeBufferPointer` yet.
        let result = withUnsafeBufferPointer { bytes in
            Result { () throws(SearchError) in try scanner.scan(bytes, until: deadline) { body(bytes, $0) } }
        }
        try result.get()
    }
}

extension UnsafeBufferPointer<UInt8> {
    func utf16Count(_ range: Range<Int>) -> Int {
        let part = self[range]
        return part.allSatisfy { $0 < 0x80 } ? part.count : String(decoding: part, as: UTF8.self).utf16.count
    }
}

extension SearchError {
    var sentence: String {
        switch self {
        case .invalid(let sentence): sentence
        case .tooMuchWork: "The pattern is too expensive for this log. Simplify it."
        }
    }
}
