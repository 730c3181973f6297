package import Domain

/// A job's place in the list, newest first.
package struct JobKey: Hashable, Comparable, Sendable {
    package var createdAt: Int64
    package var id: String

    package init(createdAt: Int64, id: String) {
        self.createdAt = createdAt
        self.id = id
    }

    package static func < (one: JobKey, other: JobKey) -> Bool {
        (one.createdAt, one.id) < (other.createdAt, other.id)
    }
}

/// A list of jobs that an index keeps in the order of ``JobKey``.
package enum JobKeyList: Sendable {
    case vine(String)
    case tendril(String)
    case all
}

/// What a ``JobSearch`` asks of a database.
package protocol JobIndex {
    /// The vines whose name contains `text` or, without blanks around its slash, `tight`; also those that only had such
    /// a name when a job was created (`isCurrent` is false).
    func vines(named text: String, _ tight: String) throws -> [(id: VineID, vineyard: VineyardID, isCurrent: Bool)]

    /// The Tendrils whose name contains `text`.
    func tendrils(named text: String) throws -> [String]

    /// Jobs whose id begins with `prefix`, in any order, at most `limit`.
    func keys(startingWith prefix: String, limit: Int) throws -> [JobKey]

    /// The newest jobs of each list that are older than `key`, newest first, at most `limit` of each.
    func keys(of lists: [JobKeyList], before key: JobKey, limit: Int) throws -> [[JobKey]]

    func row(_ id: JobID) throws -> JobRow?
}

