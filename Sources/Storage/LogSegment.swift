public import Domain

/// A place in a log to read from.
public enum LogPosition: Hashable, Sendable {
    /// The line with this number, from 1.
    case line(Int64)
    /// The row, from 0, among the lines of these streams.
    case row(Int64, of: Set<LogStream>)
}

/// A stretch of a log that is read as a whole, some hundred kilobytes long, and the state in which it begins: what stands
/// before it need not be read to know how its lines look.
public struct LogSegment: Hashable, Sendable {
    /// In order, without gaps; at least one.
    public var chunks: [LogChunk]
    /// Where the reading of the text stands before the first of them.
    public var state: TextState
    /// How many lines of each stream come before it.
    public var linesBefore: [LogStream: Int64]

    public init(chunks: [LogChunk], state: TextState, linesBefore: [LogStream: Int64]) {
        self.chunks = chunks
        self.state = state
        self.linesBefore = linesBefore
    }

    /// How many lines of `streams` come before it.
    public func rowsBefore(_ streams: Set<LogStream>) -> Int64 {
        streams.reduce(0) { $0 + (linesBefore[$1] ?? 0) }
    }
}

/// A line that names a diagnostic.
public struct DiagnosticLine: Hashable, Sendable {
    public var line: Int64
    public var kind: DiagnosticMarker.Kind

    public init(line: Int64, kind: DiagnosticMarker.Kind) {
        self.line = line
        self.kind = kind
    }
}
