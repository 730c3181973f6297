import Domain
import Foundation
import Storage
import Testing

/// Appending to logs.
@Suite struct LogAppendTests {
    @Test(arguments: StoreEngine.all) func numbersChunksAndLines(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            let receipt = try await bench.append(
                1, [.stdout("one\ntwo\n"), .stderr("bad\n"), .stdout("cut")], to: job, at: 5)
            #expect(receipt == LogReceipt(nextN: 2, seq: 4, lines: 5))
            try await bench.append(2, [.stdout(" and on\n", continued: true)], to: job, at: 6)
            let chunks = Array(try await bench.chunks(of: job).dropFirst())
            #expect(chunks.map(\.seq) == [2, 3, 4, 5])
            #expect(chunks.map(\.firstLine) == [2, 4, 5, 6])
            #expect(chunks.map(\.lineCount) == [2, 1, 1, 1])
            #expect(chunks.map(\.stream) == [.stdout, .stderr, .stdout, .stdout])
            #expect(chunks.map(\.text) == ["one\ntwo\n", "bad\n", "cut", " and on\n"])
            #expect(chunks.map(\.continued) == [false, false, false, true])
            #expect(chunks.map(\.epoch) == [1, 1, 1, 1])
            #expect(
                chunks.map(\.createdAt) == [
                    StoreFixture.at(5), StoreFixture.at(5), StoreFixture.at(5), StoreFixture.at(6),
                ])
            #expect(chunks.allSatisfy { $0.job == job.id })
            #expect(zip(chunks, chunks.dropFirst()).allSatisfy { $0.id < $1.id })
            #expect(
                try await bench.store.logSize(of: job.id)
                    == LogSize(seq: 5, lines: 6, linesByStream: [.system: 1, .stdout: 4, .stderr: 1]))
            #expect(
                try await bench.store.logCursor(of: job.id, epoch: 1)
                    == LogCursor(nextN: 3, seq: 5, storedBytes: [.stdout: 19, .stderr: 4]))
        }
    }

    @Test(arguments: StoreEngine.all) func keepsEveryCharacter(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            let text = "nul \u{0} in it\r\n\u{1b}[31mrot\u{1b}[0m ü 🍇 e\u{301}\n\u{85}\u{2028}\n\n"
            try await bench.append(1, [.stdout(text)], to: job)
            let chunk = try #require(try await bench.chunks(of: job).last)
            #expect(Array(chunk.text.utf8) == Array(text.utf8))
            #expect(chunk.lineCount == 4)
            let sum = try await bench.store.logDigest(of: job.id, epoch: 1)
            #expect(sum.streams[.stdout]?.sha256 == Data(text.utf8).sha256)
        }
    }

    @Test(arguments: StoreEngine.all) func repeatedAppendIsStoredOnce(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            let first = try await bench.append(1, [.stdout("one\n")], to: job)
            try await bench.append(2, [.stdout("two\n")], to: job)
            let before = try await bench.chunks(of: job)
            _ = bench.seen.take()
            let again = try await bench.append(1, [.stdout("one\n")], to: job, at: 50)
            #expect(first == LogReceipt(nextN: 2, seq: 2, lines: 2))
            #expect(again == LogReceipt(nextN: 3, seq: 3))
            #expect(try await bench.chunks(of: job) == before)
            #expect(bench.seen.take().isEmpty)
        }
    }

    @Test(arguments: StoreEngine.all) func rejectsDivergedAppend(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            try await bench.append(1, [.stdout("one\n"), .stdout("two\n")], to: job)
            let others: [[UnnumberedChunk]] = [
                [.stdout("one\n"), .stdout("TWO\n")], [.stdout("one\n")], [.stderr("one\n"), .stdout("two\n")],
                [.stdout("one\ntwo\n")], [.stdout("one\n", continued: true), .stdout("two\n")],
                [.stdout("one\nt"), .stdout("wo\n")],
            ]
            for other in others {
                await expectRefusal(.conflict, saying: "diverged") { try await bench.append(1, other, to: job) }
            }
            #expect(try await bench.store.logSize(of: job.id).seq == 3)
        }
    }

    @Test(arguments: StoreEngine.all) func skippedNumberNamesExpected(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            for n: Int64 in [2, 0, -1, .max] {
                await expectRefusal(.conflict, saying: " 1") { try await bench.append(n, [.stdout("x\n")], to: job) }
            }
            try await bench.append(1, [.stdout("x\n")], to: job)
            await expectRefusal(.conflict, saying: " 2") { try await bench.append(3, [.stdout("x\n")], to: job) }
        }
    }

    @Test(arguments: StoreEngine.all) func onlyTheLastEpochOfAStartedJobAppends(
        _ engine: StoreEngine
    ) async throws {
        try await engine.run { bench in
            let tendril = try await bench.tendril()
            let job = try await bench.job(of: bench.vine())
            func refuse(epoch: Int) async {
                await expectRefusal(.leaseLost) {
                    try await bench.append(1, [.stdout("x\n")], to: job, epoch: epoch)
                }
            }
            await refuse(epoch: 0)
            await refuse(epoch: 1)
            _ = try await bench.store.claim(by: tendril.id, at: StoreFixture.at(2))
            await refuse(epoch: 1)
            try await bench.change(job.id, .loseLease(epoch: 1))
            await refuse(epoch: 1)
            _ = try await bench.store.claim(by: tendril.id, at: StoreFixture.at(3))
            try await bench.change(job.id, .start(epoch: 2))
            await refuse(epoch: 1)
            await refuse(epoch: 3)
            await refuse(epoch: 0)
            try await bench.append(1, [.stdout("x\n")], to: job, epoch: 2)
            // What was printed is still taken when the lease has gone.
            try await bench.change(job.id, .giveUp(epoch: 2))
            try await bench.append(2, [.stdout("y\n")], to: job, epoch: 2)
            #expect(try await bench.store.logCursor(of: job.id, epoch: 1).nextN == 1)
            #expect(try await bench.store.logCursor(of: job.id, epoch: 2).nextN == 3)
        }
    }

    @Test(arguments: StoreEngine.all) func completeLogRejectsAppends(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.ended()
            try await bench.append(1, [.stdout("x\n")], to: job)
            try await bench.change(job.id, .closeLog(epoch: 1, .incomplete(reason: "a gap")))
            try await bench.append(2, [.stdout("y\n")], to: job)
            try await bench.change(job.id, .closeLog(epoch: 1, .complete))
            let before = try await bench.chunks(of: job)
            for n: Int64 in [2, 3] {
                await expectRefusal(.conflict, saying: "COMPLETE") {
                    try await bench.append(n, [.stdout("y\n")], to: job)
                }
            }
            try await bench.store.appendSystemLines(["late"], to: job.id, at: StoreFixture.at(9))
            #expect(try await bench.chunks(of: job) == before)
        }
    }

    @Test(arguments: StoreEngine.all) func refusesNoJobAndNoText(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            let id: JobID = StoreFixture.newID()
            await expectRefusal(.notFound) {
                _ = try await bench.store.append(
                    LogAppend(job: id, epoch: 1, n: 1, chunks: [.stdout("x\n")]), at: StoreFixture.at(1))
            }
            await expectRefusal(.notFound) {
                try await bench.store.appendSystemLines(["x"], to: id, at: StoreFixture.at(1))
            }
            await expectRefusal(.notFound) { _ = try await bench.store.logSize(of: id) }
            await expectRefusal(.notFound) { _ = try await bench.store.logCursor(of: id, epoch: 1) }
            await expectRefusal(.notFound) { _ = try await bench.store.logDigest(of: id, epoch: 1) }
            await expectRefusal(.invalid) { try await bench.append(1, [], to: job) }
            await expectRefusal(.invalid) { try await bench.append(1, [.stdout("x\n"), .stdout("")], to: job) }
            #expect(try await bench.store.logCursor(of: job.id, epoch: 1).nextN == 1)
        }
    }

    @Test(arguments: StoreEngine.all) func notesHaveEpochZero(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.job(of: bench.vine())
            try await bench.store.appendSystemLines(["one", "", "two\nlines"], to: job.id, at: StoreFixture.at(4))
            try await bench.store.appendSystemLines([], to: job.id, at: StoreFixture.at(5))
            let lines = try await bench.store.lines(of: job.id, from: 1, count: 10)
            #expect(lines.map(\.raw) == ["one", "", "two", "lines"])
            #expect(lines.allSatisfy { $0.stream == .system && $0.time == StoreFixture.at(4) })
            #expect(try await bench.chunks(of: job).allSatisfy { $0.epoch == 0 })
            #expect(try await bench.store.logCursor(of: job.id, epoch: 0).storedBytes == [.system: 15])
        }
    }

    @Test(arguments: StoreEngine.all) func timesNeverDecreaseAndAreComplete(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            func lying(_ text: String, _ runs: [(Int, Int64)]) -> UnnumberedChunk {
                UnnumberedChunk(
                    stream: .stdout, text: text,
                    times: LineTimes(runs.map { LineTimes.Run(lines: $0.0, at: StoreFixture.at($0.1)) }))
            }
            try await bench.append(
                1,
                [
                    lying("a\nb\nc\n", [(1, 20), (2, 10)]),  // goes back
                    lying("d\ne\n", [(1, 30)]),  // one is missing
                    lying("f\n", [(5, 31), (.max, 99)]),  // more than there are
                ], to: job, at: 40)
            try await bench.append(2, [lying("g\nh\n", [(1, 5), (1, 45)]), lying("i\n", [])], to: job, at: 50)
            let times = try await bench.store.lines(of: job.id, from: 2, count: 20).map(\.time)
            #expect(times == [20, 20, 20, 30, 40, 40, 40, 45, 50].map { StoreFixture.at($0) })
            let chunks = try await bench.chunks(of: job)
            #expect(chunks.allSatisfy { $0.times.lineCount == $0.lineCount })
        }
    }

    @Test(arguments: StoreEngine.all) func digestDoesNotDependOnChunking(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let out = (1...500).map { "line \($0) of the output\n" }.joined()
            let err = "first error\nsecond error\n"
            let (whole, cut) = (try await bench.running(), try await bench.running())
            try await bench.append(1, [.stdout(out), .stderr(err)], to: whole)
            var n: Int64 = 0
            var rest = Substring(out)
            while !rest.isEmpty {
                n += 1
                try await bench.append(n, [.stdout(String(rest.prefix(997)))], to: cut)
                rest = rest.dropFirst(997)
                try await bench.store.appendSystemLines(["between"], to: cut.id, at: StoreFixture.at(6))
            }
            try await bench.append(n + 1, [.stderr("first er"), .stderr("ror\nsecond error\n")], to: cut)
            let expected = LogDigest(streams: [
                .stdout: LogDigest.Part(bytes: Int64(out.utf8.count), sha256: Data(out.utf8).sha256),
                .stderr: LogDigest.Part(bytes: Int64(err.utf8.count), sha256: Data(err.utf8).sha256),
            ])
            #expect(try await bench.store.logDigest(of: whole.id, epoch: 1) == expected)
            #expect(try await bench.store.logDigest(of: cut.id, epoch: 1) == expected)
            #expect(try await bench.store.logDigest(of: cut.id, epoch: 2) == LogDigest())
        }
    }

    /// Eight jobs at once, each with a writer and with SYSTEM lines of Trellis: the numbers have no gap and no repeat.
    @Test(arguments: StoreEngine.all) func numbersAreContiguousUnderConcurrency(
        _ engine: StoreEngine
    ) async throws {
        try await engine.run { bench in
            var jobs: [Job] = []
            for _ in 0..<8 { jobs.append(try await bench.running()) }
            try await withThrowingTaskGroup { group in
                for job in jobs {
                    group.addTask {
                        for n in 1...25 {
                            let chunks = (0..<(n % 3 + 1)).map {
                                UnnumberedChunk.stdout(String(repeating: "x\n", count: $0 + 1))
                            }
                            try await bench.append(Int64(n), chunks, to: job)
                        }
                    }
                    for note in 0..<20 {
                        group.addTask {
                            try await bench.store.appendSystemLines(["n\(note)"], to: job.id, at: StoreFixture.at(6))
                        }
                    }
                }
                try await group.waitForAll()
            }
            for job in jobs {
                let chunks = try await bench.chunks(of: job)
                #expect(chunks.map(\.seq) == Array(1...Int64(chunks.count)))
                var next: Int64 = 1
                for chunk in chunks {
                    #expect(chunk.firstLine == next)
                    next = chunk.lastLine + 1
                }
                let size = try await bench.store.logSize(of: job.id)
                #expect(size.seq == Int64(chunks.count))
                #expect(size.lines == next - 1)
                #expect(size.linesByStream[.system] == 21)
                #expect(size.lines == size.linesByStream.values.reduce(0, +))
                #expect(zip(chunks, chunks.dropFirst()).allSatisfy { $0.id < $1.id })
            }
        }
    }

    @Test(arguments: StoreEngine.all) func theSameAppendSentAtOnceIsStoredOnce(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            let receipts = try await withThrowingTaskGroup(of: LogReceipt.self) { group in
                for _ in 0..<16 { group.addTask { try await bench.append(1, [.stdout("once\n")], to: job) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(receipts.allSatisfy { $0.nextN == 2 && $0.seq == 2 })
            #expect(receipts.compactMap(\.lines) == [2])
            #expect(try await bench.store.logSize(of: job.id).linesByStream[.stdout] == 1)
        }
    }

    @Test(arguments: StoreEngine.all) func onlyTheTendrilOfTheLastLeaseAppends(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            let other = try await bench.tendril()
            func append(by worker: TendrilID?) async throws {
                _ = try await bench.store.append(
                    LogAppend(job: job.id, worker: worker, epoch: 1, n: 1, chunks: [.stdout("x\n")]),
                    at: StoreFixture.at(5))
            }
            await expectRefusal(.leaseLost) { try await append(by: other.id) }
            try await append(by: job.state.worker)
            #expect(try await bench.chunks(of: job).map(\.text).last == "x\n")
        }
    }

    @Test(arguments: StoreEngine.all) func theVerdictComparesTheCaptureWithTheRows(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            func close(_ capture: LogClosing.Capture) async throws -> LogState {
                let job = try await bench.running()
                try await bench.append(1, [.stdout("a\n")], to: job)
                let stored = try await bench.store.logDigest(of: job.id, epoch: 1)
                var capture = capture
                if case .captured = capture { capture = .captured(stored) }
                return try await bench.store.change(
                    job.id, [.fail(epoch: 1, engineKnown: true)],
                    facts: JobFields(closing: LogClosing(epoch: 1, capture)), at: StoreFixture.at(6)
                ).job.state.log
            }
            #expect(try await close(.captured(LogDigest(streams: [:]))) == .complete)
            #expect(try await close(.incomplete(reason: "gap")) == .incomplete(reason: "gap"))
            let job = try await bench.ended()
            try await bench.append(1, [.stdout("a\n")], to: job)
            let closed = try await bench.store.change(
                job.id, [], facts: JobFields(closing: LogClosing(epoch: 1, .captured(LogDigest(streams: [:])))),
                at: StoreFixture.at(6))
            #expect(closed.job.state.log.name == "INCOMPLETE")
        }
    }
}
