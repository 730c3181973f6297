import Domain

/// Joins consecutive lines of one stream into chunks.
struct ChunkBuilder: Sendable {
    private let limit: Int
    private var chunks: [UnnumberedChunk] = []
    private var stream = LogStream.stdout
    private var text: [UInt8] = []
    private var isContinued = false
    private var times = LineTimes()

    init(limit: Int) { self.limit = limit }

    /// Adds one line, or the piece of one, of at most `limit` bytes.
    ///
    /// - Parameters:
    ///   - isContinued: it continues the previous chunk, so it starts a chunk.
    ///   - isCut: it is cut, so it ends its chunk.
    mutating func append(
        _ piece: some Collection<UInt8>, of stream: LogStream, isContinued: Bool, isCut: Bool, at moment: Timestamp
    ) {
        if stream != self.stream || isContinued || text.count + piece.count > limit { seal() }
        if text.isEmpty {
            self.stream = stream
            self.isContinued = isContinued
        }
        text.append(contentsOf: piece)
        times.append(lines: 1, at: moment)
        if isCut { seal() }
    }

    mutating func takeChunks() -> [UnnumberedChunk] {
        seal()
        defer { chunks.removeAll(keepingCapacity: true) }
        return chunks
    }

    private mutating func seal() {
        guard !text.isEmpty else { return }
        chunks.append(
            UnnumberedChunk(
                stream: stream, text: String(decoding: text, as: UTF8.self), continued: isContinued, times: times))
        text.removeAll(keepingCapacity: true)
        times = LineTimes()
    }
}
