public import Domain
internal import Postgres
public import Storage

extension PostgresStore {
    public func jobs(_ query: JobQuery, limit: Int, cursor: String?) async throws -> Page<Job> {
        let limit = PageLimit.clamped(limit)
        let after = try cursor.map { try PageCursor($0) }
        if let text = query.text?.lowercased(), !text.isEmpty {
            let found = try await read { db in
                var search = JobSearch(text, query, after: after)
                return try search.run(limit: limit, in: PostgresJobIndex(db))
            }
            return Page(items: try found.rows.map { try $0.outline() }, next: found.next?.text)
        }
        let filter = JobFilter(query, after: after, limit: limit + 1)
        let found = try await readOnce { db in
            // A status that no job has, and one that nearly every job has, need different plans.
            try db.queryUnprepared(filter.sql, filter.values).map(JobRow.init)
        }
        return Page(try found.map { try $0.outline() }, limit: limit) {
            PageCursor(createdAt: $0.createdAt, id: $0.id.rawValue)
        }
    }
}

/// A query as a statement: it contains only what is asked for, so that each combination finds its index.
private struct JobFilter: Sendable {
    private(set) var values: [PostgresValue] = []
    private(set) var sql = "SELECT job.* FROM provision_jobs AS job"
    private var parts: [String] = []

    init(_ query: JobQuery, after cursor: PageCursor?, limit: Int) {
        if let status = query.status { parts.append("job.status = \(add(status.rawValue))") }
        if let type = query.type { parts.append("job.job_type = \(add(type.rawValue))") }
        if let vine = query.vine { parts.append("job.vine_id = \(add(vine))") }
        if !query.visible.isAll, query.vine != nil {
            let (vineyards, vines) = (add(query.visible.vineyardValue), add(query.visible.vineValue))
            parts.append("(job.vineyard_id = ANY(\(vineyards)) OR job.vine_id = ANY(\(vines)))")
        }
        if let worker = query.worker { parts.append("job.tendril_id = \(add(worker))") }
        if let cursor {
            parts.append("(job.created_at, job.id) < (\(add(cursor.createdAt)), \(add(PostgresValue.uuid(cursor.id))))")
        }
        guard query.visible.isAll || query.vine != nil else {
            selectNewest(of: query.visible, limit: limit)
            return
        }
        if !parts.isEmpty { sql += " WHERE " + parts.joined(separator: " AND ") }
        sql += " ORDER BY job.created_at DESC, job.id DESC LIMIT \(add(limit))"
    }

    /// The newest jobs of the vineyards and vines that are visible: each is asked for its newest by an index, and the
    /// newest of these are read.
    private mutating func selectNewest(of visible: VisibleVines, limit: Int) {
        let (vineyards, vines, count) = (add(visible.vineyardValue), add(visible.vineValue), add(limit))
        func keys(_ places: String, _ column: String) -> String {
            let condition = (["job.\(column) = place.id"] + parts).joined(separator: " AND ")
            return """
                SELECT newest.created_at, newest.id FROM unnest(\(places)) AS place (id) CROSS JOIN LATERAL (
                    SELECT job.created_at, job.id FROM provision_jobs AS job WHERE \(condition)
                    ORDER BY job.created_at DESC, job.id DESC LIMIT \(count)) AS newest
                """
        }
        sql = """
            SELECT job.* FROM (SELECT created_at, id FROM (\(keys(vineyards, "vineyard_id"))
                UNION \(keys(vines, "vine_id"))) AS found ORDER BY created_at DESC, id DESC LIMIT \(count)) AS key
            JOIN provision_jobs AS job ON job.id = key.id ORDER BY job.created_at DESC, job.id DESC
            """
    }

    /// The parameter that stands for `value`.
    private mutating func add(_ value: SQLValue) -> String {
        values.append(value.postgresValue)
        return "$\(values.count)"
    }
}

/// The indexes that a ``JobSearch`` uses. Keeps the rows that it has read, to save round trips.
final class PostgresJobIndex: JobIndex {
    private let db: Database
    private var rows: [JobID: JobRow] = [:]

    init(_ db: Database) { self.db = db }

    func vines(
        named text: String, _ tight: String
    ) throws -> [(id: VineID, vineyard: VineyardID, isCurrent: Bool)] {
        try db.rows(Self.vinesSQL, text, tight) { row in
            (try row.id("id"), try row.id("vineyard_id"), try row.flag("is_current"))
        }
    }

    func tendrils(named text: String) throws -> [String] {
        try db.rows("SELECT id FROM workers WHERE strpos(name_folded, $1) > 0", text) { try $0.text("id") }
    }

