public import Domain
internal import Foundation
internal import Postgres
internal import Storage

extension PostgresStore {
    public func compact(_ job: JobID) async throws -> Bool {
        let (before, stored) = try await read { db in
            let before = try PostgresLog(job: job, db: db).lastBlock()
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
        try await write { [end] db, _ in
            // Another node may compact the same rows: the first one stores the block and deletes them.
            let isFirst = try db.row(
                """
                INSERT INTO provision_job_log_blocks VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
                ON CONFLICT DO NOTHING RETURNING number
                """, job,
                before.number + 1, end.seq, end.bytes, end.linesByStream[.stdout] ?? 0,
                end.linesByStream[.stderr] ?? 0, end.linesByStream[.system] ?? 0, end.state.encoded,
                compressed.marks.encoded(from: before.end.lines), compressed.block.text, compressed.block.rest)
            guard isFirst != nil else { return }
            db.run(
                "DELETE FROM provision_job_logs WHERE job_id = $1 AND seq BETWEEN $2 AND $3", job,
                before.end.seq + 1, end.seq)
        }
        return true
    }

    public func jobsToCompact() async throws -> [JobID] {
        try await readOnce { db in
            // One step in the index per job; DISTINCT would read every row.
            try db.rows(
                """
                WITH RECURSIVE job (id) AS (
                    (SELECT job_id FROM provision_job_logs ORDER BY job_id LIMIT 1)
                    UNION ALL
                    SELECT (SELECT job_id FROM provision_job_logs WHERE job_id > job.id ORDER BY job_id LIMIT 1)
                    FROM job WHERE job.id IS NOT NULL)
                SELECT id FROM job WHERE id IS NOT NULL
                """
            ) { try $0.id("id") }
        }
    }

    /// Bytes of text that the log has in all.
    static func logBytes(of job: JobID, _ db: Database) throws -> Int64 {
        try db.row(
            """
            SELECT coalesce(sum(stdout_bytes + stderr_bytes + system_bytes), 0)::bigint AS bytes
            FROM provision_job_log_writers WHERE job_id = $1
            """, job
        )?.integer("bytes") ?? 0
    }
}
