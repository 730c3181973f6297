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
        var page: [LogChunk] = []
        var bytes = 0
        var next = max(0, after)
        while page.count < maxRows {
            let part = try await read { [next, bytes, count = page.count] db in
                try SegmentSource.after(
                    next, of: job, maxBytes: maxBytes - bytes, maxRows: maxRows - count, db)
            }
            for chunk in try part.chunks(of: job) where chunk.seq > next {
                bytes += chunk.text.utf8.count
                if page.count == maxRows || bytes > maxBytes && !page.isEmpty { return page }
                page.append(chunk)
            }
            guard case .block(_, let block, _) = part else { break }
            next = block.end.seq
        }
        return page
    }

    public func segment(of job: JobID, at place: LogPosition) async throws -> LogSegment? {
        guard let part = try await part(of: job, at: place) else { return nil }
        return LogSegment(
            chunks: try part.chunks(of: job), state: part.before.end.state,
            linesBefore: part.before.end.linesByStream)
    }

    public func visibleLines(
        of job: JobID, at line: Int64, count: Int, withStreams: Bool
    ) async throws -> [VisibleLines] {
        let place = LogPosition.line(line)
        let parts = try await read { db -> [SegmentSource] in
            if let (before, first) = try BlockRow.first(of: job, db, where: place.isBefore) {
                return try BlockRow.visible(
                    from: first, after: before, of: job, count: count, withRest: withStreams, db)
            }
            guard place.isBefore(LogBlock.End(try AppendContext.require(job, db).tail)) else { return [] }
            return [try .tail(at: place, of: job, db)]
        }
        return try parts.map { try $0.visibleLines(of: job, withStreams: withStreams) }
    }

    /// The part that contains `place`; nil after the end of the log.
    private func part(of job: JobID, at place: LogPosition) async throws -> SegmentSource? {
        try await read { db in
            if let (before, block) = try BlockRow.first(of: job, db, where: place.isBefore) {
                return .block(before, block, try block.block(of: job, db))
            }
            guard place.isBefore(LogBlock.End(try AppendContext.require(job, db).tail)) else { return nil }
            return try .tail(at: place, of: job, db)
        }
    }

    public func diagnosticLines(of job: JobID, limit: Int) async throws -> [DiagnosticLine] {
        var (marks, rest) = try await read { db in
            var lines: Int64 = 0
            var marks: [DiagnosticLine] = []
            let blocks = try db.query(Self.marksSQL, [.uuid(job.rawValue)])
            for index in 0..<blocks.count where marks.count < limit {
                marks += try [DiagnosticLine](encoded: blocks[index].blob("marks"), from: lines)
                lines = try blocks[index].integer("lines")
            }
            return (marks, try SegmentSource.tail(of: job, db))
        }
        if marks.count < limit {
            var state = rest.before.end.state
            marks += state.lines(of: try rest.chunks(of: job)).filter(\.isHead).compactMap { line in
                line.mark.map { DiagnosticLine(line: line.number, kind: $0) }
            }
        }
        return Array(marks.prefix(limit))
    }

    static let marksSQL = """
        SELECT marks, stdout_lines + stderr_lines + system_lines AS lines
        FROM provision_job_log_blocks WHERE job_id = $1 ORDER BY number
        """
}
