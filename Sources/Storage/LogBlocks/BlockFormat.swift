internal import Domain
internal import Foundation

/// Splits chunks into columns for a ``LogBlock``, for better compression.
///
/// `rest` is four byte strings: of each chunk its id, epoch, stream and marks, number of lines, and when it was stored;
/// the times of its lines; the pieces that were cut out of visible lines; and where in which line they belong.
struct BlockWriter {
    private(set) var text: [UInt8] = []
    private(set) var marks: [DiagnosticLine] = []

    private var heads = ByteWriter()
    private var times = ByteWriter()
    private var edits = ByteWriter()
    private var pieces: [[UInt8]: Int] = [:]
    private var pieceList: [[UInt8]] = []

    private var line = VisibleLine()
    private var lastID: Int64 = 0
    private var lastTime: Int64 = 0
    /// Lines since the last one that was edited.
    private var unedited = 0

    /// The format of `rest`; a reader refuses another.
    static let version = 1

    var rest: [UInt8] {
        var dictionary = ByteWriter()
        for piece in pieceList { dictionary.append(piece) }
        var rest = ByteWriter()
        rest.append(Self.version)
        for part in [heads, times, dictionary, edits] { rest.append(part.bytes) }
        return rest.bytes
    }

    mutating func add(_ chunk: LogChunk, _ state: inout TextState) {
        // A copy, because the line is modified meanwhile.
        var visible = line
        state.read(chunk, into: &visible) { index, raw, shown, mark in
            if mark.isHead, let kind = mark.kind {
                marks.append(DiagnosticLine(line: chunk.firstLine + Int64(index), kind: kind))
            }
            text.append(contentsOf: shown.text)
            text.append(UInt8(ascii: "\n"))
            if shown.isRewritten || shown.text.count != raw.count {
                edit(raw, shown)
            } else {
                unedited += 1
            }
        }
        line = visible
        addTimes(of: chunk)
        addHead(of: chunk)
    }

    private mutating func addHead(of chunk: LogChunk) {
        let isOpen = chunk.text.utf8.last != UInt8(ascii: "\n")
        heads.append(UInt64(bitPattern: chunk.id &- lastID))
        heads.append(chunk.epoch)
        heads.append(chunk.stream.code | (chunk.continued ? 4 : 0) | (isOpen ? 8 : 0))
        heads.append(chunk.lineCount)
        heads.appendSigned(chunk.createdAt.milliseconds &- lastTime)
        lastID = chunk.id
    }

    private mutating func addTimes(of chunk: LogChunk) {
        times.append(chunk.times.runs.count)
        for run in chunk.times.runs {
            times.append(run.lines)
            times.appendSigned(run.at.milliseconds &- lastTime)
            lastTime = run.at.milliseconds
        }
    }

    /// How the raw line is made from the visible one: pieces put in, or, if something was overwritten, the whole line.
    private mutating func edit(_ raw: UnsafeBufferPointer<UInt8>, _ shown: VisibleLine) {
        edits.append(unedited)
        unedited = 0
        guard !shown.isRewritten else {
            edits.append(0)
            edits.append(raw)
            return
        }
        let cuts = shown.cuts(ofLine: raw.count)
        edits.append(cuts.count)
        for cut in cuts {
            edits.append(cut.gap)
            edits.append(index(of: Array(raw[cut.raw])))
        }
    }

    private mutating func index(of piece: [UInt8]) -> Int {
        if let index = pieces[piece] { return index }
        pieces[piece] = pieceList.count
        pieceList.append(piece)
        return pieceList.count - 1
    }
}

extension LogStream {
    /// Its number in a block.
    var code: Int {
        switch self {
        case .stdout: 0
        case .stderr: 1
        case .system: 2
        }
    }

    init(code: Int) throws(StorageError) {
        switch code {
        case 0: self = .stdout
        case 1: self = .stderr
        case 2: self = .system
        default: throw ByteReader.damaged
        }
    }
}

/// Puts the chunks of a ``LogBlock`` together again. See ``BlockWriter``.
struct BlockReader {
    private let text: [UInt8]
    private var heads: ByteReader
    private var times: ByteReader
    private var edits: ByteReader
    private var pieces: [ArraySlice<UInt8>] = []

    /// Where the next visible line begins.
    private var position = 0
    /// Lines until the next one that is edited; nil if there is none.
    private var unedited: Int?
    private var lastID: Int64 = 0
    private var lastTime: Int64 = 0

