public import Domain
internal import Postgres
public import Storage

extension PostgresStore {
    public func errors(of job: JobID) async throws -> [StoredError] {
        try await readOnce { db in
            try db.rows("SELECT * FROM job_errors WHERE job_id = $1 ORDER BY position", job, make: StoredError.init)
        }
    }

    public func errorCauses(_ query: ErrorQuery, limit: Int, cursor: String?) async throws -> Page<ErrorCause> {
        var page = try ErrorPage(query, limit: limit, cursor: cursor)
        while page.needsMore {
            let (position, size) = (page.position, page.size)
            page.take(
                try await read { db in
                    guard let vines = query.vines else { return try Self.causes(after: position, size, db) }
                    return try Self.causes(after: position, size, in: vines, db)
                })
        }
        return page.page
    }

    public func errorCauses(
        _ fingerprints: [ErrorFingerprint], in vines: Set<VineID>?
    ) async throws -> [ErrorFingerprint: ErrorCause] {
        let names = fingerprints.map(\.rawValue)
        let found = try await read { db in
            guard let vines else { return try Self.causes(names, db) }
            return try Self.causes(names, in: vines, db)
        }
        return Dictionary(found.map { ($0.error.fingerprint, $0) }, uniquingKeysWith: { first, _ in first })
    }

    public func errorVines(
        of fingerprint: ErrorFingerprint, in vines: Set<VineID>?, limit: Int
    ) async throws -> [ErrorVine] {
        try await readOnce { db in
            let scope = Scope(vines, at: 3)
            return try db.query(
                """
                SELECT vine.*, job.project_name, job.environment_stage
                FROM error_vines AS vine JOIN provision_jobs AS job ON job.id = vine.last_job
                WHERE vine.fingerprint = $1 \(scope.condition("vine.vine_id"))
                ORDER BY vine.is_open DESC, vine.last_at DESC, vine.vine_id LIMIT $2
                """, [.text(fingerprint.rawValue), .int(Int64(limit))] + scope.values
            ).map(ErrorVine.init)
        }
    }

    public func errorSightings(
        of fingerprint: ErrorFingerprint, in vines: Set<VineID>?, limit: Int, cursor: String?
    ) async throws -> Page<ErrorSighting> {
        let limit = PageLimit.clamped(limit)
        let after = try cursor.map { try PageCursor($0) }
        let found = try await readOnce { db in
            let scope = Scope(vines, at: 5)
            return try db.query(
                """
                SELECT error.*, job.job_type, job.project_name, job.environment_stage
                FROM job_errors AS error JOIN provision_jobs AS job ON job.id = error.job_id
                WHERE error.fingerprint = $1 AND (error.at, error.job_id) < ($2, $3) \(scope.condition("error.vine_id"))
                ORDER BY error.at DESC, error.job_id DESC LIMIT $4
                """,
                [.text(fingerprint.rawValue), .int(after.time), after.uuid, .int(Int64(limit + 1))] + scope.values
            ).map { row in
                ErrorSighting(
                    job: try row.id("job_id"), type: try row.name("job_type"), vine: try row.id("vine_id"),
                    projectName: try row.text("project_name"), environmentStage: try row.text("environment_stage"),
                    at: try row.time("at"), error: try StoredError(row))
            }
        }
        return Page(found, limit: limit) { PageCursor(createdAt: $0.at, id: $0.job.rawValue) }
    }

    public func errorDays(
        of fingerprints: [ErrorFingerprint], in vines: Set<VineID>?, from first: Int64
    ) async throws -> [ErrorFingerprint: [Int64: Int]] {
        let names = PostgresValue.texts(fingerprints.map(\.rawValue))
        let rows = try await readOnce { db in
            let scope = Scope(vines, at: 3)
            return try db.query(
                """
                SELECT fingerprint, day, sum(jobs)::bigint AS jobs FROM error_days
                WHERE fingerprint = ANY($1) AND day >= $2 \(scope.condition("vine_id")) GROUP BY fingerprint, day
                """, [names, .int(first)] + scope.values
            ).map { (try $0.text("fingerprint"), try $0.integer("day"), try $0.int("jobs")) }
        }
        var days: [ErrorFingerprint: [Int64: Int]] = Dictionary(
            fingerprints.map { ($0, [:]) }, uniquingKeysWith: { first, _ in first })
        for (name, day, jobs) in rows {
            if let fingerprint = ErrorFingerprint(name) { days[fingerprint]?[day] = jobs }
        }
        return days
    }

    // MARK: - Rows

    /// A condition that limits a query to some vines, and its parameter.
    private struct Scope {
        private let vines: Set<VineID>?
        private let number: Int

        init(_ vines: Set<VineID>?, at number: Int) {
            self.vines = vines
            self.number = number
        }

        func condition(_ column: String) -> String { vines == nil ? "" : "AND \(column) = ANY($\(number))" }
        var values: [PostgresValue] { vines.map { [.uuids($0.map(\.rawValue))] } ?? [] }
    }

    private static let causesSQL = """
        SELECT error.*, cause.jobs, cause.vines, cause.open_vines, cause.first_at, cause.first_job, cause.last_at,
            cause.last_job, cause.solved_at, cause.solved_by
        FROM error_causes AS cause
        JOIN job_errors AS error ON error.job_id = cause.last_job AND error.fingerprint = cause.fingerprint
        """

