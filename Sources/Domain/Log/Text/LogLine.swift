/// One visible line.
public struct LogLine: Hashable, Sendable {
    /// The line's number, from 1.
    public var number: Int64
    public var stream: LogStream
    public var time: Timestamp
    /// It continues this stream's previous line, which was cut.
    public var continued: Bool
    /// The visible text in UTF-8, without a line feed.
    public var text: [UInt8]
    public var runs: [VisibleLine.Run]
    /// The kind of diagnostic that it is part of.
    public var mark: DiagnosticMarker.Kind?
    /// It names the diagnostic.
    public var isHead: Bool
}

extension TextState {
    /// The lines of `chunks`, which continue at this state; advances the state.
    public mutating func lines(of chunks: some Sequence<LogChunk>) -> [LogLine] {
        var lines: [LogLine] = []
        var places: [LogStream: [Int]] = [:]
        var visible = VisibleLine()
        for chunk in chunks {
            var times = LineTimes.Cursor(chunk.times, fallback: chunk.createdAt)
            read(chunk, into: &visible) { index, _, visible, mark in
                // A box's kind is known only from its head line: the lines above it in the box were waiting for that.
                for place in (places[chunk.stream] ?? []).suffix(mark.earlierLines) { lines[place].mark = mark.kind }
                places[chunk.stream, default: []].append(lines.count)
                lines.append(
                    LogLine(
                        number: chunk.firstLine + Int64(index), stream: chunk.stream, time: times.next(),
                        continued: chunk.continued && index == 0, text: visible.text, runs: visible.runs,
                        mark: mark.kind, isHead: mark.isHead))
            }
        }
        return lines
    }
}
