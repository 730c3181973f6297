internal import Domain
internal import Foundation
internal import GRDB
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
    var text: Data

    private static let select = """
        SELECT id, epoch, seq, first_line, line_count, stream_type, continued, created_at, times, log_chunk
        FROM provision_job_logs

        """

    /// By index: looking up names is slower than everything else here.
    private init(_ row: Row) throws {
        id = row[0]
        epoch = row[1]
        seq = row[2]
        firstLine = row[3]
        lineCount = row[4]
        guard let stream = LogStream(rawValue: row[5]) else {
            throw StorageError(.corrupt, "The column stream_type has an invalid value.")
        }
        self.stream = stream
        continued = row[6]
        createdAt = row[7]
        times = row[8]
        text = row[9]
    }

    func chunk(of job: JobID) throws -> LogChunk {
        LogChunk(
            id: id, job: job, epoch: epoch, seq: seq, firstLine: firstLine, lineCount: lineCount, stream: stream,
            text: String(decoding: text, as: UTF8.self), continued: continued,
            times: try LineTimes(encoded: times), createdAt: Timestamp(milliseconds: createdAt))
    }

    /// The chunks with `seq` > `after`, as far as the bounds allow; at least one, if there is any.
    static func page(
        of job: JobID, after: Int64, maxBytes: Int, maxRows: Int, _ db: Database
    ) throws -> [ChunkRow] {
        let cursor = try Row.fetchCursor(
            db.cachedStatement(sql: pageSQL), arguments: [job.rawValue, after, maxRows])
        var page: [ChunkRow] = []
        var bytes = 0
        while let row = try cursor.next() {
            let chunk = try ChunkRow(row)
            bytes += chunk.text.count
            if bytes > maxBytes, !page.isEmpty { break }
            page.append(chunk)
        }
        return page
    }

    static let pageSQL = select + "WHERE job_id = ? AND seq > ? ORDER BY seq LIMIT ?"
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
            "SELECT \(columns) FROM provision_job_log_blocks WHERE job_id = ? ORDER BY number DESC LIMIT 1",
            job.rawValue
        ).map(BlockRow.init) ?? none
    }

    static func find(_ number: Int64, of job: JobID, _ db: Database) throws -> BlockRow {
        guard number > 0 else { return none }
        let row = try db.row(
            "SELECT \(columns) FROM provision_job_log_blocks WHERE job_id = ? AND number = ?", job.rawValue, number)
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

    /// By index: looking up names is slower than everything else here.
    private init(_ row: Row) throws {
        number = row[0]
        end = LogBlock.End(
            seq: row[1], bytes: row[2], linesByStream: [.stdout: row[3], .stderr: row[4], .system: row[5]],
            state: try TextState(encoded: row[6]))
    }

    /// The block's large columns.
    func block(of job: JobID, _ db: Database) throws -> LogBlock {
        let row = try db.row(
            "SELECT visible, rest FROM provision_job_log_blocks WHERE job_id = ? AND number = ?", job.rawValue, number)
        guard let row else { throw StorageError(.corrupt, "A part of a log is missing.") }
        return LogBlock(text: row[0], rest: row[1])
    }

    /// `count` blocks, starting with `first`, for a search. What is not text is read only if it is needed.
    static func visible(
        from first: BlockRow, after before: BlockRow, of job: JobID, count: Int, withRest: Bool, _ db: Database
    ) throws -> [SegmentSource] {
        var before = before
        return try db.rows(
            """
            SELECT \(columns), visible, \(withRest ? "rest" : "x''") FROM provision_job_log_blocks
            WHERE job_id = ? AND number >= ? ORDER BY number LIMIT ?
            """, job.rawValue, first.number, count
        ) { row in
            let block = try BlockRow(row)
            defer { before = block }
            return .block(before, block, LogBlock(text: row[7], rest: row[8]))
        }
    }
}
