public import Domain
internal import GRDB
public import Storage

extension SQLiteStore {
    public func jobs(_ query: JobQuery, limit: Int, cursor: String?) async throws -> Page<Job> {
        let limit = PageLimit.clamped(limit)
        let after = try cursor.map { try PageCursor($0) }
        if let text = query.text?.lowercased(), !text.isEmpty {
            let found = try await read { db in
                var search = JobSearch(text, query, after: after)
                return try search.run(limit: limit, in: SQLiteJobIndex(db: db))
            }
            return Page(items: try found.rows.map { try $0.outline() }, next: found.next?.text)
        }
        let filter = JobFilter(query, after: after)
        let found = try await read { db in
            guard query.visible.isAll || query.vine != nil else {
                return try Self.newest(filter, of: query, limit: limit + 1, db)
            }
            return try db.rows(
                "SELECT job.* FROM provision_jobs AS job " + filter.condition
                    + " ORDER BY job.created_at DESC, job.id DESC LIMIT :limit",
                arguments: filter.arguments(limit: limit + 1), make: JobRow.init)
        }
        return Page(try found.map { try $0.outline() }, limit: limit) {
            PageCursor(createdAt: $0.createdAt, id: $0.id.rawValue)
        }
    }
}

extension SQLiteStore {
    /// The newest jobs of the vineyards and vines that are visible: each is asked for its newest by an index, and the
    /// newest of these are read.
    private static func newest(
        _ filter: JobFilter, of query: JobQuery, limit: Int, _ db: Database
    ) throws -> [JobRow] {
        let byVineyard = query.status == nil ? "provision_jobs_by_vineyard" : "provision_jobs_by_vineyard_status"
        let places =
            query.visible.vineyards.map { (column: "vineyard_id", index: byVineyard, id: $0.rawValue) }
            + query.visible.vines.map { (column: "vine_id", index: "provision_jobs_by_vine", id: $0.rawValue) }
        var keys: Set<JobKey> = []
        for place in places {
            let sql = keysSQL(place.column, place.index, filter.and("job.\(place.column) = :place"))
            keys.formUnion(
                try db.rows(sql, arguments: filter.arguments(limit: limit, place: place.id), make: JobKey.init))
        }
        return try keys.sorted(by: >).prefix(limit).compactMap { key in
            try JobID(key.id).flatMap { try JobRow.find($0, db) }
        }
    }

    static func keysSQL(_ column: String, _ index: String, _ condition: String) -> String {
        """
        SELECT job.created_at, job.id FROM provision_jobs AS job INDEXED BY \(index) \(condition)
        ORDER BY job.created_at DESC, job.id DESC LIMIT :limit
        """
    }

    /// A condition on a row of `job`, with the three values of ``VisibleVines``.
    static func visibleJob(_ isAll: String, _ vineyards: String, _ vines: String) -> String {
        """
        (\(isAll) OR job.vineyard_id IN (SELECT value FROM json_each(\(vineyards)))
            OR job.vine_id IN (SELECT value FROM json_each(\(vines))))
        """
    }
}

/// A query as a condition: it contains only what is asked for, so that each combination finds its index.
private struct JobFilter: Sendable {
    private var parts: [String] = []
    private var values: [String: String] = [:]
    private var after: Timestamp?

    init(_ query: JobQuery, after cursor: PageCursor?) {
        add(query.status?.rawValue, as: "status", "job.status = :status")
        add(query.type?.rawValue, as: "type", "job.job_type = :type")
        add(query.vine?.rawValue, as: "vine", "job.vine_id = :vine")
        add(query.worker?.rawValue, as: "worker", "job.tendril_id = :worker")
        if !query.visible.isAll, query.vine != nil {
            add(query.visible.vineyardList, as: "vineyards", SQLiteStore.visibleJob("0", ":vineyards", ":vines"))
            values["vines"] = query.visible.vineList
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

    /// The condition together with another one.
    func and(_ other: String) -> String { "WHERE " + (parts + [other]).joined(separator: " AND ") }

    func arguments(limit: Int, place: String? = nil) -> StatementArguments {
        var all: [String: SQLValue] = values.mapValues { $0 }
        if let place { all["place"] = place }
        if let after { all["after"] = after.milliseconds }
        all["limit"] = limit
        return StatementArguments(all)
    }
}

/// The indexes that a ``JobSearch`` uses.
struct SQLiteJobIndex: JobIndex {
    let db: Database

    func vines(
        named text: String, _ tight: String
    ) throws -> [(id: VineID, vineyard: VineyardID, isCurrent: Bool)] {
        try db.rows(Self.vinesSQL, text, tight) { row in
            (try row.id("id"), try row.id("vineyard_id"), try row.flag("is_current"))
        }
    }

    func tendrils(named text: String) throws -> [String] {
        try db.rows(Self.tendrilsSQL, text) { try $0.text("id") }
    }

    func keys(startingWith prefix: String, limit: Int) throws -> [JobKey] {
        try db.rows(Self.idsSQL, prefix, limit, make: JobKey.init)
    }

    func keys(of lists: [JobKeyList], before key: JobKey, limit: Int) throws -> [[JobKey]] {
        try lists.map { list in
            switch list {
            case .vine(let id): try db.rows(Self.byVineSQL, key.createdAt, key.id, limit, id, make: JobKey.init)
            case .tendril(let id): try db.rows(Self.byTendrilSQL, key.createdAt, key.id, limit, id, make: JobKey.init)
            case .all: try db.rows(Self.newestSQL, key.createdAt, key.id, limit, make: JobKey.init)
            }
        }
    }

    func row(_ id: JobID) throws -> JobRow? { try JobRow.find(id, db) }

    // SQLite's own LIKE and lower() only fold ASCII, so both sides are folded in advance.
    static let vinesSQL = """
        SELECT id, vineyard_id, (instr(\(SQLiteStore.title), ?1) > 0 OR instr(\(SQLiteStore.tightTitle), ?2) > 0) AS is_current FROM vines
        WHERE is_current OR EXISTS (SELECT 1 FROM vine_names AS name WHERE name.vine_id = vines.id
            AND (instr(name.title_folded, ?1) > 0 OR instr(replace(name.title_folded, ' / ', '/'), ?2) > 0))
        """
    static let tendrilsSQL = "SELECT id FROM workers WHERE instr(name_folded, ?) > 0"
    // "g" comes after every digit of an id.
    static let idsSQL = "SELECT created_at, id FROM provision_jobs WHERE id >= ?1 AND id < ?1 || 'g' LIMIT ?2"
    static let newestSQL = keys(of: "provision_jobs_newest", "")
    static let byVineSQL = keys(of: "provision_jobs_by_vine", "AND vine_id = ?4")
    static let byTendrilSQL = keys(of: "provision_jobs_by_tendril", "AND tendril_id = ?4")

    private static func keys(of index: String, _ condition: String) -> String {
        """
        SELECT created_at, id FROM provision_jobs INDEXED BY \(index)
        WHERE (created_at, id) < (?1, ?2) \(condition) ORDER BY created_at DESC, id DESC LIMIT ?3
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
    static func record(_ title: JobTitle, of vine: String, _ db: Database) throws {
        try db.run("INSERT OR IGNORE INTO vine_names (vine_id, title_folded) VALUES (?, ?)", vine, title.folded)
    }
}
