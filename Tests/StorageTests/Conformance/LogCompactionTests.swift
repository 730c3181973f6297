import Domain
import Foundation
import Storage
import Testing

/// A compacted log reads the same, byte for byte, wherever blocks end.
@Suite struct LogCompactionTests {
    /// Chunks of all kinds: colors that go on, cut lines and sequences, boxes, what overwrites itself, times.
    static func chunk(_ n: Int) -> UnnumberedChunk {
        let times = LineTimes([
            .init(lines: 1, at: StoreFixture.at(Int64(n))), .init(lines: 9, at: StoreFixture.at(Int64(n) + 1)),
        ])
        switch n % 8 {
        case 0: return .stdout("\u{1b}[31mred \(n)\nstill\u{1b}[0m\nplain\n")
        case 1: return .stderr("╷\n│ Error: number \(n)\n│ why\n")
        case 2: return UnnumberedChunk(stream: .stderr, text: "╵\n", times: times)
        case 3: return .stdout("cut in \u{1b}[3")
        case 4: return .stdout("2ma sequence \(n)\n", continued: true)
        case 5: return .stdout("10%\r20%\rdone \(n)\r\n\n\n\u{1b}]0;title\u{7}ü 🍇\n")
        case 6: return UnnumberedChunk(stream: .stdout, text: "Warning: \(n)\nafter\n", times: times)
        default: return .stdout((0..<40).map { "line \($0) of \(n) \u{1b}[1mbold\n" }.joined())
        }
    }

    /// A closed log whose chunks are large enough for several blocks.
    private func withLog(_ engine: StoreEngine, _ body: @Sendable (StoreFixture, Job) async throws -> Void) async throws
    {
        try await engine.run { bench in
            let job = try await bench.running()
            for n in 0..<24 {
                let filler = String(repeating: "\u{1b}[1mfill \(n)\u{1b}[0m of a line\n", count: 1500)
                try await bench.append(
                    Int64(n + 1), [Self.chunk(n), .stdout(filler), Self.chunk(n + 3)], to: job, at: Int64(n))
            }
            try await body(bench, job)
        }
    }

    private struct Reading: Equatable {
        var chunks: [LogChunk]
        var pages: [[Int64]]
        var marks: [DiagnosticLine]
        var digest: LogDigest
        var lines: [LogLine]
        var size: LogSize
    }

    private func read(_ bench: StoreFixture, _ job: Job) async throws -> Reading {
        let store = bench.store
        var pages: [[Int64]] = []
        for (after, bytes, rows) in [(0, 1, 1), (0, 1 << 20, 7), (5, 100_000, 100), (11, 300_000, 100), (70, 1, 9)] {
            pages.append(
                try await store.chunks(of: job.id, after: Int64(after), maxBytes: bytes, maxRows: rows).map(\.seq))
        }
        let size = try await store.logSize(of: job.id)
        var lines: [LogLine] = []
        while Int64(lines.count) < size.lines {
            let next = Int64(lines.count) + 1
            let segment = try #require(try await store.segment(of: job.id, at: .line(next)))
            var state = segment.state
            let found = state.lines(of: segment.chunks)
            #expect(segment.rowsBefore(Set(LogStream.allCases)) == (found.first?.number ?? 0) - 1)
            lines += found.filter { $0.number >= next }
        }
        return Reading(
            chunks: try await bench.chunks(of: job), pages: pages,
            marks: try await store.diagnosticLines(of: job.id, limit: 10_000),
            digest: try await store.logDigest(of: job.id, epoch: 1), lines: lines, size: size)
    }

    @Test(arguments: StoreEngine.all) func compactionIsInvisibleToReaders(_ engine: StoreEngine) async throws {
        try await withLog(engine) { bench, job in
            let before = try await read(bench, job)
            #expect(before.lines.map(\.number) == Array(1...before.size.lines))
            #expect(before.marks.count > 10)
            var blocks = 0
            while try await bench.store.compact(job.id) {
                blocks += 1
                let after = try await read(bench, job)
                // A box that a block edge goes through is marked from its head on.
                #expect(after.lines.map(\.text) == before.lines.map(\.text))
                #expect(after.lines.map(\.runs) == before.lines.map(\.runs))
                #expect(after.chunks == before.chunks && after.pages == before.pages)
                #expect(after.marks == before.marks && after.digest == before.digest && after.size == before.size)
            }
            #expect(blocks >= 2, "an open log is compacted up to its last stretch")
            let open = try await bench.store.chunks(of: job.id, after: 0, maxBytes: 1, maxRows: 1)
            #expect(open == Array(before.chunks.prefix(1)))
        }
    }

