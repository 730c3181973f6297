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
                return try search.run(limit: limit, db)
            }
            return Page(items: try found.rows.map { try $0.outline() }, next: found.next?.text)
        }
        let filter = JobFilter(query, after: after)
        let found = try await read { db in
            try db.rows(
                "SELECT job.* FROM provision_jobs AS job " + filter.condition
                    + " ORDER BY job.created_at DESC, job.id DESC LIMIT :limit",
                arguments: filter.arguments(limit: limit + 1), make: JobRow.init)
        }
        return Page(try found.map { try $0.outline() }, limit: limit) {
            PageCursor(createdAt: $0.createdAt, id: $0.id.rawValue)
        }
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
}

/// A search for jobs by text, newest first, at a cost that does not depend on how many jobs are stored.
///
/// The text is looked up in the small tables first: vines and Tendrils. Each match is a source of jobs, newest first by
/// an index, and so is the range of ids that the text may begin. The sources are merged. What no index covers (the
/// other filters, and ids that begin with one or two digits) is checked row by row, for a bounded number of rows: then
/// the page ends, and the next one continues there.
struct JobSearch {
    /// Rows that one page may check against the filters, and rows of which it may look at the id only.
    static let maxRows = 1_000
    static let maxIDs = 5_000
    /// Fewer digits match too many jobs to be read as a range of ids; more match at most a few thousand.
    static let minIDDigits = 3
    static let maxIDRange = 5_000

    /// A job's place in the list.
    private struct Key: Hashable, Comparable {
        var createdAt: Int64
        var id: String

        static func < (one: Key, other: Key) -> Bool {
            (one.createdAt, one.id) < (other.createdAt, other.id)
        }
    }

    private enum Origin {
        case vine(String)
        /// A vine that only a former name matches; its jobs are checked for their own name.
        case formerVine(String)
        case tendril(String)
        /// Ids that begin with the text, read beforehand.
        case ids
        /// All jobs, for texts that may begin too many ids.
        case newest
    }

    private struct Source {
        var origin: Origin
        /// The next keys, oldest first.
        var buffer: [Key] = []
        var batch = 1
    }

    private let text: String
    /// ``text`` without blanks around slashes.
    private let tight: String
    private let query: JobQuery
    private let start: Key
    private var sources: [Source] = []
    /// The newest key of each source that has one, oldest first.
    private var heads: [(key: Key, source: Int)] = []

    /// Rows whose id was looked at, and rows that were read. For tests.
    private(set) var ids = 0
    private(set) var rows = 0

    init(_ text: String, _ query: JobQuery, after cursor: PageCursor?) {
        self.text = text
        tight = SQLiteStore.tight(text)
        self.query = query
        if let cursor {
            start = Key(createdAt: cursor.createdAt.milliseconds, id: cursor.id)
        } else {
            start = Key(createdAt: .max, id: "")
        }
    }

    /// The next `limit` jobs at most, and where the next page begins; nil after the last one.
    mutating func run(limit: Int, _ db: Database) throws -> (rows: [JobRow], next: PageCursor?) {
        try openSources(db)
        var found: [JobRow] = []
        var lastFound: Key?
        while let head = heads.popLast() {
            try advance(head.source, after: head.key, db)
            guard head.key != lastFound else { continue }
            ids += 1
            if isCandidate(head), let row = try read(head.key, db), matches(row, head) {
                found.append(row)
                lastFound = head.key
            }
            guard found.count == limit || ids >= Self.maxIDs || rows >= Self.maxRows else { continue }
            // Another source may still have this job.
            if heads.last?.key == head.key, head.key != lastFound { continue }
            let cursor = PageCursor(createdAt: Timestamp(milliseconds: head.key.createdAt), id: head.key.id)
            return (found, heads.isEmpty ? nil : cursor)
        }
        return (found, nil)
    }

    private func isCandidate(_ head: (key: Key, source: Int)) -> Bool {
        if case .newest = sources[head.source].origin { head.key.id.hasPrefix(text) } else { true }
    }

