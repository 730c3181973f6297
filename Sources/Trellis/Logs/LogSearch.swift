internal import Domain
internal import Foundation
internal import Storage
internal import TextSearch

/// What is looked for in a log.
struct SearchQuery: Sendable {
    var pattern: Pattern.Query
    /// Lines of other streams have no hits.
    var streams: Set<LogStream>
    /// The first line to look at.
    var from: Int64

    /// - Throws: ``Refusal`` `.invalid` for a pattern that is none.
    func compiled() throws(Refusal) -> Pattern {
        do throws(SearchError) { return try Pattern(pattern) } catch { throw Refusal(.invalid, error.sentence) }
    }
}

/// Looks through the visible text of a log, segment by segment. Its work is bounded.
struct LogSearch: Sendable {
    var store: any LogStore
    var limits: SearchLimits
    var ambient: SystemDependencies

    /// About 2 MiB of text: fewer, larger reads.
    private static let segmentsAtOnce = 8

    /// A hit; column and length in UTF-16 units of the visible text.
    struct Hit: Hashable, Sendable {
        var line: Int64
        var column: Int
        var length: Int
    }

    /// How a search ended.
    struct End: Hashable, Sendable {
        var hits = 0
        /// The last line that was looked at.
        var scanned: Int64
        /// Why it did not come to the log's end.
        var reason: String?
    }

    /// Calls `found` with the hits of each segment in which there are some, and the last line that was looked at; every
    /// so often without hits as well.
    ///
    /// - Throws: ``Refusal`` `.invalid` for a pattern that is none; what the store and `found` throw.
    func run(_ query: SearchQuery, in job: JobID, _ found: ([Hit], Int64) async throws -> Void) async throws -> End {
        let scanner = try await SearchWork(query)
        let filters = query.streams.count < LogStream.allCases.count
        let size = try await store.logSize(of: job)
        let deadline = ambient.now().advanced(by: limits.milliseconds)
        var end = End(scanned: query.from - 1)
        var segments = try await read(job, from: query.from, size, filters)
        while let last = segments.last {
            // The next segments are read while these are looked through: two cores share the work.
            async let following = read(job, from: last.nextLine, size, filters)
            for lines in segments where end.reason == nil {
                let part = try await scanner.run(
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
        // Unpacking and parsing a segment takes as long as looking through it.
        return try await WorkPool.searches.perform { [store] in
            try await store.visibleLines(
                of: job, at: line, count: Self.segmentsAtOnce, withStreams: withStreams)
        }
    }
}

/// One search's pattern, on the threads for searches, and what is left of its time.
private final class SearchWork: @unchecked Sendable {
    // Used by one segment at a time, one after the other: that is what makes it safe to pass on.
    private let scanner: LineScanner
    private var used = Duration.zero

    init(_ query: SearchQuery) async throws {
        let made = try await WorkPool.searches.run { Made(scanner: LineScanner(try query.compiled())) }
        scanner = made.scanner
    }

    private struct Made: @unchecked Sendable { var scanner: LineScanner }

    func run(_ segment: SegmentSearch) async throws -> SegmentSearch {
        try await WorkPool.searches.run { [self] in
            var segment = segment
            let begun = ContinuousClock.now
            segment.run(scanner, until: begun + (.milliseconds(segment.limits.workMilliseconds) - used))
            used += ContinuousClock.now - begun
            return segment
        }
    }
}
