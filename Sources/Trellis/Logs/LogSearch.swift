internal import Domain
internal import Foundation
internal import Storage
internal import TextSearch
internal import Wire

/// What a search looks for in a log.
struct SearchQuery: Sendable {
    var pattern: Pattern.Query
    /// Lines of other streams have no hits.
    var streams: Set<LogStream>
    /// The first line to search.
    var from: Int64

    /// - Throws: ``Refusal`` `.invalid` for an invalid pattern.
    func compiled() throws(Refusal) -> Pattern {
        do throws(SearchError) { return try Pattern(pattern) } catch { throw Refusal(.invalid, error.sentence) }
    }
}

/// Searches the visible text of a log, segment by segment. Its work is bounded.
struct LogSearch: Sendable {
    let query: SearchQuery
    let store: any LogStore
    let limits: SearchLimits
    let ambient: SystemDependencies
    private let work: SearchWork

    /// - Throws: ``Refusal`` `.invalid` for an invalid pattern.
    init(_ query: SearchQuery, store: any LogStore, limits: SearchLimits, ambient: SystemDependencies) async throws {
        (self.query, self.store, self.limits, self.ambient) = (query, store, limits, ambient)
        work = try await SearchWork(query, milliseconds: limits.workMilliseconds)
    }

    /// About 2 MiB of text: fewer, larger reads.
    private static let segmentsAtOnce = 8

    /// How a search ended.
    struct End: Hashable, Sendable {
        var hits = 0
        /// The last line that was searched.
        var scanned: Int64
        /// Why it did not reach the end of the log.
        var reason: String?
    }

    /// Calls `found` after each segment, with its hits and the last line that was searched. To be called once.
    ///
    /// - Throws: what the store and `found` throw.
    func run(in job: JobID, _ found: ([SearchHitMessage], Int64) async throws -> Void) async throws -> End {
        let filters = query.streams.count < LogStream.allCases.count
        let size = try await store.logSize(of: job)
        let deadline = ambient.now().advanced(by: limits.milliseconds)
        var end = End(scanned: query.from - 1)
        var segments = try await read(job, from: query.from, size, filters)
        while let last = segments.last {
            // The next segments are read while these are searched: two cores share the work.
            async let following = read(job, from: last.nextLine, size, filters)
            for lines in segments where end.reason == nil {
                let part = try await work.run(
                    SegmentSearch(
                        lines: lines, query: query, until: size.lines, room: limits.hits - end.hits, limits: limits))
                end.hits += part.hits.count
                end.scanned = part.scanned
                end.reason = part.reason ?? (ambient.now() > deadline ? limits.tooLong : nil)
                try await found(part.hits, part.scanned)
            }
            segments = try await following
            if end.reason != nil { break }
        }
        return end
    }

    private func read(
        _ job: JobID, from line: Int64, _ size: LogSize, _ withStreams: Bool
    ) async throws -> [VisibleLines] {
        guard line <= size.lines else { return [] }
        // Unpacking and parsing a segment takes as long as searching it.
        return try await WorkPool.searches.perform { [store] in
            try await store.visibleLines(
                of: job, at: line, count: Self.segmentsAtOnce, withStreams: withStreams)
        }
    }
}

/// A part of a log that a search goes through at once.
protocol SearchedPart: Sendable {
    mutating func run(_ scanner: LineScanner, until deadline: ContinuousClock.Instant)
}

/// The compiled pattern of one search, on the threads for searches, and the time that the search has used.
final class SearchWork: @unchecked Sendable {
    // Safe to send: only one part at a time uses it.
    private let scanner: LineScanner
    private let limit: Duration
    private var used = Duration.zero

    /// - Parameter milliseconds: how much time the search may use.
    init(_ query: SearchQuery, milliseconds: Int64) async throws {
        limit = .milliseconds(milliseconds)
        let made = try await WorkPool.searches.run { Made(scanner: LineScanner(try query.compiled())) }
        scanner = made.scanner
    }

    private struct Made: @unchecked Sendable { var scanner: LineScanner }

    func run<Part: SearchedPart>(_ part: Part) async throws -> Part {
        try await WorkPool.searches.run { [self] in
            var part = part
            let started = ContinuousClock.now
            part.run(scanner, until: started + (limit - used))
            used += ContinuousClock.now - started
            return part
        }
    }
}