    private func matches(_ row: JobRow, _ head: (key: Key, source: Int)) -> Bool {
        guard case .formerVine = sources[head.source].origin else { return true }
        return JobTitle(row.projectName, row.environmentStage).contains(text, tight)
    }

    private mutating func read(_ key: Key, _ db: Database) throws -> JobRow? {
        rows += 1
        guard let id = JobID(key.id), let row = try JobRow.find(id, db) else { return nil }
        if let status = query.status, status != row.state.status { return nil }
        if let type = query.type, type != row.type { return nil }
        if let vine = query.vine, vine != row.vine { return nil }
        let tendril: TendrilID? = row.state.worker ?? row.assignedWorker
        if let worker = query.worker, worker != tendril { return nil }
        return row
    }

    // MARK: - Sources

    private mutating func openSources(_ db: Database) throws {
        sources = try db.rows(Self.vinesSQL, text, tight) {
            let id = try $0.text("id")
            return Source(origin: try $0.flag("is_current") ? .vine(id) : .formerVine(id))
        }
        sources += try db.rows(Self.tendrilsSQL, text) { Source(origin: .tendril(try $0.text("id"))) }
        if text.utf8.allSatisfy(Self.isIDDigit) {
            if text.count < Self.minIDDigits {
                sources.append(Source(origin: .newest))
            } else {
                let range = try db.rows(Self.idsSQL, text, Self.maxIDRange, make: Self.key)
                sources.append(Source(origin: .ids, buffer: range.filter { $0 < start }.sorted()))
            }
        }
        for source in sources.indices { try advance(source, after: start, db) }
    }

    private static func isIDDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "-"): true
        default: false
        }
    }

    /// Puts the source's next key, which is older than `key`, among the heads.
    private mutating func advance(_ source: Int, after key: Key, _ db: Database) throws {
        if sources[source].buffer.isEmpty { try fill(source, after: key, db) }
        guard let next = sources[source].buffer.popLast() else { return }
        var (low, high) = (0, heads.count)
        while low < high {
            let middle = (low + high) / 2
            if heads[middle].key < next { low = middle + 1 } else { high = middle }
        }
        heads.insert((next, source), at: low)
    }

    private mutating func fill(_ source: Int, after key: Key, _ db: Database) throws {
        let batch = sources[source].batch
        // Most sources of a search are left after their first key or two.
        sources[source].batch = min(64, 2 * batch)
        let keys: [Key] =
            switch sources[source].origin {
            case .vine(let id), .formerVine(let id):
                try db.rows(Self.byVineSQL, key.createdAt, key.id, batch, id, make: Self.key)
            case .tendril(let id): try db.rows(Self.byTendrilSQL, key.createdAt, key.id, batch, id, make: Self.key)
            case .newest: try db.rows(Self.newestSQL, key.createdAt, key.id, batch, make: Self.key)
            case .ids: []
            }
        sources[source].buffer = keys.reversed()
    }

    private static func key(_ row: Row) throws -> Key {
        Key(createdAt: try row.integer("created_at"), id: try row.text("id"))
    }

    // SQLite's own LIKE and lower() only fold ASCII, so both sides are folded in advance.
    static let vinesSQL = """
        SELECT id, (instr(\(SQLiteStore.title), ?1) > 0 OR instr(\(SQLiteStore.tightTitle), ?2) > 0) AS is_current FROM vines
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

/// The name of a vine as a job's row shows it, folded for the search.
struct JobTitle: Hashable {
    var folded: String

    init(_ project: String, _ stage: String) {
        folded = "\(project) / \(stage)".lowercased()
    }

    /// Whether it contains `text` or, without blanks around its slash, `tight`.
    func contains(_ text: String, _ tight: String) -> Bool {
        folded.contains(text) || folded.replacing(" / ", with: "/").contains(tight)
    }

    /// Remembers that the vine had this name when a job was created.
    static func record(_ title: JobTitle, of vine: String, _ db: Database) throws {
        try db.run("INSERT OR IGNORE INTO vine_names (vine_id, title_folded) VALUES (?, ?)", vine, title.folded)
    }
}
