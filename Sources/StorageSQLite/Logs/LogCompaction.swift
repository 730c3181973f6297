public import Domain
internal import Foundation
internal import GRDB
internal import Storage

extension SQLiteStore {
    public func compact(_ job: JobID) async throws -> Bool {
        let (before, stored) = try await read { db in
            let before = try SQLiteLog(job: job, db: db).lastBlock()
            let head = try AppendContext.require(job, db)
            let pending = try Self.logBytes(of: job, db) - before.end.bytes
            guard pending > 0, !head.isOpen || pending >= Int64(2 * LogBlock.textBytes) else {
                return (before, [ChunkRow]())
            }
            let page = try ChunkRow.page(
                of: job, after: before.end.seq, maxBytes: LogBlock.textBytes, maxRows: .max, db)
            return (before, page)
        }
        guard !stored.isEmpty else { return false }
        var end = before.end
        let compressed = try LogBlock.compress(stored.map { try $0.chunk(of: job) }, &end)
        try await write(cost: compressed.block.text.count) { [end] db, _ in
            // Only one task compacts, but check that these rows still exist.
            guard try SQLiteLog(job: job, db: db).lastBlock().number == before.number else { return }
            try db.run(
                "INSERT INTO provision_job_log_blocks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", job.rawValue,
                before.number + 1, end.seq, end.bytes, end.linesByStream[.stdout] ?? 0,
                end.linesByStream[.stderr] ?? 0, end.linesByStream[.system] ?? 0, end.state.encoded,
                compressed.marks.encoded(from: before.end.lines), compressed.block.text, compressed.block.rest)
            try db.run(
                "DELETE FROM provision_job_logs WHERE job_id = ? AND seq BETWEEN ? AND ?", job.rawValue,
                before.end.seq + 1, end.seq)
        }
        return true
    }

    public func jobsToCompact() async throws -> [JobID] {
        try await read { db in
            try db.rows("SELECT DISTINCT job_id FROM provision_job_logs") { try $0.id("job_id") }
        }
    }

    /// Bytes of text that the log has in all.
    static func logBytes(of job: JobID, _ db: Database) throws -> Int64 {
        try db.row(
            """
            SELECT ifnull(sum(stdout_bytes + stderr_bytes + system_bytes), 0) AS bytes
            FROM provision_job_log_writers WHERE job_id = ?
            """, job.rawValue
        )?.integer("bytes") ?? 0
    }
}
