public import Domain
internal import GRDB

extension SQLiteStore {
    public func jobs(_ query: JobQuery, limit: Int, cursor: String?) async throws -> Page<Job> {
        let limit = PageLimit.clamped(limit)
        let filter = JobFilter(query, after: try cursor.map { try PageCursor($0) })
        let found = try await read { db in
            try db.rows(
                "SELECT job.* FROM provision_jobs AS job " + filter.condition
                    + " ORDER BY job.created_at DESC, job.id DESC LIMIT :limit",
                arguments: filter.arguments(limit: limit + 1), make: JobRow.init)
        }
        return Page(found.map { $0.outline() }, limit: limit) {
            PageCursor(createdAt: $0.createdAt, id: $0.id.rawValue)
        }
    }
}

/// A query as a condition: only what matters stands in it, so that each combination finds its index.
private struct JobFilter: Sendable {
    private var parts: [String] = []
    private var values: [String: String] = [:]
    private var after: Timestamp?

    init(_ query: JobQuery, after cursor: PageCursor?) {
        add(query.status?.rawValue, as: "status", "job.status = :status")
        add(query.type?.rawValue, as: "type", "job.job_type = :type")
        add(query.vine?.rawValue, as: "vine", "job.vine_id = :vine")
        add(query.worker?.rawValue, as: "worker", "job.tendril_id = :worker")
        if let text = query.text?.lowercased(), !text.isEmpty {
            add(text, as: "text", Self.textCondition)
            values["tight"] = text.replacing(/\s*\/\s*/, with: "/")
        }
        if let cursor {
            add(cursor.id, as: "id", "(job.created_at, job.id) < (:after, :id)")
            after = cursor.createdAt
        }
    }

    private mutating func add(_ value: String?, as name: String, _ condition: String) {
        guard let value else { return }
        parts.append(condition)
        values[name] = value
    }

    var condition: String { parts.isEmpty ? "" : "WHERE " + parts.joined(separator: " AND ") }

    func arguments(limit: Int) -> StatementArguments {
        var all: [String: SQLValue] = values.mapValues { $0 }
        if let after { all["after"] = after.milliseconds }
        all["limit"] = limit
        return StatementArguments(all)
    }

    // SQLite's own LIKE and lower() know the case of ASCII only; both sides are folded before they get here, but for the
    // names that the vine had at the job's time, which a row shows.
    private static let textCondition = """
        (substr(job.id, 1, length(:text)) = :text
        OR instr(\(title), :text) > 0 OR instr(replace(\(title), ' / ', '/'), :tight) > 0
        OR EXISTS (SELECT 1 FROM vines AS vine WHERE vine.id = job.vine_id
            AND (instr(\(SQLiteStore.title), :text) > 0 OR instr(\(SQLiteStore.tightTitle), :tight) > 0))
        OR EXISTS (SELECT 1 FROM workers AS worker WHERE worker.id = job.tendril_id
            AND instr(worker.name_folded, :text) > 0))
        """

    private static let title =
        "\(DatabaseFunction.lowercase.name)(job.project_name || ' / ' || job.environment_stage)"
}
