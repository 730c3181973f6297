/// Finds a pattern in lines: every hit lies in one line, as if each had been searched alone.
public struct LineScanner {
    /// A hit, in bytes of the text that was scanned.
    public struct Hit: Hashable, Sendable {
        /// The line's place in the text, from 0.
        public var line: Int
        /// Where the line begins.
        public var lineStart: Int
        public var range: Range<Int>
    }

    private let pattern: Pattern

    public init(_ pattern: Pattern) { self.pattern = pattern }

    private static let lineFeed = UInt8(ascii: "\n")

    /// Calls `body` with the hits in `text`, in order, until it says false. An empty match is no hit.
    ///
    /// - Parameters:
    ///   - text: UTF-8, a line feed after each line.
    ///   - deadline: when to stop, whatever is left.
    /// - Throws: ``SearchError/tooMuchWork``; what was found before has been reported.
    public func scan(
        _ text: UnsafeBufferPointer<UInt8>, until deadline: ContinuousClock.Instant, _ body: (Hit) -> Bool
    ) throws(SearchError) {
        var line = 0
        var start = 0
        var oneByOne = pattern.looksAround
        while start < text.count {
            var candidateEnd = 0
            // Most lines have no hit; skip them in bulk.
            if !oneByOne {
                guard let candidate = try pattern.first(in: text, from: start, until: deadline) else { return }
                // A hit that begins with a line's feed belongs to no line; the next line is matched separately.
                let (skipped, begin) = Self.lines(before: candidate.lowerBound, in: text, from: start)
                line += skipped
                start = begin
                candidateEnd = candidate.upperBound
            }
            let end = text[start...].firstIndex(of: Self.lineFeed) ?? text.count
            // A pattern that spans lines would rescan the whole text for each line.
            if candidateEnd > end { oneByOne = true }
            guard try scanLine(UnsafeBufferPointer(rebasing: text[start..<end]), line, start, deadline, body)
            else { return }
            line += 1
            start = end + 1
        }
    }

    /// The hits of one line. - Returns: whether to go on.
    private func scanLine(
        _ text: UnsafeBufferPointer<UInt8>, _ line: Int, _ start: Int, _ deadline: ContinuousClock.Instant,
        _ body: (Hit) -> Bool
    ) throws(SearchError) -> Bool {
        var next = 0
        while next <= text.count, let range = try pattern.first(in: text, from: next, until: deadline) {
            if range.isEmpty {
                next = Self.after(range.upperBound, in: text)
                continue
            }
            guard body(Hit(line: line, lineStart: start, range: start + range.lowerBound..<start + range.upperBound))
            else { return false }
            next = range.upperBound
        }
        return true
    }

    /// How many lines end before `position`, counted from `start`, and where its line begins.
    private static func lines(
        before position: Int, in text: UnsafeBufferPointer<UInt8>, from start: Int
    ) -> (count: Int, begin: Int) {
        var count = 0
        for byte in text[start..<position] where byte == lineFeed { count += 1 }
        guard count > 0 else { return (0, start) }
        let feed = text[start..<position].lastIndex(of: lineFeed) ?? start
        return (count, feed + 1)
    }

    /// The index after the character at `index`.
    private static func after(_ index: Int, in text: UnsafeBufferPointer<UInt8>) -> Int {
        var next = index + 1
        while next < text.count, text[next] & 0xc0 == 0x80 { next += 1 }
        return next
    }
}
