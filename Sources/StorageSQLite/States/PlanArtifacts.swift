internal import Crypto
public import Domain
public import Foundation
internal import GRDB
internal import Storage

extension SQLiteStore {
    public func saveArtifact(
        _ bytes: Data, sha256: String, of job: JobID, epoch: Int, at now: Timestamp
    ) async throws {
        guard SHA256.hash(data: bytes).hexadecimal == sha256 else { throw Refusal.badDigest() }
        let sealed = try vault.encrypt(bytes, for: .artifact(job, sha256: sha256))
        try await write(cost: bytes.count) { db, _ in
            let state = try JobRow.require(job, db).state
            let stored = try Self.digest(of: job, db)
            if stored == sha256 { return }
            guard state.leaseHeld, state.epoch == epoch else { throw Refusal.noLease(of: job, epoch: epoch) }
            guard stored == nil else {
                throw Refusal(.conflict, "Job \(job.short) already has a different artifact.")
            }
            try db.run(
                "INSERT INTO plan_artifacts (job_id, sha256, created_at, sealed) VALUES (?, ?, ?, ?)", job.rawValue,
                sha256, now.milliseconds, sealed)
        }
    }

    public func artifact(of job: JobID) async throws -> (bytes: Data, sha256: String)? {
        let found = try await read { db in
            try db.row("SELECT sha256, sealed FROM plan_artifacts WHERE job_id = ?", job.rawValue).map {
                (sha256: try $0.text("sha256"), sealed: try $0.blob("sealed"))
            }
        }
        return try found.map { (try vault.decrypt($0.sealed, for: .artifact(job, sha256: $0.sha256)), $0.sha256) }
    }

    public func artifactDigest(of job: JobID) async throws -> String? {
        try await read { db in try Self.digest(of: job, db) }
    }

    public func deleteArtifacts(before moment: Timestamp) async throws -> Int {
        try await write(
            completing: AuditCompletion { count, event in
                event.changes["count"] = .integer(Int64(count))
                return count > 0
            }
        ) { db, changes in
            let jobs: [JobID] = try db.rows(
                "DELETE FROM plan_artifacts WHERE created_at < ? RETURNING job_id", moment.milliseconds
            ) { try $0.id("job_id") }
            // Notify these jobs' pages: their plans can no longer be applied.
            changes += jobs.map { .job($0) }
            return jobs.count
        }
    }

    private static func digest(of job: JobID, _ db: Database) throws -> String? {
        try db.row("SELECT sha256 FROM plan_artifacts WHERE job_id = ?", job.rawValue)?.text("sha256")
    }
}
