public import Domain
internal import Postgres
internal import Storage

extension PostgresStore {
    public func runHistory(of vine: VineID) async throws -> [RunHistory.Sample] {
        try await readOnce { db in
            try db.rows(
                """
                SELECT resource.address, resource.action, resource.ended_at - resource.started_at AS milliseconds
                FROM (
                    SELECT id, created_at FROM provision_jobs
                    WHERE vine_id = $1 AND job_type IN ('DEPLOY', 'DESTROY') AND engine_state = 'GONE'
                    ORDER BY created_at DESC, id DESC LIMIT $2
                ) AS job JOIN run_resources AS resource ON resource.job_id = job.id
                WHERE resource.state = 'done' AND resource.action <> 'no-op'
                    AND resource.started_at IS NOT NULL AND resource.ended_at IS NOT NULL
                ORDER BY job.created_at DESC, job.id DESC, resource.position, resource.address COLLATE "C" LIMIT $3
                """, vine, RunHistory.maximumJobs, RunHistory.maximumSamples
            ) { row in
                RunHistory.Sample(
                    address: try row.text("address"), action: try row.name("action"),
                    milliseconds: try row.integer("milliseconds"))
            }
        }
    }

    public func saveProgress(_ progress: RunProgress, of job: JobID) async throws {
        let text = try StoredJSON.encode(progress)
        try await write { db, _ in
            guard try db.exists("SELECT 1 FROM provision_jobs WHERE id = $1", job) else { throw Refusal.noJob(job) }
            db.run(
                """
                INSERT INTO run_progress (job_id, progress) VALUES ($1, $2)
                ON CONFLICT (job_id) DO UPDATE SET progress = excluded.progress
                """, job, text)
        }
    }

    public func progress(of jobs: [JobID]) async throws -> [JobID: RunProgress] {
        let rows = try await readOnce { db in
            try db.query(
                "SELECT job_id, progress FROM run_progress WHERE job_id = ANY($1)", [.uuids(jobs.map(\.rawValue))]
            ).map { (job: try $0.id("job_id") as JobID, text: try $0.text("progress")) }
        }
        var found: [JobID: RunProgress] = [:]
        for row in rows { found[row.job] = try StoredJSON.decode(RunProgress.self, from: row.text) }
        return found
    }
}
