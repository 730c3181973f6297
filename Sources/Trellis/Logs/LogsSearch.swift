internal import Domain
internal import Storage
internal import TextSearch
internal import Wire

/// Searches the logs of many jobs, newest jobs first. Its work is bounded.
struct LogsSearch: Sendable {
    let query: SearchQuery
    /// Which jobs are searched.
    let jobs: JobQuery
    /// Jobs created before are not searched.
    let since: Timestamp?
    let cursor: String?
    let store: any Store
    let limits: SearchLimits
    let ambient: SystemDependencies
    private let work: SearchWork

    /// Jobs that are listed, and segments of a log that are read, at once.
    private static let jobsAtOnce = 100
    private static let segmentsAtOnce = 8

    /// What was found so far, or how the search ended.
    struct Tally: Sendable {
        /// Jobs whose logs were searched, those with hits, and lines with hits.
        var searched = 0
        var jobs = 0
        var lines = 0
        /// Why it did not reach the oldest job.
        var reason: String?
        /// Where it goes on; nil at the end.
        var cursor: String?
        /// When the last job was created.
        var until: Timestamp
    }

    enum Event: Sendable {
        case hit(LogsHitMessage)
        case more(LogsMoreMessage)
    }

    /// - Throws: ``Refusal`` `.invalid` for an invalid pattern or cursor.
    init(
        _ query: SearchQuery, in jobs: JobQuery, since: Timestamp?, cursor: String?, store: any Store,
        limits: SearchLimits, ambient: SystemDependencies
    ) async throws {
        (self.query, self.jobs, self.since, self.cursor) = (query, jobs, since, cursor)
        (self.store, self.limits, self.ambient) = (store, limits, ambient)
        if let cursor { _ = try PageCursor(cursor) }
        work = try await SearchWork(query, milliseconds: limits.workMilliseconds)
    }

    /// Calls `report` after each job, and now and then within one, with what is new. To be called once.
    ///
    /// - Throws: what the store and `report` throw.
    func run(_ report: ([Event], Tally) async throws -> Void) async throws -> Tally {
        let deadline = ambient.now().advanced(by: limits.milliseconds)
        var tally = Tally(cursor: cursor, until: ambient.now())
        while true {
            let page = try await store.jobs(jobs, limit: Self.jobsAtOnce, cursor: tally.cursor)
            for job in page.items {
                if let since, job.createdAt < since { return tally.ended }
                // An unfinished log is searched again by whoever goes on, unless nothing else was searched.
                guard tally.searched < limits.jobs else { return tally.stopped(limits.tooManyJobs) }
                guard tally.lines < limits.lines else { return tally.stopped(limits.tooManyLines) }
                guard tally.searched == 0 || ambient.now() <= deadline else { return tally.stopped(limits.tooLong) }
                let found = try await search(job, until: deadline) { try await report([], tally) }
                if let reason = found.reason, tally.searched > 0 { return tally.stopped(reason) }
                tally.add(found, of: job)
                try await report(found.events(of: job), tally)
                if let reason = found.reason { return tally.stopped(reason) }
            }
            guard let next = page.next else { return tally.ended }
            tally.cursor = next
        }
    }

    // MARK: - One log

    fileprivate struct Found {
        var shown: [ExcerptSearch.Line] = []
        var times: [Int64: Timestamp] = [:]
        var count = 0
        var isFull = false
        /// Why the log was not searched to its end.
        var reason: String?
    }

    private func search(
        _ job: Job, until deadline: Timestamp, _ tick: () async throws -> Void
    ) async throws -> Found {
        var found = Found()
        let size = try await store.logSize(of: job.id)
        var next: Int64 = 1
        while next <= size.lines, !found.isFull, found.reason == nil {
            let segments = try await read(job.id, from: next)
            guard let last = segments.last else { break }
            for lines in segments where !found.isFull && found.reason == nil {
                let part = try await work.run(
                    ExcerptSearch(
                        lines: lines, streams: query.streams, until: size.lines,
                        room: limits.shownLines - found.shown.count, countRoom: limits.countedLines - found.count))
                found.shown += part.shown
                found.count += part.count
                found.isFull = part.isFull
                found.reason = part.failure?.manyLogsSentence ?? (ambient.now() > deadline ? limits.tooLong : nil)
                try await tick()
            }
            next = last.nextLine
        }
        found.times = try await times(of: found.shown.map(\.number), in: job.id)
        return found
    }

    private func read(_ job: JobID, from line: Int64) async throws -> [VisibleLines] {
        // Unpacking and parsing a segment takes as long as searching it.
        try await WorkPool.searches.perform { [store] in
            try await store.visibleLines(of: job, at: line, count: Self.segmentsAtOnce, withStreams: true)
        }
    }

    /// When the lines were written; one read for all lines of a segment.
    private func times(of lines: [Int64], in job: JobID) async throws -> [Int64: Timestamp] {
        guard !lines.isEmpty else { return [:] }
        return try await WorkPool.searches.perform { [store] in
            var times: [Int64: Timestamp] = [:]
            for line in lines where times[line] == nil {
                guard let segment = try await store.segment(of: job, at: .line(line)) else { continue }
                for chunk in segment.chunks {
                    for wanted in lines where (chunk.firstLine...chunk.lastLine).contains(wanted) {
                        times[wanted] = chunk.times.time(ofLine: Int(wanted - chunk.firstLine)) ?? chunk.createdAt
                    }
                }
            }
            return times
        }
    }
}

extension LogsSearch.Tally {
    fileprivate var ended: Self {
        var tally = self
        tally.cursor = nil
        return tally
    }

    fileprivate func stopped(_ reason: String) -> Self {
        var tally = self
        tally.reason = reason
        return tally
    }

    fileprivate mutating func add(_ found: LogsSearch.Found, of job: Job) {
        searched += 1
        if found.count > 0 { jobs += 1 }
        lines += found.count
        until = job.createdAt
        cursor = PageCursor(createdAt: job.createdAt, id: job.id.rawValue).text
    }
}

extension LogsSearch.Found {
    fileprivate func events(of job: Job) -> [LogsSearch.Event] {
        var events = shown.map { line in
            LogsSearch.Event.hit(
                LogsHitMessage(
                    jobId: job.id, jobType: job.type, status: job.status, vineId: job.vine,
                    vineTitle: job.snapshot.settings.title, createdBy: job.createdBy, createdAt: job.createdAt,
                    n: line.number, stream: line.stream, t: times[line.number] ?? job.createdAt, text: line.text,
                    from: line.from, matches: line.matches))
        }
        if count > shown.count {
            events.append(.more(LogsMoreMessage(jobId: job.id, lines: count, capped: isFull)))
        }
        return events
    }
}

extension SearchError {
    fileprivate var manyLogsSentence: String {
        switch self {
        case .invalid(let sentence): sentence
        case .tooMuchWork: "The search used all of its computing time."
        }
    }
}

extension SearchLimits {
    fileprivate var tooManyJobs: String { "The search stopped after \(jobs) jobs." }
    fileprivate var tooManyLines: String { "The search stopped after \(lines) lines with hits." }
}
