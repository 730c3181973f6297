public import Domain
internal import Foundation
internal import GRDB
public import Storage

extension SQLiteStore {
    public func errors(of job: JobID) async throws -> [StoredError] {
        try await read { db in
            try db.rows(
                "SELECT * FROM job_errors WHERE job_id = ? ORDER BY position", job.rawValue, make: StoredError.init)
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
        let found = try await read { db in
            try fingerprints.compactMap { fingerprint in
                guard let vines else { return try Self.cause(fingerprint.rawValue, db) }
                return try Self.cause(fingerprint.rawValue, in: vines, db)
            }
        }
        return Dictionary(found.map { ($0.error.fingerprint, $0) }, uniquingKeysWith: { first, _ in first })
    }

    public func errorVines(
        of fingerprint: ErrorFingerprint, in vines: Set<VineID>?, limit: Int
    ) async throws -> [ErrorVine] {
        try await read { db in try Self.vines(of: fingerprint.rawValue, in: vines, limit: limit, db) }
    }

    public func errorSightings(
        of fingerprint: ErrorFingerprint, in vines: Set<VineID>?, limit: Int, cursor: String?
    ) async throws -> Page<ErrorSighting> {
        let limit = PageLimit.clamped(limit)
        let after = try cursor.map { try PageCursor($0) }
        let found = try await read { db in
            try db.rows(
                """
                SELECT error.*, job.job_type, job.project_name, job.environment_stage
                FROM job_errors AS error INDEXED BY job_errors_by_cause
                CROSS JOIN provision_jobs AS job ON job.id = error.job_id
                WHERE error.fingerprint = ?1 AND (error.at, error.job_id) < (?2, ?3)
                    AND (?5 IS NULL OR error.vine_id IN (SELECT value FROM json_each(?5)))
                ORDER BY error.at DESC, error.job_id DESC LIMIT ?4
                """, fingerprint.rawValue, after?.createdAt.milliseconds ?? Int64.max, after?.id ?? "", limit + 1,
                try Self.list(vines)
            ) { row in
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
        try await read { db in
            var days: [ErrorFingerprint: [Int64: Int]] = [:]
            for fingerprint in fingerprints {
                let rows = try db.rows(
                    """
                    SELECT day, sum(jobs) AS jobs FROM error_days WHERE fingerprint = ?1 AND day >= ?2
                        AND (?3 IS NULL OR vine_id IN (SELECT value FROM json_each(?3)))
                    GROUP BY day
                    """, fingerprint.rawValue, first, try Self.list(vines)
                ) { (try $0.integer("day"), try $0.int("jobs")) }
                days[fingerprint] = Dictionary(rows, uniquingKeysWith: +)
            }
            return days
        }
    }

    // MARK: - Rows

    private static func causes(after position: ErrorPosition, _ count: Int, _ db: Database) throws -> [ErrorCause] {
        try db.rows(
            """
            SELECT \(causeColumns) FROM error_causes AS cause INDEXED BY error_causes_order
            CROSS JOIN job_errors AS error ON error.job_id = cause.last_job AND error.fingerprint = cause.fingerprint
            WHERE (cause.is_open, cause.jobs, cause.last_at, cause.fingerprint) < (?, ?, ?, ?)
            ORDER BY cause.is_open DESC, cause.jobs DESC, cause.last_at DESC, cause.fingerprint DESC LIMIT ?
            """, position.isOpen, position.jobs, position.lastAt, position.fingerprint, count, make: ErrorCause.init)
    }

    private static func cause(_ fingerprint: String, _ db: Database) throws -> ErrorCause? {
        try db.row(
            """
            SELECT \(causeColumns) FROM error_causes AS cause
            CROSS JOIN job_errors AS error ON error.job_id = cause.last_job AND error.fingerprint = cause.fingerprint
            WHERE cause.fingerprint = ?
            """, fingerprint
        ).map(ErrorCause.init)
    }

    private static let causeColumns = """
        error.*, cause.jobs, cause.vines, cause.open_vines, cause.first_at, cause.first_job, cause.last_at, cause.last_job,
            cause.solved_at, cause.solved_by
        """

    /// Causes as they look in some vines. With several, all of their causes are read and added up.
    private static func causes(
        after position: ErrorPosition, _ count: Int, in vines: Set<VineID>, _ db: Database
    ) throws -> [ErrorCause] {
        if vines.count == 1, let vine = vines.first {
            return try fingerprints(after: position, count, of: vine, db).compactMap { try cause($0, in: vines, db) }
        }
        let fingerprints = try db.rows(
            """
            SELECT * FROM (
                SELECT fingerprint, max(is_open) AS is_open, sum(jobs) AS jobs, max(last_at) AS last_at
                FROM error_vines INDEXED BY error_vines_by_vine
                WHERE vine_id IN (SELECT value FROM json_each(?5)) GROUP BY fingerprint
            ) WHERE (is_open, jobs, last_at, fingerprint) < (?1, ?2, ?3, ?4)
            ORDER BY is_open DESC, jobs DESC, last_at DESC, fingerprint DESC LIMIT ?6
            """, position.isOpen, position.jobs, position.lastAt, position.fingerprint, try list(vines), count
        ) { try $0.text("fingerprint") }
        return try fingerprints.compactMap { try cause($0, in: vines, db) }
    }

    /// Read in the order of an index: a page costs the same however many causes the vine has.
    private static func fingerprints(
        after position: ErrorPosition, _ count: Int, of vine: VineID, _ db: Database
    ) throws -> [String] {
        try db.rows(
            """
            SELECT fingerprint FROM error_vines INDEXED BY error_vines_order
            WHERE vine_id = ?5 AND (is_open, jobs, last_at, fingerprint) < (?1, ?2, ?3, ?4)
            ORDER BY is_open DESC, jobs DESC, last_at DESC, fingerprint DESC LIMIT ?6
            """, position.isOpen, position.jobs, position.lastAt, position.fingerprint, vine.rawValue, count
        ) { try $0.text("fingerprint") }
    }

    private static func cause(_ fingerprint: String, in vines: Set<VineID>, _ db: Database) throws -> ErrorCause? {
        let found = try Self.vines(of: fingerprint, in: vines, limit: .max, db)
        guard let last = found.max(by: { $0.last.at < $1.last.at })?.last.job else { return nil }
        let error = try db.row(
            "SELECT * FROM job_errors WHERE job_id = ? AND fingerprint = ?", last.rawValue, fingerprint
        ).map(StoredError.init)
        return ErrorCause(error: { _ in error }, in: found)
    }

    private static func vines(
        of fingerprint: String, in vines: Set<VineID>?, limit: Int, _ db: Database
    ) throws -> [ErrorVine] {
        try db.rows(
            """
            SELECT vine.*, job.project_name, job.environment_stage
            FROM error_vines AS vine CROSS JOIN provision_jobs AS job ON job.id = vine.last_job
            WHERE vine.fingerprint = ?1 AND (?2 IS NULL OR vine.vine_id IN (SELECT value FROM json_each(?2)))
            ORDER BY vine.is_open DESC, vine.last_at DESC, vine.vine_id LIMIT ?3
            """, fingerprint, try list(vines), limit
        ) { row in
            ErrorVine(
                vine: try row.id("vine_id"), projectName: try row.text("project_name"),
                environmentStage: try row.text("environment_stage"), jobs: try row.int("jobs"),
                first: try row.moment("first", "first_job"), last: try row.moment("last", "last_job"),
                isOpen: try row.flag("is_open"), solved: try row.solution())
        }
    }

    /// Ids as a JSON array; nil for all.
    private static func list(_ vines: Set<VineID>?) throws -> String? {
        try vines.map { try StoredJSON.encode($0.map(\.rawValue).sorted()) }
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
