internal import Domain
internal import Foundation

/// Puts the chunks of a ``LogBlock`` together again. See ``BlockWriter``.
struct BlockReader {
    private let text: [UInt8]
    private var heads: ByteReader
    private var times: ByteReader
    private var edits: ByteReader
    private var pieces: [ArraySlice<UInt8>] = []

    /// Where the next visible line begins.
    private var position = 0
    /// Lines until the next one that is edited; nil where there is none.
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