/// A search for jobs by text, newest first, at a cost that does not depend on how many jobs are stored.
///
/// The text is looked up in the small tables first: vines and Tendrils. Each match is a source of jobs, newest first by
/// an index, and so is the range of ids that the text may begin. The sources are merged. What no index covers (the
/// other filters, and ids that begin with one or two digits) is checked row by row, for a bounded number of rows: then
/// the page ends, and the next one continues there.
package struct JobSearch {
    /// Rows that one page may check against the filters, and rows of which it may look at the id only.
    package static let maxRows = 1_000
    package static let maxIDs = 5_000
    /// Fewer digits match too many jobs to be read as a range of ids; more match at most a few thousand.
    private static let minIDDigits = 3
    private static let maxIDRange = 5_000

    private enum Origin {
        case list(JobKeyList)
        /// A vine that only a former name matches; its jobs are checked for their own name.
        case formerVine(String)
        /// Ids that begin with the text, read beforehand.
        case ids
        /// All jobs, for texts that may begin too many ids.
        case newest

        var list: JobKeyList? {
            switch self {
            case .list(let list): list
            case .formerVine(let id): .vine(id)
            case .newest: .all
            case .ids: nil
            }
        }
    }

    private struct Source {
        var origin: Origin
        /// The next keys, oldest first.
        var buffer: [JobKey] = []
        var batch = 1
    }

    private let text: String
    /// ``text`` without blanks around slashes.
    private let tight: String
    private let query: JobQuery
    private let start: JobKey
    private var sources: [Source] = []
    /// The newest key of each source that has one, oldest first.
    private var heads: [(key: JobKey, source: Int)] = []

    /// Rows whose id was looked at, and rows that were read. For tests.
    package private(set) var ids = 0
    package private(set) var rows = 0

    /// - Parameter text: in lower case.
    package init(_ text: String, _ query: JobQuery, after cursor: PageCursor?) {
        self.text = text
        tight = JobTitle.tight(text)
        self.query = query
        if let cursor {
            start = JobKey(createdAt: cursor.createdAt.milliseconds, id: cursor.id)
        } else {
            start = JobKey(createdAt: .max, id: "")
        }
    }

    /// The next `limit` jobs at most, and where the next page begins; nil after the last one.
    package mutating func run(limit: Int, in index: some JobIndex) throws -> (rows: [JobRow], next: PageCursor?) {
        try openSources(index)
        var found: [JobRow] = []
        var lastFound: JobKey?
        while let head = heads.popLast() {
            try advance(head.source, after: head.key, index)
            guard head.key != lastFound else { continue }
            ids += 1
            if isCandidate(head), let row = try read(head.key, index), matches(row, head) {
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

    private func isCandidate(_ head: (key: JobKey, source: Int)) -> Bool {
        if case .newest = sources[head.source].origin { head.key.id.hasPrefix(text) } else { true }
    }

    private func matches(_ row: JobRow, _ head: (key: JobKey, source: Int)) -> Bool {
        guard case .formerVine = sources[head.source].origin else { return true }
        return JobTitle(row.projectName, row.environmentStage).contains(text, tight)
    }

    private mutating func read(_ key: JobKey, _ index: some JobIndex) throws -> JobRow? {
        rows += 1
        guard let id = JobID(key.id), let row = try index.row(id) else { return nil }
        guard query.visible.contains(row) else { return nil }
        if let status = query.status, status != row.state.status { return nil }
        if let type = query.type, type != row.type { return nil }
        if let vine = query.vine, vine != row.vine { return nil }
        let tendril: TendrilID? = row.state.worker ?? row.assignedWorker
        if let worker = query.worker, worker != tendril { return nil }
        return row
    }

    // MARK: - Sources

    private mutating func openSources(_ index: some JobIndex) throws {
        let vines = try index.vines(named: text, tight).filter { query.visible.contains($0.id, in: $0.vineyard) }
        sources = vines.map { vine in
            Source(origin: vine.isCurrent ? .list(.vine(vine.id.rawValue)) : .formerVine(vine.id.rawValue))
        }
        sources += try index.tendrils(named: text).map { Source(origin: .list(.tendril($0))) }
        if text.utf8.allSatisfy(Self.isIDDigit), text.count < Self.minIDDigits {
            sources.append(Source(origin: .newest))
        }
        let lists = sources.compactMap(\.origin.list)
        for (source, keys) in zip(sources.indices, try index.keys(of: lists, before: start, limit: 1)) {
            fill(source, with: keys)
        }
        if text.utf8.allSatisfy(Self.isIDDigit), text.count >= Self.minIDDigits {
            let range = try index.keys(startingWith: text, limit: Self.maxIDRange)
            sources.append(Source(origin: .ids, buffer: range.filter { $0 < start }.sorted()))
        }
        for source in sources.indices { putHead(of: source) }
    }

    private static func isIDDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "-"): true
        default: false
        }
    }

    /// Puts the source's next key, which is older than `key`, among the heads.
    private mutating func advance(_ source: Int, after key: JobKey, _ index: some JobIndex) throws {
        if sources[source].buffer.isEmpty, let list = sources[source].origin.list {
            fill(source, with: try index.keys(of: [list], before: key, limit: sources[source].batch).flatMap { $0 })
        }
        putHead(of: source)
    }

    private mutating func fill(_ source: Int, with keys: [JobKey]) {
        sources[source].buffer = keys.reversed()
        // Most sources of a search are left after their first key or two.
        sources[source].batch = min(64, 2 * sources[source].batch)
    }

    private mutating func putHead(of source: Int) {
        guard let next = sources[source].buffer.popLast() else { return }
        var (low, high) = (0, heads.count)
        while low < high {
            let middle = (low + high) / 2
            if heads[middle].key < next { low = middle + 1 } else { high = middle }
        }
        heads.insert((next, source), at: low)
    }
}

/// The name of a vine as a job's row shows it, folded for the search.
package struct JobTitle: Hashable {
    package var folded: String

    package init(_ project: String, _ stage: String) {
        folded = "\(project) / \(stage)".lowercased()
    }

    /// Whether it contains `text` or, without blanks around its slash, `tight`.
    package func contains(_ text: String, _ tight: String) -> Bool {
        folded.contains(text) || folded.replacing(" / ", with: "/").contains(tight)
    }

    /// `text` without blanks around slashes, as people may type a name.
    package static func tight(_ text: String) -> String { text.replacing(/\s*\/\s*/, with: "/") }
}
