public import Domain
internal import Foundation
internal import Postgres
public import Storage

extension PostgresStore {
    public func saveResources(
        _ resources: [RunResource], graph: RunGraph?, of job: JobID, epoch: Int
    ) async throws {
        let fitting = resources.filter(\.isValid)
        let graph = try graph.map { try StoredJSON.encode($0.bounded) }
        try await write { db, _ in
            let row = try JobRow.lockAndRequire(job, db)
            let state = row.state
            guard state.epoch == epoch, state.engine != .none else { throw Refusal.noLease(of: job, epoch: epoch) }
            if let graph {
                db.run(
                    "INSERT INTO run_graphs VALUES ($1, $2) ON CONFLICT (job_id) DO UPDATE SET graph = excluded.graph",
                    job, graph)
            }
            try Self.upsert(fitting, of: job, bumping: graph != nil, db)
            if row.type != .plan { Self.remember(fitting, of: row, db) }
        }
    }

    private static func upsert(_ resources: [RunResource], of job: JobID, bumping: Bool, _ db: Database) throws {
        guard !resources.isEmpty || bumping else { return }
        let head = try db.row("SELECT revision, resources FROM run_revisions WHERE job_id = $1", job)
        let revision = try (head?.integer("revision") ?? 0) + 1
        var count = try head?.int("resources") ?? 0
        let addresses = PostgresValue.texts(resources.map(\.address))
        var known = Set(
            try db.query(
                "SELECT address FROM run_resources WHERE job_id = $1 AND md5(address) = ANY "
                    + "(SELECT md5(given) FROM unnest($2::text[]) AS given)", [job.postgresValue, addresses]
            ).map { try $0.text("address") })
        for resource in resources {
            if known.insert(resource.address).inserted {
                guard count < RunResource.maximumCount else {
                    known.remove(resource.address)
                    continue
                }
                count += 1
            }
            db.run(
                upsertSQL, job, resource.address, count, revision, resource.action.rawValue, resource.state.rawValue,
                resource.startedAt, resource.endedAt, resource.firstLine.flatMap { $0 >= 1 ? $0 : nil },
                try resource.parts.map { try StoredJSON.encode($0) }, resource.workedMilliseconds.map { max(0, $0) })
        }
        db.run(
            """
            INSERT INTO run_revisions VALUES ($1, $2, $3)
            ON CONFLICT (job_id) DO UPDATE SET revision = excluded.revision, resources = excluded.resources
            """, job, revision, count)
    }

    /// Notes what the job has changed as the vine's last changes.
    private static func remember(_ resources: [RunResource], of job: JobRow, _ db: Database) {
        for resource in resources {
            guard let touch = ResourceTouch(resource, by: job.id) else { continue }
            if touch.isGone {
                db.run(
                    "DELETE FROM vine_resources WHERE vine_id = $1 AND md5(address) = md5($2)", job.vine,
                    resource.address)
            } else {
                db.run(
                    touchSQL, job.vine, resource.address, job.id, touch.action.rawValue, touch.hasFailed, touch.at)
            }
        }
    }

    private static let touchSQL = """
        INSERT INTO vine_resources (vine_id, address, job_id, action, failed, changed_at) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (vine_id, md5(address)) DO UPDATE SET job_id = excluded.job_id, action = excluded.action,
            failed = excluded.failed, changed_at = excluded.changed_at
        """

    public func lastTouches(of addresses: [String], in vine: VineID) async throws -> [String: ResourceTouch] {
        let found = try await readOnce { db in
            try db.query(
                "SELECT address, job_id, action, failed, changed_at FROM vine_resources WHERE vine_id = $1 "
                    + "AND md5(address) = ANY (SELECT md5(given) FROM unnest($2::text[]) AS given)",
                [vine.postgresValue, .texts(addresses)]
            ).map { row in
                (
                    address: try row.text("address"),
                    touch: ResourceTouch(
                        job: try row.id("job_id"), action: try row.name("action"), hasFailed: try row.flag("failed"),
                        at: try row.optionalTime("changed_at"))
                )
            }
        }
        return Dictionary(found.map { ($0.address, $0.touch) }, uniquingKeysWith: { first, _ in first })
    }

    private static let upsertSQL = """
        INSERT INTO run_resources AS stored
            (job_id, address, position, revision, action, state, started_at, ended_at, first_line, parts, worked_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        ON CONFLICT (job_id, md5(address)) DO UPDATE SET revision = excluded.revision, action = excluded.action,
            state = excluded.state, started_at = coalesce(excluded.started_at, stored.started_at),
            ended_at = excluded.ended_at, first_line = coalesce(excluded.first_line, stored.first_line),
            parts = excluded.parts, worked_ms = excluded.worked_ms
        """

    public func resources(of job: JobID) async throws -> StoredRunResources {
        try await read { db in
            let revision = try db.row("SELECT revision FROM run_revisions WHERE job_id = $1", job)
            let entries = try db.rows(
                "SELECT * FROM run_resources WHERE job_id = $1 ORDER BY position, address", job
            ) { row in
                StoredRunResources.Entry(
                    resource: RunResource(
                        address: try row.text("address"), action: try row.name("action"),
                        state: try row.name("state"), startedAt: try row.optionalTime("started_at"),
                        endedAt: try row.optionalTime("ended_at"), firstLine: try row.optionalInteger("first_line"),
                        parts: try row.optionalText("parts").map {
                            try StoredJSON.decode([RunResource.Part].self, from: $0)
                        }),
                    revision: try row.integer("revision"))
            }
            return StoredRunResources(entries: entries, revision: try revision?.integer("revision") ?? 0)
        }
    }

    public func runGraph(of job: JobID) async throws -> RunGraph? {
        let text = try await readOnce { db in
            try db.row("SELECT graph FROM run_graphs WHERE job_id = $1", job)?.text("graph")
        }
        return try text.map { try StoredJSON.decode(RunGraph.self, from: $0) }
    }
}
