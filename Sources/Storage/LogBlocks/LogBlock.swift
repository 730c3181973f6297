package import Domain
package import Foundation

/// Hundreds of chunks of a log, compressed and immutable.
///
/// The visible lines and everything else are stored separately, so a search reads only visible text. Nothing is lost:
/// ``chunks(of:after:)`` returns every byte and every number.
package struct LogBlock: Sendable {
    /// The chunks' visible text (``VisibleLine``), a line feed after each line; compressed.
    package var text: Data
    /// What else the chunks hold (``BlockWriter``), compressed.
    package var rest: Data

    package init(text: Data, rest: Data) {
        self.text = text
        self.rest = rest
    }

    /// The target size of a block's text, in bytes; at least one chunk.
    package static let textBytes = 256 << 10
    /// What a block may hold at most, decompressed: one chunk of short lines costs the most.
    package static let decompressedLimit = 16 << 20

    /// The log position after a block.
    package struct End: Hashable, Sendable {
        package var seq: Int64 = 0
        /// Bytes of raw text up to here.
        package var bytes: Int64 = 0
        package var linesByStream: [LogStream: Int64] = [:]
        package var state = TextState.start

        package init(
            seq: Int64 = 0, bytes: Int64 = 0, linesByStream: [LogStream: Int64] = [:], state: TextState = .start
        ) {
            self.seq = seq
            self.bytes = bytes
            self.linesByStream = linesByStream
            self.state = state
        }

        package static let start = End()

        package var lines: Int64 { linesByStream.values.reduce(0, +) }
    }

    /// Compresses `chunks`, which start at `end`, and advances `end`.
    package static func compress(_ chunks: [LogChunk], _ end: inout End) throws(StorageError) -> (
        block: LogBlock, marks: [DiagnosticLine]
    ) {
        var writer = BlockWriter()
        for chunk in chunks {
            writer.add(chunk, &end.state)
            end.seq = chunk.seq
            end.bytes += Int64(chunk.text.utf8.count)
            end.linesByStream[chunk.stream, default: 0] += Int64(chunk.lineCount)
        }
        let block = LogBlock(text: try Zstd.compress(writer.text), rest: try Zstd.compress(writer.rest))
        return (block, writer.marks)
    }

    /// The original chunks; `before` is the end of the previous block.
    package func chunks(of job: JobID, after before: End) throws(StorageError) -> [LogChunk] {
        var reader = try BlockReader(text: try visibleText(), rest: rest)
        return try reader.chunks(of: job, seq: before.seq + 1, line: before.lines + 1)
    }

    /// Which streams its lines are of, in order.
    package func streams() throws(StorageError) -> [VisibleLines.StreamRun] {
        var reader = try BlockReader(text: [], rest: rest)
        return try reader.streams()
    }

    /// Every visible line, with a line feed behind it.
    package func visibleText() throws(StorageError) -> [UInt8] {
        try Zstd.decompress(text, limit: Self.decompressedLimit)
    }
}

extension LogPosition {
    /// Whether it lies before `end`.
    package func isBefore(_ end: LogBlock.End) -> Bool {
        switch self {
        case .line(let line): line <= end.lines
        case .row(let row, let streams): row < streams.reduce(0) { $0 + (end.linesByStream[$1] ?? 0) }
        }
    }
}

extension LogBlock.End {
    /// The log's end, as far as its size goes.
    package init(_ tail: LogTail) {
        self.init(seq: tail.seq, linesByStream: tail.linesByStream)
    }
}

extension VisibleLines {
    /// The visible lines of a block that follows `before` and ends at `end`.
    package init(of block: LogBlock, from before: LogBlock.End, to end: LogBlock.End, withStreams: Bool) throws {
        self.init(
            firstLine: before.lines + 1, count: Int(end.lines - before.lines), text: try block.visibleText(),
            streams: withStreams ? try block.streams() : [])
    }

    /// The visible lines of `chunks`, which follow `before`.
    package init(of chunks: [LogChunk], after before: LogBlock.End) {
        var state = before.state
        let lines = state.lines(of: chunks)
        var text: [UInt8] = []
        var streams: [StreamRun] = []
        for line in lines {
            text += line.text
            text.append(UInt8(ascii: "\n"))
            streams.append(line.stream, lines: 1)
        }
        self.init(firstLine: before.lines + 1, count: lines.count, text: text, streams: streams)
    }
}
