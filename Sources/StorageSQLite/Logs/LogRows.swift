package import Domain
package import Foundation
internal import GRDB
package import Storage

/// A row of `provision_job_logs`, with undecoded text and times: database readers are scarce, so rows
/// is made into values elsewhere.
package struct ChunkRow: StoredChunk {
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

    package func chunk(of job: JobID) throws -> LogChunk {
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

/// A job's log as SQLite has it.
package struct SQLiteLog: StoredLog {
    let job: JobID
    let db: Database

    private static let columns =
        "number, last_seq, bytes, stdout_lines, stderr_lines, system_lines, state"

    package func lastBlock() throws -> BlockPosition {
        try db.row(
            "SELECT \(Self.columns) FROM provision_job_log_blocks WHERE job_id = ? ORDER BY number DESC LIMIT 1",
            job.rawValue
        ).map(BlockPosition.init) ?? .none
    }

    package func block(_ number: Int64) throws -> BlockPosition {
        let row = try db.row(
            "SELECT \(Self.columns) FROM provision_job_log_blocks WHERE job_id = ? AND number = ?", job.rawValue, number
        )
        guard let row else { throw StorageError(.corrupt, "A part of a log is missing.") }
        return try BlockPosition(row)
    }

    package func content(of block: BlockPosition) throws -> LogBlock {
        let row = try db.row(
            "SELECT visible, rest FROM provision_job_log_blocks WHERE job_id = ? AND number = ?", job.rawValue,
            block.number)
        guard let row else { throw StorageError(.corrupt, "A part of a log is missing.") }
        return LogBlock(text: row[0], rest: row[1])
    }

    package func contents(
        from first: BlockPosition, count: Int, withRest: Bool
    ) throws -> [(BlockPosition, LogBlock)] {
        try db.rows(
            """
            SELECT \(Self.columns), visible, \(withRest ? "rest" : "x''") FROM provision_job_log_blocks
            WHERE job_id = ? AND number >= ? ORDER BY number LIMIT ?
            """, job.rawValue, first.number, count
        ) { (try BlockPosition($0), LogBlock(text: $0[7], rest: $0[8])) }
    }

    package func chunks(after: Int64, maxBytes: Int, maxRows: Int) throws -> [ChunkRow] {
        try ChunkRow.page(of: job, after: after, maxBytes: maxBytes, maxRows: maxRows, db)
    }

    package func heads(after seq: Int64, _ body: (ChunkHead) -> Bool) throws {
        let heads = try Row.fetchCursor(
            db.cachedStatement(sql: Self.headsSQL), arguments: [job.rawValue, seq])
        while let row = try heads.next() {
            guard let stream = LogStream(rawValue: row[1]) else {
                throw StorageError(.corrupt, "The column stream_type has an invalid value.")
            }
            guard body(ChunkHead(seq: row[0], stream: stream, lineCount: row[2])) else { return }
        }
    }

    package func marks(_ body: (Data, Int64) throws -> Bool) throws {
        let rows = try Row.fetchCursor(
            db.cachedStatement(sql: Self.marksSQL), arguments: [job.rawValue])
        while let row = try rows.next(), try body(row.blob("marks"), row.integer("lines")) {}
    }

    package func byteCount() throws -> Int64 { try SQLiteStore.logBytes(of: job, db) }

    package func tail() throws -> LogTail { try AppendContext.require(job, db).tail }

    static let headsSQL = """
        SELECT seq, stream_type, line_count FROM provision_job_logs WHERE job_id = ? AND seq > ? ORDER BY seq
        """
    static let marksSQL = """
        SELECT marks, stdout_lines + stderr_lines + system_lines AS lines
        FROM provision_job_log_blocks WHERE job_id = ? ORDER BY number
        """
}

extension BlockPosition {
    /// By index: looking up names is slower than everything else here.
    fileprivate init(_ row: Row) throws {
        self.init(
            number: row[0],
            end: LogBlock.End(
                seq: row[1], bytes: row[2], linesByStream: [.stdout: row[3], .stderr: row[4], .system: row[5]],
                state: try TextState(encoded: row[6])))
    }
}
