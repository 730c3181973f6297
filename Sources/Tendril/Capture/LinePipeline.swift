import Domain
import SystemCalls

/// Turns captured bytes into chunks: repairs UTF-8, masks secrets, then splits lines.
///
/// Pure: no I/O and no clock. The text of each stream and the order of the lines depend on nothing but the order
/// records, the bytes and the secrets; batching affects only where chunks start.
struct LinePipeline: Sendable {
    private var streams: [StreamState]
    private var builder: ChunkBuilder
    /// The latest moment seen: lines' times never decrease.
    private var latest = Timestamp(milliseconds: 0)
    /// A reused buffer.
    private var repaired: [UInt8] = []
    private var masked: [UInt8] = []

    init(masker: Masker, limits: LogLimits = .standard) {
        streams = LogStream.allCases.map { StreamState(stream: $0, masker: masker, limit: limits.chunkBytes) }
        builder = ChunkBuilder(limit: limits.chunkBytes)
    }

    /// Takes the next bytes of `stream`, seen at `moment`.
    mutating func take(_ bytes: UnsafeBufferPointer<UInt8>, of stream: LogStream, at moment: Timestamp) {
        latest = max(latest, moment)
        let index = Self.index(of: stream)
        repaired.removeAll(keepingCapacity: true)
        masked.removeAll(keepingCapacity: true)
        streams[index].repair.take(bytes, into: &repaired)
        repaired.withUnsafeBufferPointer { streams[index].masking.take($0, into: &masked) }
        masked.withUnsafeBufferPointer { streams[index].split($0, at: latest, into: &builder) }
    }

    /// Masks the rest of all streams with `masker`.
    mutating func use(_ masker: Masker) {
        for index in streams.indices {
            masked.removeAll(keepingCapacity: true)
            streams[index].use(masker, into: &masked)
            masked.withUnsafeBufferPointer { streams[index].split($0, at: latest, into: &builder) }
        }
    }

    /// Adds a line for `gap` and continues with the next whole line.
    mutating func skip(_ gap: Range<Int64>, of stream: LogStream, at moment: Timestamp) {
        latest = max(latest, moment)
        let index = Self.index(of: stream)
        masked.removeAll(keepingCapacity: true)
        streams[index].resetAfterGap(rest: &masked, at: latest, into: &builder)
        Array((CaptureGaps.sentence(gap, of: stream) + "\n").utf8).withUnsafeBufferPointer {
            take($0, of: .system, at: moment)
        }
    }

    /// Emits unfinished lines after an idle period, except text that could start a secret.
    mutating func idle(at moment: Timestamp) {
        latest = max(latest, moment)
        for index in streams.indices {
            masked.removeAll(keepingCapacity: true)
            streams[index].masking.idle(into: &masked)
            masked.withUnsafeBufferPointer { streams[index].split($0, at: latest, into: &builder) }
            streams[index].cutLine(at: latest, into: &builder)
        }
    }

    /// End of input: emits the rest.
    mutating func finish() {
        for index in streams.indices {
            repaired.removeAll(keepingCapacity: true)
            masked.removeAll(keepingCapacity: true)
            streams[index].repair.finish(into: &repaired)
            repaired.withUnsafeBufferPointer { streams[index].masking.take($0, into: &masked) }
            streams[index].masking.finish(into: &masked)
            masked.withUnsafeBufferPointer { streams[index].split($0, at: latest, into: &builder) }
            streams[index].cutLine(at: latest, into: &builder)
        }
    }

    /// Takes the finished chunks, in order.
    mutating func takeChunks() -> [UnnumberedChunk] { builder.takeChunks() }

    private static func index(of stream: LogStream) -> Int {
        switch stream {
        case .stdout: 0
        case .stderr: 1
        case .system: 2
        }
    }
}

