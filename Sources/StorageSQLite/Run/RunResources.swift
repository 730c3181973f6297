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
            let state = try JobRow.require(job, db).state
            guard state.epoch == epoch, state.engine != .none else { throw Refusal.noLease(of: job, epoch: epoch) }
            if let graph {
                try db.run(
                    "INSERT INTO run_graphs VALUES (?1, ?2) ON CONFLICT DO UPDATE SET graph = ?2", job.rawValue, graph)
            }
            try Self.upsert(fitting, of: job, bumping: graph != nil, db)
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
                resource.firstLine.flatMap { $0 >= 1 ? $0 : nil })
        }
        try db.run(
            "INSERT INTO run_revisions VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET revision = ?2, resources = ?3",
            job.rawValue, revision, count)
    }

    private static let upsertSQL = """
        INSERT INTO run_resources
            (job_id, address, position, revision, action, state, started_at, ended_at, first_line)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET revision = excluded.revision, action = excluded.action, state = excluded.state,
            started_at = ifnull(excluded.started_at, started_at), ended_at = excluded.ended_at,
            first_line = ifnull(excluded.first_line, first_line)
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
                        endedAt: row.optionalTime("ended_at"), firstLine: row.optionalInteger("first_line")),
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
}
