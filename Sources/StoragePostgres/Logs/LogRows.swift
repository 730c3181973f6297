package import Domain
package import Foundation
internal import Postgres
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

    package func chunk(of job: JobID) throws -> LogChunk {
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

/// A job's log as PostgreSQL has it.
package struct PostgresLog: StoredLog {
    let job: JobID
    let db: Database

    private static let columns =
        "number, last_seq, bytes, stdout_lines, stderr_lines, system_lines, state"

    package func lastBlock() throws -> BlockPosition {
        try db.row(
            "SELECT \(Self.columns) FROM provision_job_log_blocks WHERE job_id = $1 ORDER BY number DESC LIMIT 1", job
        ).map(BlockPosition.init) ?? .none
    }

    package func block(_ number: Int64) throws -> BlockPosition {
        let row = try db.row(
            "SELECT \(Self.columns) FROM provision_job_log_blocks WHERE job_id = $1 AND number = $2", job, number)
        guard let row else { throw StorageError(.corrupt, "A part of a log is missing.") }
        return try BlockPosition(row)
    }

    package func content(of block: BlockPosition) throws -> LogBlock {
        let row = try db.row(
            "SELECT visible, rest FROM provision_job_log_blocks WHERE job_id = $1 AND number = $2", job, block.number)
        guard let row else { throw StorageError(.corrupt, "A part of a log is missing.") }
        return LogBlock(text: try row.blob("visible"), rest: try row.blob("rest"))
    }

    package func contents(
        from first: BlockPosition, count: Int, withRest: Bool
    ) throws -> [(BlockPosition, LogBlock)] {
        try db.rows(
            """
            SELECT \(Self.columns), visible, \(withRest ? "rest" : "''::bytea AS rest") FROM provision_job_log_blocks
            WHERE job_id = $1 AND number >= $2 ORDER BY number LIMIT $3
            """, job, first.number, count
        ) { (try BlockPosition($0), LogBlock(text: try $0.blob("visible"), rest: try $0.blob("rest"))) }
    }

    package func chunks(after: Int64, maxBytes: Int, maxRows: Int) throws -> [ChunkRow] {
        try ChunkRow.page(of: job, after: after, maxBytes: maxBytes, maxRows: maxRows, db)
    }

    package func heads(after seq: Int64, _ body: (ChunkHead) -> Bool) throws {
        for row in try db.query(Self.headsSQL, [.uuid(job.rawValue), .int(seq)]).map(\.self) {
            let head = ChunkHead(
                seq: try row.integer("seq"), stream: try row.name("stream_type"),
                lineCount: try row.integer("line_count"))
            guard body(head) else { return }
        }
    }

    package func marks(_ body: (Data, Int64) throws -> Bool) throws {
        for row in try db.query(Self.marksSQL, [.uuid(job.rawValue)]).map(\.self) {
            guard try body(row.blob("marks"), row.integer("lines")) else { return }
        }
    }

    package func byteCount() throws -> Int64 { try PostgresStore.logBytes(of: job, db) }

    package func tail() throws -> LogTail { try AppendContext.require(job, db).tail }

    private static let headsSQL = """
        SELECT seq, stream_type, line_count FROM provision_job_logs WHERE job_id = $1 AND seq > $2 ORDER BY seq
        """
    private static let marksSQL = """
        SELECT marks, stdout_lines + stderr_lines + system_lines AS lines
        FROM provision_job_log_blocks WHERE job_id = $1 ORDER BY number
        """
}

extension BlockPosition {
    fileprivate init(_ row: Row) throws {
        self.init(
            number: try row.integer("number"),
            end: LogBlock.End(
                seq: try row.integer("last_seq"), bytes: try row.integer("bytes"),
                linesByStream: [
                    .stdout: try row.integer("stdout_lines"), .stderr: try row.integer("stderr_lines"),
                    .system: try row.integer("system_lines"),
                ],
                state: try TextState(encoded: try row.blob("state"))))
    }
}