/// What the pipeline remembers about one stream.
private struct StreamState: Sendable {
    let stream: LogStream
    /// The maximum number of bytes of a line, with its line feed; a longer one is cut.
    let limit: Int
    var repair = UTF8Repair()
    var masking: MaskingStream
    /// The beginning of a line, repaired and masked.
    private var line: [UInt8] = []
    /// That line continues after the last chunk.
    private var isContinued = false
    /// After a gap, output is suppressed until the next line feed.
    private var isLost = false
    private var masker: Masker

    init(stream: LogStream, masker: Masker, limit: Int) {
        self.stream = stream
        self.limit = limit
        self.masker = masker
        masking = MaskingStream(masker)
    }

    mutating func use(_ masker: Masker, into output: inout [UInt8]) {
        self.masker = masker
        masking.use(masker, into: &output)
    }

    /// Accepts whole Unicode scalars.
    mutating func split(_ text: UnsafeBufferPointer<UInt8>, at moment: Timestamp, into builder: inout ChunkBuilder) {
        var rest = text[...]
        if isLost {
            guard let feed = Posix.lineFeed(in: rest) else { return }
            rest = rest[(feed + 1)...]
            isLost = false
        }
        while let feed = Posix.lineFeed(in: rest) {
            let piece = rest[...feed]
            rest = rest[(feed + 1)...]
            if line.isEmpty, piece.count <= limit {
                emit(piece, isCut: false, at: moment, to: &builder)
            } else {
                line.append(contentsOf: piece)
                cutOverlong(at: moment, into: &builder)
                emit(line[...], isCut: false, at: moment, to: &builder)
                line.removeAll(keepingCapacity: true)
            }
        }
        guard !rest.isEmpty else { return }
        line.append(contentsOf: rest)
        cutOverlong(at: moment, into: &builder)
    }

    /// The stream has a gap, which may cut a secret: its start is masked, its end is not shown.
    mutating func resetAfterGap(rest: inout [UInt8], at moment: Timestamp, into builder: inout ChunkBuilder) {
        masking.finish(into: &rest)
        if !line.isEmpty || !rest.isEmpty {
            rest.append(UInt8(ascii: "\n"))
            rest.withUnsafeBufferPointer { split($0, at: moment, into: &builder) }
        }
        repair = UTF8Repair()
        masking = MaskingStream(masker)
        isLost = true
    }

    /// Emits the unfinished line; the rest becomes a separate line.
    mutating func cutLine(at moment: Timestamp, into builder: inout ChunkBuilder) {
        guard !line.isEmpty else { return }
        emit(line[...], isCut: true, at: moment, to: &builder)
        line.removeAll(keepingCapacity: true)
    }

    private mutating func cutOverlong(at moment: Timestamp, into builder: inout ChunkBuilder) {
        var start = 0
        while line.count - start > limit {
            var end = start + limit
            // Back to the beginning of a scalar.
            while line[end] & 0xc0 == 0x80 { end -= 1 }
            emit(line[start..<end], isCut: true, at: moment, to: &builder)
            start = end
        }
        line.removeFirst(start)
    }

    private mutating func emit(
        _ piece: some RandomAccessCollection<UInt8>, isCut: Bool, at moment: Timestamp,
        to builder: inout ChunkBuilder
    ) {
        builder.append(piece, of: stream, isContinued: isContinued, isCut: isCut, at: moment)
        isContinued = isCut
    }
}

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
        if stream != self.stream || isContinued || text.count + piece.count > limit { closeChunk() }
        if text.isEmpty {
            self.stream = stream
            self.isContinued = isContinued
        }
        text.append(contentsOf: piece)
        times.append(lines: 1, at: moment)
        if isCut { closeChunk() }
    }

    mutating func takeChunks() -> [UnnumberedChunk] {
        closeChunk()
        defer { chunks.removeAll(keepingCapacity: true) }
        return chunks
    }

    private mutating func closeChunk() {
        guard !text.isEmpty else { return }
        chunks.append(
            UnnumberedChunk(
                stream: stream, text: String(decoding: text, as: UTF8.self), continued: isContinued, times: times))
        text.removeAll(keepingCapacity: true)
        times = LineTimes()
    }
}
