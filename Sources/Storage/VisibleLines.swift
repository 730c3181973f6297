public import Domain

/// The visible lines of one segment, for those who look for text.
public struct VisibleLines: Sendable {
    /// The number of the first line.
    public var firstLine: Int64
    public var count: Int
    /// UTF-8, a line feed behind each line.
    public var text: [UInt8]
    /// Which streams the lines are of, in order; empty where that was not asked for.
    public var streams: [StreamRun]

    /// So many lines of one stream, one after the other.
    public struct StreamRun: Hashable, Sendable {
        public var stream: LogStream
        public var lines: Int
    }

    /// The number of the line behind them.
    public var nextLine: Int64 { firstLine + Int64(count) }
}

extension [VisibleLines.StreamRun] {
    mutating func append(_ stream: LogStream, lines: Int) {
        if last?.stream == stream {
            self[count - 1].lines += lines
        } else {
            append(VisibleLines.StreamRun(stream: stream, lines: lines))
        }
    }
}
