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

    public func lines(of job: JobID, from: Int64, count: Int) async throws -> [LogLine] {
        // Numbers begin at 1; a window that begins before them is as much shorter.
        let (end, overflows) = from.addingReportingOverflow(Int64(count))
        let window = max(1, from)..<max(1, from, overflows ? .max : end)
        guard count > 0, !window.isEmpty else { return [] }
        let stored = try await read { db in try StoredChunk.covering(window, of: job, db) }
        var lines: [LogLine] = []
        for chunk in stored {
            lines += try chunk.chunk(of: job).lines.filter { window.contains($0.number) }
        }
        return lines
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