    init(text: [UInt8], rest: Data) throws(StorageError) {
        self.text = text
        var parts = ByteReader(try Zstd.decompress(rest, limit: LogBlock.decompressedLimit)[...])
        guard try parts.next() == UInt64(BlockWriter.version) else { throw ByteReader.damaged }
        heads = ByteReader(try parts.nextString())
        times = ByteReader(try parts.nextString())
        var dictionary = ByteReader(try parts.nextString())
        edits = ByteReader(try parts.nextString())
        while !dictionary.isAtEnd { pieces.append(try dictionary.nextString()) }
        unedited = edits.isAtEnd ? nil : try edits.nextCount()
    }

    mutating func chunks(of job: JobID, seq: Int64, line: Int64) throws(StorageError) -> [LogChunk] {
        var (seq, line) = (seq, line)
        var chunks: [LogChunk] = []
        while !heads.isAtEnd {
            let chunk = try chunk(of: job, seq: seq, line: line)
            chunks.append(chunk)
            seq += 1
            line += Int64(chunk.lineCount)
        }
        return chunks
    }

    /// Only which streams the lines are of.
    mutating func streams() throws(StorageError) -> [VisibleLines.StreamRun] {
        var runs: [VisibleLines.StreamRun] = []
        while !heads.isAtEnd {
            let head = try head()
            runs.append(head.stream, lines: head.lineCount)
        }
        return runs
    }

    private struct Head {
        var id: Int64
        var epoch: Int
        var stream: LogStream
        var continued: Bool
        var isOpen: Bool
        var lineCount: Int
        /// From the chunk's last line until it was stored, in ms.
        var delay: Int64
    }

    private mutating func head() throws(StorageError) -> Head {
        let id = lastID &+ Int64(bitPattern: try heads.next())
        lastID = id
        let epoch = try heads.nextCount()
        let marks = try heads.nextCount(upTo: 15)
        return Head(
            id: id, epoch: epoch, stream: try LogStream(code: marks & 3), continued: marks & 4 != 0,
            isOpen: marks & 8 != 0, lineCount: try heads.nextCount(), delay: try heads.nextSigned())
    }

    private mutating func chunk(of job: JobID, seq: Int64, line: Int64) throws(StorageError) -> LogChunk {
        let head = try head()
        var runs: [LineTimes.Run] = []
        for _ in 0..<(try times.nextCount()) {
            let lines = try times.nextCount()
            lastTime &+= try times.nextSigned()
            runs.append(LineTimes.Run(lines: lines, at: Timestamp(milliseconds: lastTime)))
        }
        return LogChunk(
            id: head.id, job: job, epoch: head.epoch, seq: seq, firstLine: line, lineCount: head.lineCount,
            stream: head.stream, text: try text(lines: head.lineCount, isOpen: head.isOpen),
            continued: head.continued, times: LineTimes(runs),
            createdAt: Timestamp(milliseconds: lastTime &+ head.delay))
    }

    private mutating func text(lines: Int, isOpen: Bool) throws(StorageError) -> String {
        var raw: [UInt8] = []
        for _ in 0..<lines {
            guard let end = text[position...].firstIndex(of: UInt8(ascii: "\n")) else { throw ByteReader.damaged }
            let visible = text[position..<end]
            position = end + 1
            if unedited == 0 {
                try appendEdited(visible, to: &raw)
                unedited = edits.isAtEnd ? nil : try edits.nextCount()
            } else {
                raw.append(contentsOf: visible)
                unedited? -= 1
            }
            raw.append(UInt8(ascii: "\n"))
        }
        if isOpen { raw.removeLast() }
        return String(decoding: raw, as: UTF8.self)
    }

    private mutating func appendEdited(_ visible: ArraySlice<UInt8>, to raw: inout [UInt8]) throws(StorageError) {
        let cuts = try edits.nextCount()
        guard cuts > 0 else {
            raw.append(contentsOf: try edits.nextString())
            return
        }
        var at = visible.startIndex
        for _ in 0..<cuts {
            let gap = try edits.nextCount()
            let piece = try edits.nextCount()
            guard gap <= visible.endIndex - at, piece < pieces.count else { throw ByteReader.damaged }
            raw.append(contentsOf: visible[at..<at + gap])
            raw.append(contentsOf: pieces[piece])
            at += gap
        }
        raw.append(contentsOf: visible[at...])
    }
}
