/// The parser state between two lines of a log: the styles, cut sequences and open boxes of its streams.
public struct TextState: Hashable, Sendable {
    public struct Stream: Hashable, Sendable {
        /// The epoch whose lines were read last; 0 before the first.
        public var epoch: Int
        public var parser: LineParser
        public var marker: DiagnosticMarker

        public init(epoch: Int = 0, parser: LineParser = LineParser(), marker: DiagnosticMarker = DiagnosticMarker()) {
            self.epoch = epoch
            self.parser = parser
            self.marker = marker
        }
    }

    public var streams: [LogStream: Stream]

    public init(streams: [LogStream: Stream] = [:]) { self.streams = streams }

    public static let start = TextState()

    /// Reads the lines of `chunk`, and advances the state. `body` receives each line's index in the chunk (from 0),
    /// its visible text, and the diagnostic that it belongs to.
    public mutating func read(
        _ chunk: LogChunk, into line: inout VisibleLine,
        _ body: (Int, UnsafeBufferPointer<UInt8>, VisibleLine, DiagnosticMarker.Mark) throws -> Void
    ) rethrows {
        var stream = streams[chunk.stream] ?? Stream()
        defer { streams[chunk.stream] = stream }
        // A new lease means a new engine, which starts without styles. 0 is Trellis itself.
        if chunk.epoch != 0, chunk.epoch != stream.epoch {
            if stream.epoch != 0 { stream.parser = LineParser() }
            stream.epoch = chunk.epoch
        }
        var text = chunk.text
        try text.withUTF8 { bytes in
            var start = 0
            var index = 0
            while start < bytes.count {
                let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
                let raw = UnsafeBufferPointer(rebasing: bytes[start..<end])
                stream.parser.parse(raw, continued: chunk.continued && index == 0, into: &line)
                try body(index, raw, line, stream.marker.mark(line: line.text))
                index += 1
                start = end + 1
            }
        }
    }
}
