/// One line as a person sees it.
public struct LogLine: Hashable, Sendable {
    /// The line's number, from 1.
    public var number: Int64
    public var stream: LogStream
    public var time: Timestamp
    /// The text as printed, with its control sequences, without the line feed.
    public var raw: String
    /// It goes on where this stream's previous line was cut.
    public var continued: Bool

    public init(number: Int64, stream: LogStream, time: Timestamp, raw: String, continued: Bool) {
        self.number = number
        self.stream = stream
        self.time = time
        self.raw = raw
        self.continued = continued
    }
}

extension LogChunk {
    /// The chunk's lines, in order.
    public var lines: [LogLine] {
        var lines: [LogLine] = []
        lines.reserveCapacity(lineCount)
        var times = LineTimes.Cursor(self.times, fallback: createdAt)
        for text in ChunkText.lines(of: self.text) {
            lines.append(
                LogLine(
                    number: firstLine + Int64(lines.count), stream: stream, time: times.next(), raw: String(text),
                    continued: continued && lines.isEmpty))
        }
        return lines
    }
}

extension LineTimes {
    /// Walks the times line by line, in constant time a step.
    struct Cursor {
        private let runs: [Run]
        private var run = 0
        private var taken = 0
        private var last: Timestamp

        init(_ times: LineTimes, fallback: Timestamp) {
            runs = times.runs
            last = times.runs.first?.at ?? fallback
        }

        mutating func next() -> Timestamp {
            while run < runs.count, taken >= runs[run].lines {
                run += 1
                taken = 0
            }
            if run < runs.count {
                last = runs[run].at
                taken += 1
            }
            return last
        }
    }
}
