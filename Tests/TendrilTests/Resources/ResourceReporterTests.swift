import Domain
import Synchronization
import SystemCalls
import Testing
import Wire

@testable import Tendril

/// How what the log says about resources gets to Trellis.
@Suite struct ResourceReporterTests {
    private let trellis = FakeTrellis()
    private let lease = LeaseMessage(jobId: SystemDependencies.system.makeID(), epoch: 3)

    private func reporter(_ clock: ServerClock = ServerClock()) -> ResourceReporter {
        ResourceReporter(lease: lease, trellis: trellis, clock: clock, sleeper: Fixtures.hurried)
    }

    private func chunk(_ text: String, at: Int64 = 0) -> UnnumberedChunk {
        let times = LineTimes(lines: ChunkText.lineCount(of: text), at: Timestamp(milliseconds: at))
        return UnnumberedChunk(stream: .stdout, text: text, times: times)
    }

    private func items() async -> [RunResource] { await trellis.resourceReports.flatMap(\.items) }

    @Test func sendsChangesOnTrellisClock() async throws {
        let clock = ServerClock()
        clock.learn(
            serverNow: Timestamp(milliseconds: 5000), sent: Timestamp(milliseconds: 0),
            received: Timestamp(milliseconds: 0))
        let reporter = reporter(clock)
        await reporter.take([chunk("x\n"), chunk("a.b: Creating...\n", at: 7)], firstLine: 41)
        try await eventually("the first report") { await trellis.resourceReports.count == 1 }
        await reporter.take([chunk("a.b: Creation complete after 0s\n", at: 9)], firstLine: 43)
        await reporter.finish()
        let sent = await items()
        #expect(sent.first?.firstLine == 42 && sent.first?.startedAt == Timestamp(milliseconds: 5007))
        #expect(sent.last?.state == .done && sent.last?.endedAt == Timestamp(milliseconds: 5009))
        #expect(await trellis.resourceReports.allSatisfy { $0.epoch == 3 })
    }

    @Test func whatRunsAtTheEndIsUnknown() async throws {
        let reporter = reporter()
        await reporter.take([chunk("a.b: Creating...\n")], firstLine: 1)
        await reporter.finish()
        #expect(await items().last?.state == .unknown)
    }

    /// After a restart the log is read again from its beginning: what was true on the way is not sent.
    @Test func sendsNothingBeforeAReplayEnds() async throws {
        let reporter = reporter()
        await reporter.restart()
        await reporter.take([chunk("a.b: Creating...\n")], firstLine: nil)
        await reporter.take([chunk("a.b: Creation complete after 0s\n")], firstLine: nil)
        await reporter.caughtUp()
        try await eventually("the report") { await trellis.resourceReports.count == 1 }
        #expect(await items().map(\.state) == [.done])
        #expect(await items().map(\.firstLine) == [nil])
    }

    @Test func sendsAgainWhatDidNotGetThrough() async throws {
        let failures = Mutex(2)
        await trellis.guarding { _ in
            let fails = failures.withLock { left in
                left -= 1
                return left >= 0
            }
            if fails { throw FakeTrellis.unreachable }
        }
        let reporter = reporter()
        await reporter.take([chunk("a.b: Creating...\n")], firstLine: 1)
        try await eventually("the report") { await trellis.resourceReports.count == 1 }
        #expect(await items().map(\.address) == ["a.b"])
    }

    /// A Trellis that does not know the call, or no longer the lease.
    @Test(arguments: [404, 405, 410, 400]) func aRefusalEndsIt(_ status: Int) async throws {
        let calls = Mutex(0)
        await trellis.guarding { _ in
            calls.withLock { $0 += 1 }
            throw FakeTrellis.refused(status)
        }
        let reporter = reporter()
        await reporter.take([chunk("a.b: Creating...\n")], firstLine: 1)
        await reporter.finish()
        await reporter.take([chunk("c.d: Creating...\n")], firstLine: 2)
        await reporter.finish()
        #expect(calls.withLock { $0 } == 1)
    }

    /// The job's end does not wait for a Trellis that can't be reached.
    @Test func theEndIsBounded() async throws {
        let calls = Mutex(0)
        await trellis.guarding { _ in
            calls.withLock { $0 += 1 }
            throw FakeTrellis.unreachable
        }
        let reporter = ResourceReporter(
            lease: lease, trellis: trellis, clock: ServerClock(), sleeper: Sleeper { _ in throw CancellationError() })
        await reporter.take([chunk("a.b: Creating...\n")], firstLine: 1)
        await reporter.finish()
        #expect(calls.withLock { $0 } <= 4)
    }

    @Test func manyGoInSeveralMessages() async throws {
        let reporter = reporter()
        let count = ReportResourcesRequest.maximumItems + 1
        let lines = (0..<count).map { "a.b[\($0)]: Creating...\n" }.joined()
        await reporter.take([chunk(lines)], firstLine: 1)
        await reporter.finish()
        let reports = await trellis.resourceReports
        #expect(reports.allSatisfy { $0.items.count <= ReportResourcesRequest.maximumItems })
        #expect(Set(reports.flatMap(\.items).map(\.address)).count == count)
    }
}

/// What the shipper shows its observer.
@Suite struct LogObservationTests {
    private final class Observer: LogObserver {
        struct Seen: Equatable {
            var text: String
            var firstLine: Int64?
        }

        let seen = Mutex<[Seen]>([])
        let restarts = Mutex(0)

        func restart() async {
            restarts.withLock { $0 += 1 }
            seen.withLock { $0 = [] }
        }

        func take(_ chunks: [UnnumberedChunk], firstLine: Int64?) async {
            seen.withLock { $0.append(Seen(text: chunks.map(\.text).joined(), firstLine: firstLine)) }
        }

        func caughtUp() async {}
    }

    private func ship(_ folder: JobFolder, _ sink: FakeSink, _ observer: Observer) async -> LogShipper.End {
        let shipper = LogShipper(
            folder: folder, epoch: 3, masker: Masker(secrets: ["hunter2-hunter3"]), sink: sink, observer: observer,
            sleep: Pauses().sleep)
        shipper.close()
        return await shipper.run()
    }

    @Test func seesStoredLinesWithTheirNumbers() async throws {
        let scratch = try Scratch()
        let folder = try scratch.job()
        let sink = FakeSink()
        sink.linesBefore = 10
        var captured = Captured()
        captured.append(.stdout, "one\nhunter2-hunter3\n")
        try captured.write(to: folder)
        let observer = Observer()
        #expect(await ship(folder, sink, observer) == .complete)
        #expect(observer.seen.withLock { $0 } == [.init(text: "one\n(sensitive)\n", firstLine: 11)])
        // The next Tendril sees again what is stored already, without its numbers, and what is new, with them.
        var more = Captured()
        more.append(.stdout, "three\n")
        try more.write(to: folder)
        #expect(await ship(folder, sink, observer) == .complete)
        #expect(
            observer.seen.withLock { $0 } == [
                .init(text: "one\n(sensitive)\n", firstLine: nil), .init(text: "three\n", firstLine: 13),
            ])
        #expect(observer.restarts.withLock { $0 } == 2)
    }
}
