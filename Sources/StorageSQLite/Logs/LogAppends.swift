public import Domain
internal import Foundation
internal import GRDB
public import Storage

extension SQLiteStore {
    public func append(_ append: LogAppend, at now: Timestamp) async throws -> LogReceipt {
        let prepared = try PreparedAppend(append.chunks)
        return try await write(cost: prepared.bytes) { db, changes in
            var head = try AppendContext.require(append.job, db)
            try AppendRules.check(
                append, engine: head.engine, logIsComplete: head.isComplete, lastWorker: head.lastWorker,
                lastEpoch: head.lastEpoch)
            let key: (job: String, epoch: Int) = (append.job.rawValue, append.epoch)
            let nextN = try Self.nextN(key.job, key.epoch, db)
            let stored = append.n == nextN ? nil : try Self.digest(key.job, key.epoch, append.n, db)
            if try AppendRules.isRepeat(n: append.n, nextN: nextN, digest: prepared.digest, stored: stored) {
                return LogReceipt(nextN: nextN, seq: head.tail.seq)
            }
            try LogWriter.append(
                prepared.chunks, of: append.epoch, to: append.job, &head.tail, at: now, db, &changes)
            try db.run(
                "UPDATE provision_job_log_writers SET next_n = ? WHERE job_id = ? AND epoch = ?", nextN + 1, key.job,
                key.epoch)
            try db.run(
                "INSERT INTO provision_job_log_appends VALUES (?, ?, ?, ?)", key.job, key.epoch, append.n,
                prepared.digest)
            return LogReceipt(nextN: nextN + 1, seq: head.tail.seq, lines: head.tail.lines)
        }
    }

    static func nextN(_ job: String, _ epoch: Int, _ db: Database) throws -> Int64 {
        try db.row("SELECT next_n FROM provision_job_log_writers WHERE job_id = ? AND epoch = ?", job, epoch)?
            .integer("next_n") ?? 1
    }

    private static func digest(_ job: String, _ epoch: Int, _ n: Int64, _ db: Database) throws -> Data? {
        try db.row(
            "SELECT digest FROM provision_job_log_appends WHERE job_id = ? AND epoch = ? AND n = ?", job, epoch, n
        )?.blob("digest")
    }

    public func appendSystemLines(_ lines: [String], to job: JobID, at now: Timestamp) async throws {
        try await write { db, changes in
            var head = try AppendContext.require(job, db)
            guard head.isOpen else { return }
            try LogWriter.append(lines, to: job, &head.tail, at: now, db, &changes)
        }
    }
}

/// Puts chunks at the end of a job's log, inside a commit. The only place that assigns `seq` and line numbers.
enum LogWriter {
    /// Appends `chunks` of `epoch`, and moves `tail`.
    static func append(
        _ chunks: [PreparedChunk], of epoch: Int, to job: JobID, _ tail: inout LogTail, at now: Timestamp,
        _ db: Database, _ changes: inout [StoreChange]
    ) throws {
        guard !chunks.isEmpty else { return }
        let insert = try db.cachedStatement(sql: insertSQL)
        for chunk in chunks {
            let numbers = tail.append(chunk, at: now)
            // Unchecked arguments: this is the hot path for every chunk.
            insert.setUncheckedArguments([
                job.rawValue, epoch, numbers.seq, numbers.firstLine, chunk.lineCount, chunk.stream.rawValue,
                chunk.continued, now.milliseconds, numbers.times.encoded, chunk.text,
            ])
            try insert.execute()
        }
        try move(tail, of: job, db)
        try count(chunks, of: epoch, job: job, db)
        changes.append(.log(job, seq: tail.seq))
    }

    /// Appends lines of Trellis itself.
    static func append(
        _ systemLines: [String], to job: JobID, _ tail: inout LogTail, at now: Timestamp, _ db: Database,
        _ changes: inout [StoreChange]
    ) throws {
        try append(SystemChunks.chunks(systemLines, at: now), of: 0, to: job, &tail, at: now, db, &changes)
    }

    /// Drops what is needed to recognize repeated appends: a COMPLETE log accepts none.
    static func deleteAppendDigests(of job: JobID, _ db: Database) throws {
        try db.run("DELETE FROM provision_job_log_appends WHERE job_id = ?", job.rawValue)
    }

    // The text is bound as bytes: as text, SQLite's C strings would end it at its first U+0000.
    private static let insertSQL = """
        INSERT INTO provision_job_logs
            (job_id, epoch, seq, first_line, line_count, stream_type, continued, created_at, times, log_chunk)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS TEXT))
        """

    private static func move(_ tail: LogTail, of job: JobID, _ db: Database) throws {
        try db.run(
            """
            UPDATE provision_jobs SET log_seq = ?, log_lines = ?, stdout_lines = ?, stderr_lines = ?,
                system_lines = ?, log_time = ? WHERE id = ?
            """, tail.seq, tail.lines, tail.linesByStream[.stdout] ?? 0, tail.linesByStream[.stderr] ?? 0,
            tail.linesByStream[.system] ?? 0, tail.lastTime?.milliseconds, job.rawValue)
    }

    private static func count(_ chunks: [PreparedChunk], of epoch: Int, job: JobID, _ db: Database) throws {
        var bytes: [LogStream: Int] = [:]
        for chunk in chunks { bytes[chunk.stream, default: 0] += chunk.text.count }
        try db.run(
            """
            INSERT INTO provision_job_log_writers VALUES (?, ?, 1, ?, ?, ?)
            ON CONFLICT DO UPDATE SET stdout_bytes = stdout_bytes + excluded.stdout_bytes,
                stderr_bytes = stderr_bytes + excluded.stderr_bytes,
                system_bytes = system_bytes + excluded.system_bytes
            """, job.rawValue, epoch, bytes[.stdout] ?? 0, bytes[.stderr] ?? 0, bytes[.system] ?? 0)
    }
}

/// The small set of job columns that an append needs.
struct AppendContext: Sendable {
    var engine: EngineState
    var isComplete: Bool
    var isOpen: Bool
    var lastWorker: TendrilID?
    var lastEpoch: Int
    var tail: LogTail

    static func require(_ job: JobID, _ db: Database) throws -> AppendContext {
        let row = try db.row(
            """
            SELECT engine_state, log_state, worker_id, epoch, log_seq, log_lines, stdout_lines, stderr_lines, system_lines,
                log_time FROM provision_jobs WHERE id = ?
            """, job.rawValue)
        guard let row else { throw Refusal.noJob(job) }
        let log = try row.text("log_state")
        return AppendContext(
            engine: try row.name("engine_state"), isComplete: log == LogState.complete.name,
            isOpen: log == LogState.open.name, lastWorker: try row.optionalID("worker_id"),
            lastEpoch: try row.int("epoch"), tail: try LogTail(row))
    }
}
