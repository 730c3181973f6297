internal import Domain
internal import Foundation
internal import Postgres
internal import Storage

/// A row of `provision_job_logs`, with undecoded text and times: database readers are scarce, so rows
/// is made into values elsewhere.
struct ChunkRow: Sendable {
    var id: Int64
    var epoch: Int
    var seq: Int64
    var firstLine: Int64
    var lineCount: Int
    var stream: LogStream
    var continued: Bool
    var createdAt: Int64
    var times: Data
    var text: StoredText

    private static let select = """
        SELECT id, epoch, seq, first_line, line_count, stream_type, continued, created_at, times, compressed,
            text_bytes, log_chunk
        FROM provision_job_logs

        """

    private init(_ row: Row) throws {
        id = try row.integer("id")
        epoch = try row.int("epoch")
        seq = try row.integer("seq")
        firstLine = try row.integer("first_line")
        lineCount = try row.int("line_count")
        stream = try row.name("stream_type")
        continued = try row.flag("continued")
        createdAt = try row.integer("created_at")
        times = try row.blob("times")
        text = StoredText(
            bytes: try row.blob("log_chunk"), isCompressed: try row.flag("compressed"),
            count: try row.int("text_bytes"))
    }

    func chunk(of job: JobID) throws -> LogChunk {
        LogChunk(
            id: id, job: job, epoch: epoch, seq: seq, firstLine: firstLine, lineCount: lineCount, stream: stream,
            text: try text.text(), continued: continued,
            times: try LineTimes(encoded: times), createdAt: Timestamp(milliseconds: createdAt))
    }

    /// The chunks with `seq` > `after`, as far as the bounds allow; at least one, if there is any.
    ///
    /// How far that is, is found out first, from the sizes alone: the texts that are not wanted are not read.
    static func page(
        of job: JobID, after: Int64, maxBytes: Int, maxRows: Int, _ db: Database
    ) throws -> [ChunkRow] {
        var last = after
        var (bytes, count) = (0, 0)
        search: while count < maxRows {
            let step = min(1024, maxRows - count)
            let sizes = try db.rows(sizesSQL, job, last, step) { row in
                (seq: try row.integer("seq"), bytes: try row.int("text_bytes"))
            }
            for size in sizes {
                bytes += size.bytes
                if bytes > maxBytes, count > 0 { break search }
                count += 1
                last = size.seq
            }
            if sizes.count < step { break }
        }
        guard count > 0 else { return [] }
        return try db.rows(pageSQL, job, after, last, make: ChunkRow.init)
    }

    static let sizesSQL = """
        SELECT seq, text_bytes FROM provision_job_logs WHERE job_id = $1 AND seq > $2 ORDER BY seq LIMIT $3
        """
    static let pageSQL = select + "WHERE job_id = $1 AND seq > $2 AND seq <= $3 ORDER BY seq"
}

/// A row of `provision_job_log_blocks` without its large columns: the log position after a block.
struct BlockRow: Sendable {
    var number: Int64
    var end: LogBlock.End

    /// The blocks of a job are numbered from 1; before the first is the start of the log.
    static let none = BlockRow(number: 0, end: .start)

    private static let columns =
        "number, last_seq, bytes, stdout_lines, stderr_lines, system_lines, state"

    static func last(of job: JobID, _ db: Database) throws -> BlockRow {
        try db.row(
            "SELECT \(columns) FROM provision_job_log_blocks WHERE job_id = $1 ORDER BY number DESC LIMIT 1",
            job
        ).map(BlockRow.init) ?? none
    }

    static func find(_ number: Int64, of job: JobID, _ db: Database) throws -> BlockRow {
        guard number > 0 else { return none }
        let row = try db.row(
            "SELECT \(columns) FROM provision_job_log_blocks WHERE job_id = $1 AND number = $2", job, number)
        guard let row else { throw StorageError(.corrupt, "A part of a log is missing.") }
        return try BlockRow(row)
    }

    /// The first block whose end satisfies `reaches`, and the position before it; nil if there is none.
    /// A dozen reads by key, however long the log is.
    static func first(
        of job: JobID, _ db: Database, where reaches: (LogBlock.End) -> Bool
    ) throws -> (before: BlockRow, block: BlockRow)? {
        var block = try last(of: job, db)
        guard block.number > 0, reaches(block.end) else { return nil }
        var before = none
        while before.number + 1 < block.number {
            let middle = try find((before.number + block.number) / 2, of: job, db)
            if reaches(middle.end) { block = middle } else { before = middle }
        }
        return (before, block)
    }

    init(number: Int64, end: LogBlock.End) {
        self.number = number
        self.end = end
    }

    private init(_ row: Row) throws {
        number = try row.integer("number")
        end = LogBlock.End(
            seq: try row.integer("last_seq"), bytes: try row.integer("bytes"),
            linesByStream: [
                .stdout: try row.integer("stdout_lines"), .stderr: try row.integer("stderr_lines"),
                .system: try row.integer("system_lines"),
            ],
            state: try TextState(encoded: try row.blob("state")))
    }

    /// The block's large columns.
    func block(of job: JobID, _ db: Database) throws -> LogBlock {
        let row = try db.row(
            "SELECT visible, rest FROM provision_job_log_blocks WHERE job_id = $1 AND number = $2", job, number)
        guard let row else { throw StorageError(.corrupt, "A part of a log is missing.") }
        return LogBlock(text: try row.blob("visible"), rest: try row.blob("rest"))
    }

    /// `count` blocks, starting with `first`, for a search. What is not text is read only if it is needed.
    static func visible(
        from first: BlockRow, after before: BlockRow, of job: JobID, count: Int, withRest: Bool, _ db: Database
    ) throws -> [SegmentSource] {
        var before = before
        return try db.rows(
            """
            SELECT \(columns), visible, \(withRest ? "rest" : "''::bytea AS rest") FROM provision_job_log_blocks
            WHERE job_id = $1 AND number >= $2 ORDER BY number LIMIT $3
            """, job, first.number, count
        ) { row in
            let block = try BlockRow(row)
            defer { before = block }
            return .block(before, block, LogBlock(text: try row.blob("visible"), rest: try row.blob("rest")))
        }
    }
}
