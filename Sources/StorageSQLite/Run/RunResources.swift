public import Domain
internal import GRDB
public import Storage

extension SQLiteStore {
    public func saveResources(
        _ resources: [RunResource], graph: RunGraph?, of job: JobID, epoch: Int
    ) async throws {
        let fitting = resources.filter(\.isValid)
        let graph = try graph.map { try StoredJSON.encode($0.bounded) }
        let cost = fitting.reduce(graph?.utf8.count ?? 0) { $0 + $1.address.utf8.count + 100 }
        try await write(cost: cost) { db, _ in
            let row = try JobRow.require(job, db)
            let state = row.state
            guard state.epoch == epoch, state.engine != .none else { throw Refusal.noLease(of: job, epoch: epoch) }
            if let graph {
                try db.run(
                    "INSERT INTO run_graphs VALUES (?1, ?2) ON CONFLICT DO UPDATE SET graph = ?2", job.rawValue, graph)
            }
            try Self.upsert(fitting, of: job, bumping: graph != nil, db)
            if row.type != .plan { try Self.remember(fitting, of: row, db) }
        }
    }

    private static func upsert(_ resources: [RunResource], of job: JobID, bumping: Bool, _ db: Database) throws {
        guard !resources.isEmpty || bumping else { return }
        let head = try db.row("SELECT revision, resources FROM run_revisions WHERE job_id = ?", job.rawValue)
        let revision = try (head?.integer("revision") ?? 0) + 1
        var count = try head?.int("resources") ?? 0
        for resource in resources {
            let isNew = try !db.exists(
                "SELECT 1 FROM run_resources WHERE job_id = ? AND address = ?", job.rawValue, resource.address)
            if isNew {
                guard count < RunResource.maximumCount else { continue }
                count += 1
            }
            try db.run(
                upsertSQL, job.rawValue, resource.address, count, revision, resource.action.rawValue,
                resource.state.rawValue, resource.startedAt?.milliseconds, resource.endedAt?.milliseconds,
                resource.firstLine.flatMap { $0 >= 1 ? $0 : nil }, resource.parts.map { try StoredJSON.encode($0) },
                resource.workedMilliseconds.map { max(0, $0) })
        }
        try db.run(
            "INSERT INTO run_revisions VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET revision = ?2, resources = ?3",
            job.rawValue, revision, count)
    }

    /// Notes what the job has changed as the vine's last changes.
    private static func remember(_ resources: [RunResource], of job: JobRow, _ db: Database) throws {
        for resource in resources {
            guard let touch = ResourceTouch(resource, by: job.id) else { continue }
            if touch.isGone {
                try db.run(
                    "DELETE FROM vine_resources WHERE vine_id = ? AND address = ?", job.vine.rawValue, resource.address)
            } else {
                try db.run(
                    touchSQL, job.vine.rawValue, resource.address, job.id.rawValue, touch.action.rawValue,
                    touch.hasFailed, touch.at?.milliseconds)
            }
        }
    }

    private static let touchSQL = """
        INSERT INTO vine_resources (vine_id, address, job_id, action, failed, changed_at) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET job_id = excluded.job_id, action = excluded.action, failed = excluded.failed,
            changed_at = excluded.changed_at
        """

    public func lastTouches(of addresses: [String], in vine: VineID) async throws -> [String: ResourceTouch] {
        try await read { db in
            var found: [String: ResourceTouch] = [:]
            for address in addresses {
                let row = try db.row(
                    "SELECT job_id, action, failed, changed_at FROM vine_resources WHERE vine_id = ? AND address = ?",
                    vine.rawValue, address)
                found[address] = try row.map { row in
                    ResourceTouch(
                        job: try row.id("job_id"), action: try row.name("action"), hasFailed: try row.flag("failed"),
                        at: row.optionalTime("changed_at"))
                }
            }
            return found
        }
    }

    private static let upsertSQL = """
        INSERT INTO run_resources
            (job_id, address, position, revision, action, state, started_at, ended_at, first_line, parts, worked_ms)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET revision = excluded.revision, action = excluded.action, state = excluded.state,
            started_at = ifnull(excluded.started_at, started_at), ended_at = excluded.ended_at,
            first_line = ifnull(excluded.first_line, first_line), parts = excluded.parts, worked_ms = excluded.worked_ms
        """

    public func resources(of job: JobID) async throws -> StoredRunResources {
        try await read { db in
            let revision = try db.row("SELECT revision FROM run_revisions WHERE job_id = ?", job.rawValue)
            let entries = try db.rows(
                "SELECT * FROM run_resources WHERE job_id = ? ORDER BY position, address", job.rawValue
            ) { row in
                StoredRunResources.Entry(
                    resource: RunResource(
                        address: try row.text("address"), action: try row.name("action"),
                        state: try row.name("state"), startedAt: row.optionalTime("started_at"),
                        endedAt: row.optionalTime("ended_at"), firstLine: row.optionalInteger("first_line"),
                        parts: try row.optionalText("parts").map {
                            try StoredJSON.decode([RunResource.Part].self, from: $0)
                        }),
                    revision: try row.integer("revision"))
            }
            return StoredRunResources(entries: entries, revision: try revision?.integer("revision") ?? 0)
        }
    }

