internal import Domain

/// Reads pages of stored logs for readers that are behind: with limited concurrency, and each page once for all
/// readers.
///
/// Stored rows never change, so a page that was read stays true, and the last ones are kept.
actor PageReader {
    private struct Key: Hashable {
        var job: JobID
        var after: Int64
    }

    private let source: any FeedSource
    private let limits: FeedLimits
    private var running: [Key: Task<[FeedRow], any Error>] = [:]
    private var kept: [(key: Key, rows: [FeedRow])] = []
    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(source: any FeedSource, limits: FeedLimits) {
        self.source = source
        self.limits = limits
        free = max(1, limits.pageReads)
    }

    /// A page of the rows after `after`; empty if there are none. - Throws: what the source throws.
    func page(of job: JobID, after: Int64) async throws -> [FeedRow] {
        let key = Key(job: job, after: after)
        if let page = kept.first(where: { $0.key == key }) { return page.rows }
        if let task = running[key] { return try await task.value }
        // A separate task, because the first requester may leave while others wait.
        let task = Task { try await read(key) }
        running[key] = task
        return try await task.value
    }

    private func read(_ key: Key) async throws -> [FeedRow] {
        await acquire()
        defer {
            release()
            running[key] = nil
        }
        let rows = try await Self.withoutGap(
            source.logRows(of: key.job, after: key.after, maxBytes: limits.pageBytes), after: key.after)
        if !rows.isEmpty, limits.cachedPages > 0 {
            if kept.count >= limits.cachedPages { kept.removeFirst() }
            kept.append((key, rows))
        }
        return rows
    }

    /// The rows before the first gap. - Throws: ``SequenceGap`` if there are none.
    private static func withoutGap(_ rows: [FeedRow], after: Int64) throws -> [FeedRow] {
        var expected = after + 1
        let whole = rows.prefix { row in
            defer { expected += 1 }
            return row.position == expected
        }
        if whole.isEmpty, let first = rows.first { throw SequenceGap(expected: after + 1, found: first.position) }
        return Array(whole)
    }

    private func acquire() async {
        if free > 0 {
            free -= 1
        } else {
            await withCheckedContinuation { waiting.append($0) }
        }
    }

    private func release() {
        if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
    }
}
