public import Domain
internal import Postgres
public import Storage

extension PostgresStore {
    public func runHistory(of vine: VineID) async throws -> [RunHistory.Sample] {
        try await readOnce { db in
            try db.rows(
                """
                SELECT resource.address, resource.action,
                    coalesce(resource.worked_ms, resource.ended_at - resource.started_at) AS milliseconds
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

    public func jobDurations(of vine: VineID, type: JobType) async throws -> [Int64] {
        try await readOnce { db in
            try db.rows(
                """
                SELECT completed_at - started_at AS milliseconds
                FROM (SELECT * FROM provision_jobs WHERE vine_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2) AS job
                WHERE job_type = $3 AND status = 'SUCCESS' AND started_at IS NOT NULL
                ORDER BY created_at DESC, id DESC LIMIT $4
                """, vine, RunHistory.searchedJobs, type.rawValue, RunHistory.maximumJobs
            ) { try $0.integer("milliseconds") }
        }
    }

    public func queued(before job: Job, ofSameVine: Bool, limit: Int) async throws -> [QueuedJob] {
        try await readOnce { db in
            try db.rows(
                """
                SELECT vine_id, job_type FROM provision_jobs
                WHERE status = 'QUEUED' AND (created_at, id) < ($1, $2) AND ($3 OR vine_id = $4)
                ORDER BY created_at, id LIMIT $5
                """, job.createdAt, job.id, !ofSameVine, job.vine, limit
            ) { QueuedJob(vine: try $0.id("vine_id"), type: try $0.name("job_type")) }
        }
    }

    public func saveForecastResult(_ result: ForecastResult) async throws {
        try await write { db, _ in
            guard try db.exists("SELECT 1 FROM provision_jobs WHERE id = $1", result.job) else {
                throw Refusal.noJob(result.job)
            }
            db.run(
                """
                INSERT INTO forecast_results (job_id, vine_id, started_at, made_at, expected_at, ended_at)
                VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
                """, result.job, result.vine, result.startedAt, result.madeAt, result.expectedAt, result.endedAt)
        }
    }

    public func forecastResults(of vines: Set<VineID>?, limit: Int) async throws -> [ForecastResult] {
        try await readOnce { db in
            try db.rows(
                """
                SELECT * FROM (SELECT * FROM forecast_results ORDER BY ended_at DESC, job_id LIMIT $4) AS result
                WHERE $1 OR vine_id = ANY($2)
                ORDER BY ended_at DESC, job_id LIMIT $3
                """, vines == nil, PostgresValue.uuids((vines ?? []).map(\.rawValue)), limit, ForecastResult.searched
            ) { row in
                ForecastResult(
                    job: try row.id("job_id"), vine: try row.id("vine_id"), startedAt: try row.time("started_at"),
                    madeAt: try row.time("made_at"), expectedAt: try row.time("expected_at"),
                    endedAt: try row.time("ended_at"))
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
