internal import Domain
internal import Foundation

/// Some hundred chunks of a log, sealed: compressed, and not changed any more.
///
/// The visible lines and everything else stand apart, so that a search reads only what a person sees. Nothing is lost:
/// ``chunks(of:after:)`` gives back every byte and every number.
struct LogBlock: Sendable {
    /// The chunks' visible text (``VisibleLine``), a line feed behind each line; compressed.
    var text: Data
    /// What else the chunks hold (``BlockWriter``), compressed.
    var rest: Data

    /// A block takes chunks up to so many bytes of text, one at least.
    static let textBytes = 256 << 10
    /// What a block may hold at most, decompressed: one chunk of short lines costs the most.
    static let decompressedLimit = 16 << 20

    /// Where a log stands behind a block.
    struct End: Hashable, Sendable {
        var seq: Int64 = 0
        /// Bytes of raw text up to here.
        var bytes: Int64 = 0
        var linesByStream: [LogStream: Int64] = [:]
        var state = TextState.start

        static let start = End()

        var lines: Int64 { linesByStream.values.reduce(0, +) }
    }

    /// Seals `chunks`, which go on where `end` is; moves `end` behind them.
    static func seal(_ chunks: [LogChunk], _ end: inout End) throws(StorageError) -> (
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

    /// The chunks as they were, `before` being where the block before ends.
    func chunks(of job: JobID, after before: End) throws(StorageError) -> [LogChunk] {
        var reader = try BlockReader(text: try visibleText(), rest: rest)
        return try reader.chunks(of: job, seq: before.seq + 1, line: before.lines + 1)
    }

    /// Which streams its lines are of, in order.
    func streams() throws(StorageError) -> [VisibleLines.StreamRun] {
        var reader = try BlockReader(text: [], rest: rest)
        return try reader.streams()
    }

    /// Every visible line, with a line feed behind it.
    func visibleText() throws(StorageError) -> [UInt8] {
        try Zstd.decompress(text, limit: Self.decompressedLimit)
    }
}
