internal import Domain
internal import Postgres
internal import Storage

/// The result of one read: a block, or rows that are not compacted yet. Made into chunks elsewhere, because
/// readers of the database are few.
enum SegmentSource: Sendable {
    case block(BlockRow, BlockRow, LogBlock)
    case rows(BlockRow, [ChunkRow])

    /// The position of the log before it.
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
        switch self {
        case .block(let before, let block, let compacted):
            try VisibleLines(of: compacted, from: before.end, to: block.end, withStreams: withStreams)
        case .rows(let before, _): VisibleLines(of: try chunks(of: job), after: before.end)
        }
    }

    /// The block that holds what comes after `seq`; rows within the bounds where that is not compacted.
    static func after(_ seq: Int64, of job: JobID, maxBytes: Int, maxRows: Int, _ db: Database) throws -> SegmentSource
    {
        if let (before, block) = try BlockRow.first(of: job, db, where: { $0.seq > seq }) {
            return .block(before, block, try block.block(of: job, db))
        }
        return .rows(
            .none, try ChunkRow.page(of: job, after: seq, maxBytes: maxBytes, maxRows: maxRows, db))
    }
}

/// What comes after the last block: usually little, because compaction follows quickly. A fast log may outrun it for a
/// while.
extension SegmentSource {
    /// Up to this many bytes it is read as a whole, so that every line is coloured as it should be.
    static let exactTailBytes: Int64 = 8 << 20
    /// For a longer tail, this many earlier chunks are read as well, to get the styles right.
    private static let lead = 16
    private static let leadBytes = 2 << 20

    /// The tail around `place`.
    static func tail(at place: LogPosition, of job: JobID, _ db: Database) throws -> SegmentSource {
        let last = try BlockRow.last(of: job, db)
        guard try PostgresStore.logBytes(of: job, db) - last.end.bytes > exactTailBytes else {
            return try whole(after: last, of: job, db)
        }
        return try part(at: place, after: last, of: job, db)
    }

    /// All of the tail, as long as it is not too long to be read as a whole.
    static func tail(of job: JobID, _ db: Database) throws -> SegmentSource {
        try whole(after: BlockRow.last(of: job, db), of: job, db)
    }

    private static func whole(after block: BlockRow, of job: JobID, _ db: Database) throws -> SegmentSource {
        .rows(
            block,
            try ChunkRow.page(
                of: job, after: block.end.seq, maxBytes: Int(exactTailBytes), maxRows: .max, db))
    }

    /// Some chunks around `place`, found without touching any text. They are assumed to start without styles.
    private static func part(
        at place: LogPosition, after block: BlockRow, of job: JobID, _ db: Database
    ) throws -> SegmentSource {
        var starts = [block.end]
        var end = block.end
        let heads = try db.query(headsSQL, [.uuid(job.rawValue), .int(block.end.seq)])
        for index in 0..<heads.count where !place.isBefore(end) {
            let stream: LogStream = try heads[index].name("stream_type")
            end.seq = try heads[index].integer("seq")
            end.linesByStream[stream, default: 0] += try heads[index].integer("line_count")
            starts.append(end)
            if starts.count > lead { starts.removeFirst() }
        }
        var start = starts[0]
        if start.seq != block.end.seq { start.state = .start }
        let rows = try ChunkRow.page(of: job, after: start.seq, maxBytes: leadBytes, maxRows: .max, db)
        return .rows(BlockRow(number: block.number, end: start), rows)
    }

    static let headsSQL = """
        SELECT seq, stream_type, line_count FROM provision_job_logs WHERE job_id = $1 AND seq > $2 ORDER BY seq
        """
}
