internal import Crypto
public import Domain
internal import Foundation
internal import GRDB

extension SQLiteStore {
    public func logCursor(of job: JobID, epoch: Int) async throws -> LogCursor {
        try await read { db in
            let head = try LogHead.require(job, db)
            let writer = try db.row(
                "SELECT * FROM provision_job_log_writers WHERE job_id = ? AND epoch = ?", job.rawValue, epoch)
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
        let tail = try await read { db in try LogHead.require(job, db).tail }
        return LogSize(seq: tail.seq, lines: tail.lines, linesByStream: tail.linesByStream.filter { $0.value > 0 })
    }

    public func chunks(of job: JobID, after: Int64, maxBytes: Int, maxRows: Int) async throws -> [LogChunk] {
        guard maxRows > 0 else { return [] }
        return try await read { db in
            try StoredChunk.page(of: job, after: after, maxBytes: maxBytes, maxRows: maxRows, db)
        }.map { try $0.chunk(of: job) }
    }

    public func segment(of job: JobID, at place: LogPlace) async throws -> LogSegment? {
        let chunks = try await chunks(of: job, after: 0, maxBytes: .max, maxRows: .max)
        let segment = LogSegment(chunks: chunks, state: .start, linesBefore: [:])
        let size = try await logSize(of: job)
        switch place {
        case .line(let number): return number <= size.lines && !chunks.isEmpty ? segment : nil
        case .row(let row, let streams):
            return row < streams.reduce(0) { $0 + (size.linesByStream[$1] ?? 0) } ? segment : nil
        }
    }

    public func logMarks(of job: JobID, limit: Int) async throws -> [LogMark] {
        guard let segment = try await segment(of: job, at: .line(1)) else { return [] }
        var state = segment.state
        return state.lines(of: segment.chunks).filter(\.isHead).prefix(limit).compactMap { line in
            line.mark.map { LogMark(line: line.number, kind: $0) }
        }
    }

    public func logDigest(of job: JobID, epoch: Int) async throws -> LogDigest {
        var hashes: [LogStream: (bytes: Int64, hash: SHA256)] = [:]
        var after: Int64 = 0
        _ = try await logSize(of: job)
        while true {
            // A page at a time: a long read would keep the database from tidying up after its writer.
            let page = try await read { [after] db in
                try StoredChunk.page(of: job, after: after, maxBytes: 1 << 20, maxRows: 4096, db)
            }
            guard let last = page.last else { break }
            after = last.seq
            for chunk in page where chunk.epoch == epoch {
                var (bytes, hash) = hashes[chunk.stream] ?? (0, SHA256())
                hash.update(data: chunk.text)
                bytes += Int64(chunk.text.count)
                hashes[chunk.stream] = (bytes, hash)
            }
        }
        return LogDigest(
            streams: hashes.mapValues { LogDigest.Part(bytes: $0.bytes, sha256: $0.hash.finalize().hexadecimal) })
    }
}
