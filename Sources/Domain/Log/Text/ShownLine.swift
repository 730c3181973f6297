/// One line as a person sees it.
public struct ShownLine: Hashable, Sendable {
    /// The line's number, from 1.
    public var number: Int64
    public var stream: LogStream
    public var time: Timestamp
    /// It goes on where this stream's previous line was cut.
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
    /// The lines of `chunks`, which go on where this stands; it stands behind them afterwards.
    public mutating func lines(of chunks: some Sequence<LogChunk>) -> [ShownLine] {
        var lines: [ShownLine] = []
        var places: [LogStream: [Int]] = [:]
        var visible = VisibleLine()
        for chunk in chunks {
            var times = LineTimes.Cursor(chunk.times, fallback: chunk.createdAt)
            read(chunk, into: &visible) { index, _, visible, mark in
                // Only its head says what a box is: the lines above it in the box were waiting for that.
                for place in (places[chunk.stream] ?? []).suffix(mark.earlierLines) { lines[place].mark = mark.kind }
                places[chunk.stream, default: []].append(lines.count)
                lines.append(
                    ShownLine(
                        number: chunk.firstLine + Int64(index), stream: chunk.stream, time: times.next(),
                        continued: chunk.continued && index == 0, text: visible.text, runs: visible.runs,
                        mark: mark.kind, isHead: mark.isHead))
            }
        }
        return lines
    }
}
