internal import Domain
internal import GRDB

/// What one read of a log brings: a sealed block, or rows that are not sealed yet. Made into chunks elsewhere, because
/// readers of the database are few.
enum SegmentSource: Sendable {
    case block(BlockRow, BlockRow, LogBlock)
    case rows(BlockRow, [ChunkRow])

    /// Where the log stands before it.
    var before: BlockRow {
        switch self {
        case .block(let before, _, _), .rows(let before, _): before
        }
    }

    func chunks(of job: JobID) throws -> [LogChunk] {
        switch self {
        case .block(let before, _, let block): try block.chunks(of: job, after: before.end)
        case .rows(_, let rows): try rows.map { try $0.chunk(of: job) }
        }
    }

    func visibleLines(of job: JobID, withStreams: Bool) throws -> VisibleLines {
        let first = before.end.lines + 1
        switch self {
        case .block(_, let block, let sealed):
            return VisibleLines(
                firstLine: first, count: Int(block.end.lines - before.end.lines), text: try sealed.visibleText(),
                streams: withStreams ? try sealed.streams() : [])
        case .rows:
            var state = before.end.state
            let lines = state.lines(of: try chunks(of: job))
            var text: [UInt8] = []
            var streams: [VisibleLines.StreamRun] = []
            for line in lines {
                text += line.text
                text.append(UInt8(ascii: "\n"))
                streams.append(line.stream, lines: 1)
            }
            return VisibleLines(firstLine: first, count: lines.count, text: text, streams: streams)
        }
    }

    /// The block that holds what comes after `seq`; rows within the bounds where that is not sealed.
    static func after(_ seq: Int64, of job: JobID, maxBytes: Int, maxRows: Int, _ db: Database) throws -> SegmentSource
    {
        if let (before, block) = try BlockRow.first(of: job, db, where: { $0.seq > seq }) {
            return .block(before, block, try block.block(of: job, db))
        }
        return .rows(
            .none, try ChunkRow.page(of: job, after: seq, maxBytes: maxBytes, maxRows: maxRows, db))
    }
}

extension LogPosition {
    /// Whether it lies before `end`.
    func isBefore(_ end: LogBlock.End) -> Bool {
        switch self {
        case .line(let line): line <= end.lines
        case .row(let row, let streams): row < streams.reduce(0) { $0 + (end.linesByStream[$1] ?? 0) }
        }
    }
}

extension LogBlock.End {
    /// The log's end, as far as its size goes.
    init(_ tail: LogTail) {
        self.init(seq: tail.seq, linesByStream: tail.linesByStream)
    }
}