    public func runGraph(of job: JobID) async throws -> RunGraph? {
        let text = try await read { db in
            try db.row("SELECT graph FROM run_graphs WHERE job_id = ?", job.rawValue)?.text("graph")
        }
        return try text.map { try StoredJSON.decode(RunGraph.self, from: $0) }
    }

    public func runHistory(of vine: VineID) async throws -> [RunHistory.Sample] {
        try await read { db in
            try db.rows(
                """
                SELECT resource.address, resource.action,
                    ifnull(resource.worked_ms, resource.ended_at - resource.started_at) AS milliseconds
                FROM (
                    SELECT id, created_at FROM provision_jobs
                    WHERE vine_id = ? AND job_type IN ('DEPLOY', 'DESTROY') AND engine_state = 'GONE'
                    ORDER BY created_at DESC, id DESC LIMIT ?
                ) AS job JOIN run_resources AS resource ON resource.job_id = job.id
                WHERE resource.state = 'done' AND resource.action <> 'no-op'
                    AND resource.started_at IS NOT NULL AND resource.ended_at IS NOT NULL
                ORDER BY job.created_at DESC, job.id DESC, resource.position, resource.address LIMIT ?
                """, vine.rawValue, RunHistory.maximumJobs, RunHistory.maximumSamples
            ) { row in
                RunHistory.Sample(
                    address: try row.text("address"), action: try row.name("action"),
                    milliseconds: try row.integer("milliseconds"))
            }
        }
    }

    public func jobDurations(of vine: VineID, type: JobType) async throws -> [Int64] {
        try await read { db in
            try db.rows(
                """
                SELECT completed_at - started_at AS milliseconds
                FROM (SELECT * FROM provision_jobs WHERE vine_id = ? ORDER BY created_at DESC, id DESC LIMIT ?) AS job
                WHERE job_type = ? AND status = 'SUCCESS' AND started_at IS NOT NULL
                ORDER BY created_at DESC, id DESC LIMIT ?
                """, vine.rawValue, RunHistory.searchedJobs, type.rawValue, RunHistory.maximumJobs
            ) { try $0.integer("milliseconds") }
        }
    }

    public func queued(before job: Job, ofSameVine: Bool, limit: Int) async throws -> [QueuedJob] {
        try await read { db in
            try db.rows(
                """
                SELECT vine_id, job_type FROM provision_jobs
                WHERE status = 'QUEUED' AND (created_at, id) < (?1, ?2) AND (?3 IS NULL OR vine_id = ?3)
                ORDER BY created_at, id LIMIT ?4
                """, job.createdAt.milliseconds, job.id.rawValue, ofSameVine ? job.vine.rawValue : nil, limit
            ) { QueuedJob(vine: try $0.id("vine_id"), type: try $0.name("job_type")) }
        }
    }

    public func saveForecastResult(_ result: ForecastResult) async throws {
        try await write { db, _ in
            guard try db.exists("SELECT 1 FROM provision_jobs WHERE id = ?", result.job.rawValue) else {
                throw Refusal.noJob(result.job)
            }
            try db.run(
                """
                INSERT INTO forecast_results (job_id, vine_id, started_at, made_at, expected_at, ended_at)
                VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
                """, result.job.rawValue, result.vine.rawValue, result.startedAt.milliseconds,
                result.madeAt.milliseconds, result.expectedAt.milliseconds, result.endedAt.milliseconds)
        }
    }

    public func forecastResults(of vines: Set<VineID>?, limit: Int) async throws -> [ForecastResult] {
        let list = try vines.map { try StoredJSON.encode($0.map(\.rawValue)) }
        return try await read { db in
            try db.rows(
                """
                SELECT * FROM (SELECT * FROM forecast_results ORDER BY ended_at DESC, job_id LIMIT ?3)
                WHERE ?1 IS NULL OR vine_id IN (SELECT value FROM json_each(?1))
                ORDER BY ended_at DESC, job_id LIMIT ?2
                """, list, limit, ForecastResult.searched
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
            guard try db.exists("SELECT 1 FROM provision_jobs WHERE id = ?", job.rawValue) else {
                throw Refusal.noJob(job)
            }
            try db.run(
                "INSERT INTO run_progress VALUES (?1, ?2) ON CONFLICT DO UPDATE SET progress = ?2", job.rawValue, text)
        }
    }

    public func progress(of jobs: [JobID]) async throws -> [JobID: RunProgress] {
        let texts = try await read { db in
            try jobs.map { job in
                try db.row("SELECT progress FROM run_progress WHERE job_id = ?", job.rawValue)?.text("progress")
            }
        }
        var found: [JobID: RunProgress] = [:]
        for (job, text) in zip(jobs, texts) {
            if let text { found[job] = try StoredJSON.decode(RunProgress.self, from: text) }
        }
        return found
    }
}
