import Domain
import Storage
import Testing

/// Reading logs by window and by page.
@Suite struct LogReadTests {
    /// A log of the note of its claim, then 10 chunks of 10 lines each.
    private func withLog(_ engine: StoreEngine, _ body: (StoreFixture, Job) async throws -> Void) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            for chunk in 0..<10 {
                let text = (0..<10).map { "line \(chunk * 10 + $0 + 2)\n" }.joined()
                try await bench.append(Int64(chunk + 1), [.stdout(text)], to: job)
            }
            // Another job's lines must never show.
            let other = try await bench.running()
            try await bench.append(1, [.stdout("foreign\n")], to: other)
            try await body(bench, job)
        }
    }

    @Test(
        arguments: StoreEngine.all,
        [
            (from: 1, count: 1, lines: 1...1), (1, 3, 1...3), (2, 10, 2...11), (7, 1, 7...7), (7, 2, 7...8),
            (11, 2, 11...12), (7, 30, 7...36), (12, 10, 12...21), (101, 1, 101...101), (95, 100, 95...101),
            (1, 5000, 1...101), (50, 5000, 50...101),
        ] as [(from: Int64, count: Int, lines: ClosedRange<Int64>)])
    func windows(_ engine: StoreEngine, _ window: (from: Int64, count: Int, lines: ClosedRange<Int64>)) async throws {
        try await withLog(engine) { bench, job in
            let lines = try await bench.store.lines(of: job.id, from: window.from, count: window.count)
            #expect(lines.map(\.number) == Array(window.lines))
            #expect(lines.allSatisfy { $0.number == 1 || $0.raw == "line \($0.number)" })
        }
    }

    @Test(
        arguments: StoreEngine.all,
        [(102, 5), (1000, 5), (Int64.max - 5, 5), (5, 0)] as [(Int64, Int)])
    func returnsEmptyWindows(_ engine: StoreEngine, _ window: (from: Int64, count: Int)) async throws {
        try await withLog(engine) { bench, job in
            let lines = try await bench.store.lines(of: job.id, from: window.from, count: window.count)
            #expect(lines.isEmpty)
        }
    }

    @Test(arguments: StoreEngine.all) func aLogWithoutLinesHasNone(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.job(of: bench.vine())
            #expect(try await bench.store.lines(of: job.id, from: 1, count: 10).isEmpty)
            #expect(try await bench.chunks(of: job).isEmpty)
            #expect(try await bench.store.logSize(of: job.id) == LogSize(seq: 0, lines: 0, linesByStream: [:]))
            #expect(try await bench.store.logDigest(of: job.id, epoch: 1) == LogDigest())
        }
    }

    @Test(arguments: StoreEngine.all) func continuedMarksTheFirstLineOfAChunkOnly(
        _ engine: StoreEngine
    ) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            try await bench.append(
                1, [.stdout("be"), .stderr("err\n"), .stdout("gun\nnext\n", continued: true)], to: job)
            let lines = try await bench.store.lines(of: job.id, from: 2, count: 9)
            #expect(lines.map(\.raw) == ["be", "err", "gun", "next"])
            #expect(lines.map(\.continued) == [false, false, true, false])
            #expect(lines.map(\.stream) == [.stdout, .stderr, .stdout, .stdout])
            // Begun in the middle of the chunk, the mark does not move.
            #expect(try await bench.store.lines(of: job.id, from: 5, count: 1).map(\.continued) == [false])
        }
    }

    @Test(arguments: StoreEngine.all) func pagesAreBoundByBytesAndRows(_ engine: StoreEngine) async throws {
        try await withLog(engine) { bench, job in
            let all = try await bench.chunks(of: job)
            #expect(all.count == 11)
            func page(after: Int64, bytes: Int = 1 << 20, rows: Int = 100) async throws -> [Int64] {
                try await bench.store.chunks(of: job.id, after: after, maxBytes: bytes, maxRows: rows).map(\.seq)
            }
            #expect(try await page(after: 0, rows: 3) == [1, 2, 3])
            #expect(try await page(after: 3, rows: 3) == [4, 5, 6])
            #expect(try await page(after: 9) == [10, 11])
            #expect(try await page(after: 11).isEmpty)
            #expect(try await page(after: -5, rows: 1) == [1])
            #expect(try await page(after: 0, rows: 0).isEmpty)
            #expect(try await page(after: 4, bytes: 0) == [5])
            let two = all[4].text.utf8.count + all[5].text.utf8.count
            #expect(try await page(after: 4, bytes: two) == [5, 6])
            #expect(try await page(after: 4, bytes: two - 1) == [5])
        }
    }
}
