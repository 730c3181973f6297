internal import Domain
internal import Foundation
internal import GRDB

/// A row of `provision_job_log_blocks` without its large columns: where the log stands behind a block.
struct BlockRow: Sendable {
    var number: Int64
    var end: LogBlock.End

    /// The blocks of a job are numbered from 1; before the first the log stands at its start.
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

    /// The first block behind whose end `reaches` is true, and where the log stands before it; nil where none is.
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

    /// By position: looking names up costs more than the rest of it.
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

    /// `count` blocks from `first` on, for a search: without what is not visible where that is not needed.
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