    func keys(startingWith prefix: String, limit: Int) throws -> [JobKey] {
        guard let range = JobIDRange(startingWith: prefix) else { return [] }
        return try db.rows(Self.idsSQL, range.first, range.last, limit, make: JobKey.init)
    }

    func keys(of lists: [JobKeyList], before key: JobKey, limit: Int) throws -> [[JobKey]] {
        let id = PostgresValue.uuid(key.id.isEmpty ? JobID.lowest : key.id)
        var found = [[JobKey]](repeating: [], count: lists.count)
        func read(_ sql: String, _ sources: [(list: Int, id: String)]) throws {
            guard !sources.isEmpty else { return }
            // Whole rows only of the list that the search is reading: the others may be many.
            let columns = lists.count == 1 ? "job.*" : "job.created_at, job.id"
            let result = try db.query(
                sql.replacing("COLUMNS", with: columns),
                [.uuids(sources.map(\.id)), .int(key.createdAt), id, .int(Int64(limit))])
            for row in result.map({ $0 }) {
                found[sources[try row.int("source") - 1].list].append(try JobKey(row))
                if lists.count == 1 {
                    let job = try JobRow(row)
                    rows[job.id] = job
                }
            }
        }
        var (vines, tendrils): ([(list: Int, id: String)], [(list: Int, id: String)]) = ([], [])
        for (number, list) in lists.enumerated() {
            switch list {
            case .vine(let id): vines.append((number, id))
            case .tendril(let id): tendrils.append((number, id))
            case .all: found[number] = try db.rows(Self.newestSQL, key.createdAt, id, limit, make: JobKey.init)
            }
        }
        try read(Self.byVineSQL, vines)
        try read(Self.byTendrilSQL, tendrils)
        return found
    }

    func row(_ id: JobID) throws -> JobRow? { try rows[id] ?? JobRow.find(id, db) }

    // PostgreSQL folds case by its own rules, so both sides are folded in advance.
    private static let vinesSQL = """
        SELECT id, vineyard_id, is_current FROM (SELECT id, vineyard_id, strpos(\(PostgresStore.title), $1) > 0
            OR strpos(\(PostgresStore.tightTitle), $2) > 0 AS is_current FROM vines) AS vine
        WHERE is_current OR EXISTS (SELECT 1 FROM vine_names AS name WHERE name.vine_id = vine.id
            AND (strpos(name.title_folded, $1) > 0 OR strpos(replace(name.title_folded, ' / ', '/'), $2) > 0))
        """
    private static let idsSQL = "SELECT created_at, id FROM provision_jobs WHERE id BETWEEN $1 AND $2 LIMIT $3"
    private static let newestSQL = """
        SELECT created_at, id FROM provision_jobs WHERE (created_at, id) < ($1, $2)
        ORDER BY created_at DESC, id DESC LIMIT $3
        """
    private static let byVineSQL = keys(by: "vine_id")
    private static let byTendrilSQL = keys(by: "tendril_id")

    private static func keys(by column: String) -> String {
        """
        SELECT owner.source, COLUMNS FROM unnest($1) WITH ORDINALITY AS owner (id, source)
        CROSS JOIN LATERAL (SELECT * FROM provision_jobs WHERE \(column) = owner.id AND (created_at, id) < ($2, $3)
            ORDER BY created_at DESC, id DESC LIMIT $4) AS job
        ORDER BY owner.source, job.created_at DESC, job.id DESC
        """
    }
}

extension JobKey {
    fileprivate init(_ row: Row) throws {
        self.init(createdAt: try row.integer("created_at"), id: try row.text("id"))
    }
}

extension JobTitle {
    /// Remembers that the vine had this name when a job was created.
    static func record(_ title: JobTitle, of vine: VineID, _ db: Database) {
        db.run("INSERT INTO vine_names VALUES ($1, $2) ON CONFLICT DO NOTHING", vine, title.folded)
    }
}

/// The ids that begin with some digits.
struct JobIDRange {
    var first: JobID
    var last: JobID

    /// nil if no id begins with `prefix`.
    init?(startingWith prefix: String) {
        let digits = prefix.filter { $0 != "-" }
        func bound(_ fill: String) -> JobID? {
            JobID(dashed: digits + String(repeating: fill, count: max(0, 32 - digits.count)))
        }
        guard let first = bound("0"), let last = bound("f"), first.rawValue.hasPrefix(prefix) else { return nil }
        self.first = first
        self.last = last
    }
}

extension Identifier {
    static var lowest: String { "00000000-0000-0000-0000-000000000000" }

    /// The id of 32 hexadecimal digits.
    fileprivate init?(dashed digits: String) {
        var text = digits
        for offset in [20, 16, 12, 8] where offset <= text.count {
            text.insert("-", at: text.index(text.startIndex, offsetBy: offset))
        }
        self.init(text)
    }
}
