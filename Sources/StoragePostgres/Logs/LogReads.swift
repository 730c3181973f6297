public import Domain
internal import Foundation
internal import Postgres
public import Storage

extension PostgresStore {
    public func logCursor(of job: JobID, epoch: Int) async throws -> LogCursor {
        try await read { db in
            let head = try AppendContext.require(job, db)
            let writer = try db.row(
                "SELECT * FROM provision_job_log_writers WHERE job_id = $1 AND epoch = $2", job, epoch)
            guard let writer else { return LogCursor(nextN: 1, seq: head.tail.seq, storedBytes: [:]) }
            let bytes: [LogStream: Int64] = [
                .stdout: try writer.integer("stdout_bytes"), .stderr: try writer.integer("stderr_bytes"),
                .system: try writer.integer("system_bytes"),
            ]
            return LogCursor(
                nextN: try writer.integer("next_n"), seq: head.tail.seq, storedBytes: bytes.filter { $0.value > 0 })
        }
    }

    public func logSize(of job: JobID) async throws -> LogSize {
        let tail = try await readOnce { db in try AppendContext.require(job, db).tail }
        return LogSize(seq: tail.seq, lines: tail.lines, linesByStream: tail.linesByStream.filter { $0.value > 0 })
    }

    public func chunks(of job: JobID, after: Int64, maxBytes: Int, maxRows: Int) async throws -> [LogChunk] {
        try await storedChunks(of: job, after: after, maxBytes: maxBytes, maxRows: maxRows)
    }

    public func segment(of job: JobID, at place: LogPosition) async throws -> LogSegment? {
        try await storedSegment(of: job, at: place)
    }

    public func visibleLines(
        of job: JobID, at line: Int64, count: Int, withStreams: Bool
    ) async throws -> [VisibleLines] {
        try await storedLines(of: job, at: line, count: count, withStreams: withStreams)
    }

    public func diagnosticLines(of job: JobID, limit: Int) async throws -> [DiagnosticLine] {
        try await storedDiagnosticLines(of: job, limit: limit)
    }
}

extension PostgresStore: LogReader {
    package func readLog<Value: Sendable>(
        of job: JobID, _ body: @escaping @Sendable (PostgresLog) throws -> Value
    ) async throws -> Value {
        try await read { db in try body(PostgresLog(job: job, db: db)) }
    }
}