    private static func causes(after position: ErrorPosition, _ count: Int, _ db: Database) throws -> [ErrorCause] {
        try db.rows(
            causesSQL + """
                 WHERE (cause.is_open, cause.jobs, cause.last_at, cause.fingerprint) < ($1, $2, $3, $4)
                ORDER BY cause.is_open DESC, cause.jobs DESC, cause.last_at DESC, cause.fingerprint DESC LIMIT $5
                """, position.isOpen, position.jobs, position.lastAt, position.fingerprint, count,
            make: ErrorCause.init)
    }

    private static func causes(_ fingerprints: [String], _ db: Database) throws -> [ErrorCause] {
        try db.query(causesSQL + " WHERE cause.fingerprint = ANY($1)", [.texts(fingerprints)]).map(ErrorCause.init)
    }

    /// Causes as they look in some vines. With several, all of their causes are read and added up.
    private static func causes(
        after position: ErrorPosition, _ count: Int, in vines: Set<VineID>, _ db: Database
    ) throws -> [ErrorCause] {
        if vines.count == 1, let vine = vines.first {
            return try causes(fingerprints(after: position, count, of: vine, db), in: vines, db)
        }
        let fingerprints = try db.query(
            """
            SELECT fingerprint FROM (
                SELECT fingerprint, max(is_open)::bigint AS is_open, sum(jobs)::bigint AS jobs, max(last_at) AS last_at
                FROM error_vines WHERE vine_id = ANY($5) GROUP BY fingerprint
            ) AS cause WHERE (is_open, jobs, last_at, fingerprint) < ($1, $2, $3, $4)
            ORDER BY is_open DESC, jobs DESC, last_at DESC, fingerprint DESC LIMIT $6
            """,
            [
                .int(position.isOpen), .int(position.jobs), .int(position.lastAt), .text(position.fingerprint),
                .uuids(vines.map(\.rawValue)), .int(Int64(count)),
            ]
        ).map { try $0.text("fingerprint") }
        return try causes(fingerprints, in: vines, db)
    }

    /// Read in the order of an index: a page costs the same however many causes the vine has.
    private static func fingerprints(
        after position: ErrorPosition, _ count: Int, of vine: VineID, _ db: Database
    ) throws -> [String] {
        try db.query(
            """
            SELECT fingerprint FROM error_vines
            WHERE vine_id = $5 AND (is_open, jobs, last_at, fingerprint) < ($1, $2, $3, $4)
            ORDER BY is_open DESC, jobs DESC, last_at DESC, fingerprint DESC LIMIT $6
            """,
            [
                .int(position.isOpen), .int(position.jobs), .int(position.lastAt), .text(position.fingerprint),
                .uuid(vine.rawValue), .int(Int64(count)),
            ]
        ).map { try $0.text("fingerprint") }
    }

    /// In the order of `fingerprints`.
    private static func causes(
        _ fingerprints: [String], in vines: Set<VineID>, _ db: Database
    ) throws -> [ErrorCause] {
        let rows = try db.query(
            """
            SELECT vine.*, job.project_name, job.environment_stage
            FROM error_vines AS vine JOIN provision_jobs AS job ON job.id = vine.last_job
            WHERE vine.fingerprint = ANY($1) AND vine.vine_id = ANY($2)
            """, [.texts(fingerprints), .uuids(vines.map(\.rawValue))]
        ).map { (fingerprint: try $0.text("fingerprint"), vine: try ErrorVine($0)) }
        let byCause = Dictionary(grouping: rows, by: \.fingerprint).mapValues { $0.map(\.vine) }
        let last = byCause.values.compactMap { $0.max { $0.last.at < $1.last.at }?.last.job.rawValue }
        let errors = try db.query(
            "SELECT * FROM job_errors WHERE job_id = ANY($1) AND fingerprint = ANY($2)",
            [.uuids(last), .texts(fingerprints)]
        ).map { (job: try $0.id("job_id") as JobID, error: try StoredError($0)) }
        return fingerprints.compactMap { fingerprint in
            ErrorCause(
                error: { job in
                    errors.first { $0.job == job && $0.error.fingerprint.rawValue == fingerprint }?.error
                }, in: byCause[fingerprint] ?? [])
        }
    }
}

extension ErrorCause {
    fileprivate init(_ row: Row) throws {
        self.init(
            error: try StoredError(row), jobs: try row.int("jobs"), vines: try row.int("vines"),
            openVines: try row.int("open_vines"), first: try row.moment("first", "first_job"),
            last: try row.moment("last", "last_job"), solved: try row.solution())
    }
}

extension ErrorVine {
    fileprivate init(_ row: Row) throws {
        self.init(
            vine: try row.id("vine_id"), projectName: try row.text("project_name"),
            environmentStage: try row.text("environment_stage"), jobs: try row.int("jobs"),
            first: try row.moment("first", "first_job"), last: try row.moment("last", "last_job"),
            isOpen: try row.int("is_open") == 1, solved: try row.solution())
    }
}