    @Test(arguments: StoreEngine.all) func compactsClosedLogCompletely(_ engine: StoreEngine) async throws {
        try await withLog(engine) { bench, job in
            try await bench.change(
                job.id, .fail(epoch: 1, engineKnown: true), .closeLog(epoch: 1, .incomplete(reason: "test")), at: 99)
            let before = try await read(bench, job)
            while try await bench.store.compact(job.id) {}
            #expect(try await !bench.store.jobsToCompact().contains(job.id))
            let after = try await read(bench, job)
            #expect(after.chunks == before.chunks && after.lines.map(\.text) == before.lines.map(\.text))
            // What comes late goes on behind it.
            try await bench.append(25, [.stdout("late\n")], to: job, at: 100)
            let late = try #require(try await bench.chunks(of: job).last)
            #expect(late.seq == before.size.seq + 1 && late.firstLine == before.size.lines + 1)
            #expect(try await bench.store.jobsToCompact() == [job.id])
            #expect(try await bench.store.compact(job.id))
            #expect(try await bench.chunks(of: job) == before.chunks + [late])
            #expect(try await bench.store.compact(job.id) == false)
        }
    }

    @Test(arguments: StoreEngine.all) func skipsShortOpenLog(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            try await bench.append(1, [.stdout("one\n")], to: job)
            #expect(try await bench.store.compact(job.id) == false)
            #expect(try await bench.store.jobsToCompact() == [job.id])
        }
    }

    @Test(arguments: StoreEngine.all) func rowsOfSomeStreamsAreFound(_ engine: StoreEngine) async throws {
        try await withLog(engine) { bench, job in
            while try await bench.store.compact(job.id) {}
            let store = bench.store
            let size = try await store.logSize(of: job.id)
            let streams: Set<LogStream> = [.stderr, .system]
            let rows = streams.reduce(0) { $0 + (size.linesByStream[$1] ?? 0) }
            for row in [0, 1, rows / 2, rows - 1] {
                let segment = try #require(try await store.segment(of: job.id, at: .row(row, of: streams)))
                var state = segment.state
                let shown = state.lines(of: segment.chunks).filter { streams.contains($0.stream) }
                let first = segment.rowsBefore(streams)
                #expect((first..<first + Int64(shown.count)).contains(row))
            }
            #expect(try await store.segment(of: job.id, at: .row(rows, of: streams)) == nil)
            #expect(try await store.segment(of: job.id, at: .line(size.lines + 1)) == nil)
            #expect(try await store.segment(of: job.id, at: .line(size.lines)) != nil)
        }
    }

    /// If a log outruns compaction, its uncompacted tail is read in parts.
    @Test(arguments: StoreEngine.all) func aLongTailIsReadInParts(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            for n in 0..<20 {
                let chunks = (0..<10).map { c -> UnnumberedChunk in
                    let text = (0..<600).map { "chunk \(n).\(c) line \($0) \(String(repeating: "x", count: 80))\n" }
                    return c == 5 ? .stderr(text.joined()) : .stdout(text.joined())
                }
                try await bench.append(Int64(n + 1), chunks, to: job)
            }
            let size = try await bench.store.logSize(of: job.id)
            let all = Set(LogStream.allCases)
            for line in [1, 2, size.lines / 2, size.lines - 700, size.lines] {
                let segment = try #require(try await bench.store.segment(of: job.id, at: .line(line)))
                #expect(segment.chunks.contains { ($0.firstLine...$0.lastLine).contains(line) })
                #expect(segment.chunks.reduce(0) { $0 + $1.text.utf8.count } <= 3 << 20)
                #expect(segment.rowsBefore(all) == (segment.chunks.first?.firstLine ?? 0) - 1)
                let row = try #require(try await bench.store.segment(of: job.id, at: .row(line - 1, of: all)))
                #expect(row.chunks == segment.chunks)
            }
            let errors = size.linesByStream[.stderr] ?? 0
            let place = LogPosition.row(errors - 1, of: [.stderr])
            let last = try #require(try await bench.store.segment(of: job.id, at: place))
            let first = last.rowsBefore([.stderr])
            var end = first
            for chunk in last.chunks where chunk.stream == .stderr { end += Int64(chunk.lineCount) }
            #expect(first < errors && errors <= end)
            #expect(try await bench.store.segment(of: job.id, at: .line(size.lines + 1)) == nil)
        }
    }
}
