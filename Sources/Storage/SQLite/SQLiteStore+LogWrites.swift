public import Domain
internal import Foundation
internal import GRDB

extension SQLiteStore {
    public func append(_ append: LogAppend, at now: Timestamp) async throws -> LogReceipt {
        let prepared = try PreparedAppend(append.chunks)
        return try await write(cost: prepared.bytes) { db, changes in
            var head = try AppendContext.require(append.job, db)
            try AppendRules.check(
                append.job, epoch: append.epoch, engine: head.engine, logIsComplete: head.isComplete,
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
            return LogReceipt(nextN: nextN + 1, seq: head.tail.seq)
        }
    }

    private static func nextN(_ job: String, _ epoch: Int, _ db: Database) throws -> Int64 {
        try db.row("SELECT next_n FROM provision_job_log_writers WHERE job_id = ? AND epoch = ?", job, epoch)?
            .integer("next_n") ?? 1
    }

    private static func digest(_ job: String, _ epoch: Int, _ n: Int64, _ db: Database) throws -> Data? {
        try db.row(
            "SELECT digest FROM provision_job_log_appends WHERE job_id = ? AND epoch = ? AND n = ?", job, epoch, n
        )?.blob("digest")
    }

    public func appendNotes(_ lines: [String], to job: JobID, at now: Timestamp) async throws {
        try await write { db, changes in
            var head = try AppendContext.require(job, db)
            guard head.isOpen else { return }
            try LogWriter.append(lines, to: job, &head.tail, at: now, db, &changes)
        }
    }
}
