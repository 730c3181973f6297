import Domain
import SystemCalls
import Testing
import Wire

@testable import Tendril

@Suite struct LogShipperTests {
    private let scratch: Scratch
    private let folder: JobFolder
    private let sink = FakeSink()
    private let pauses = Pauses()
    private let masker = Masker(secrets: ["hunter2-hunter3"])

    init() throws {
        scratch = try Scratch()
        folder = try scratch.job()
    }

    private func shipper(watcher: FileWatcher = .shared) -> LogShipper {
        LogShipper(
            folder: folder, epoch: 3, masker: masker, sink: sink, watcher: watcher, sleep: pauses.sleep)
    }

    private func write(_ stream: LogStream, _ text: String, at: Int64 = 0) throws {
        var captured = Captured()
        captured.append(stream, text, at: at)
        try captured.write(to: folder)
    }

    private func ended(_ shipper: LogShipper) async -> LogShipper.End {
        shipper.close()
        return await shipper.run()
    }

    @Test(arguments: [false, true]) func sendsSingleLineImmediately(polling: Bool) async throws {
        let shipper = shipper(watcher: FileWatcher(polling: polling))
        let task = Task { await shipper.run() }
        for count in 1...5 {
            try write(.stdout, "line \(count)\n")
            try await eventually("line \(count)") { sink.appends.count == count }
        }
        shipper.close()
        #expect(await task.value == .complete)
        #expect(sink.appends.map(\.n) == [1, 2, 3, 4, 5])
    }

    @Test func batchesWhileAppendIsInFlight() async throws {
        sink.hold()
        let shipper = shipper()
        let task = Task { await shipper.run() }
        try write(.stdout, "first\n")
        try await eventually("the first append") { sink.waiting == 1 }
        for count in 0..<500 { try write(count.isMultiple(of: 7) ? .stderr : .stdout, "line \(count)\n") }
        #expect(sink.calls == 1)
        sink.release()
        shipper.close()
        #expect(await task.value == .complete)
        #expect(sink.appends.count == 2)
        #expect(sink.chunks.lines.map(\.text) == ["first"] + (0..<500).map { "line \($0)" })
    }

    @Test func appendsKeepToTheirLimits() async throws {
        try write(.stdout, String(repeating: "0123456789 hunter2-hunter3\n", count: 60_000))
        // One chunk a line, since the streams take turns.
        var turns = Captured()
        for count in 0..<5000 { turns.append(count.isMultiple(of: 2) ? .stdout : .stderr, "\(count)\n") }
        try turns.write(to: folder)
        #expect(await ended(shipper()) == .complete)
        #expect(sink.appends.count < 8)
        #expect(sink.appends.contains { $0.chunks.count == LogLimits.standard.appendChunks })
        #expect(sink.chunks.lines.count == 65_000)
        #expect(!sink.text(of: .stdout).contains("hunter2"))
    }

    @Test func retriesSameBytes() async throws {
        sink.fail(with: (0..<12).map { _ in FakeSink.Unreachable() })
        try write(.stdout, "a\n")
        #expect(await ended(shipper()) == .complete)
        #expect(sink.text(of: .stdout) == "a\n")
        #expect(sink.cursors == 13)
        // Doubling from 100 ms to 10 s, at least half of it.
        #expect(pauses.all.count == 12)
        for (index, pause) in pauses.all.enumerated() {
            let ceiling = min(Duration.milliseconds(100 << index), .seconds(10))
            #expect(pause <= ceiling && pause >= ceiling / 2)
        }
    }

    /// The append was stored, its answer was lost, and more has come meanwhile.
    @Test func survivesLostResponse() async throws {
        try write(.stdout, "a\n")
        sink.hold()
        let shipper = shipper()
        let task = Task { await shipper.run() }
        try await eventually("the append") { sink.waiting == 1 }
        try sink.store(
            AppendLogsRequest(
                epoch: 3, n: 1,
                chunks: [
                    .init(
                        UnnumberedChunk(
                            stream: .stdout, text: "a\n", times: LineTimes(lines: 1, at: Timestamp(milliseconds: 0))))
                ]))
        sink.fail(with: [FakeSink.Unreachable()])
        try write(.stdout, "b\n")
        shipper.close()
        sink.release()
        #expect(await task.value == .complete)
        #expect(sink.appends.map { $0.chunks.map(\.logChunk) } == [["a\n"], ["b\n"]])
    }

    @Test(arguments: [LogSinkError.leaseLost, .diverged("x"), .refused("y")])
    func stopsOnRefusal(_ error: LogSinkError) async throws {
        try write(.stdout, "a\n")
        let shipper = shipper()
        let task = Task { await shipper.run() }
        try await eventually("the append") { sink.appends.count == 1 }
        // A log that diverged is looked at once more.
        sink.fail(with: [error, error])
        try write(.stdout, "b\n")
        #expect(await task.value == .rejected(error))
        #expect(sink.text(of: .stdout) == "a\n")
    }

    @Test func cancelsDuringOutage() async throws {
        sink.fail(with: (0..<100_000).map { _ in FakeSink.Unreachable() })
        let shipper = LogShipper(folder: folder, epoch: 3, masker: masker, sink: sink)
        let task = Task { await shipper.run() }
        try await eventually("a try") { sink.cursors > 0 }
        task.cancel()
        #expect(await task.value == .stopped)
    }

    @Test func itCanBeStoppedWhileNothingComes() async throws {
        let shipper = shipper()
        let task = Task { await shipper.run() }
        try await eventually("the cursor") { sink.cursors == 1 }
        task.cancel()
        #expect(await task.value == .stopped)
    }

    /// The Tendril was killed after any number of its appends.
    @Test func restartResumesAfterLastStoredAppend() async throws {
        var captured = try Captured.recorded("failing-apply.jsonl")
        captured.append(.stdout, "secret: hunter2-hun", at: 8000)
        captured.events.append(.idle(at: 9000))
        captured.append(.stdout, "ter3\n" + String(repeating: "z", count: 70_000), at: 9500)
        captured.append(.system, "note\n", at: 9600)
        captured.append(.stdout, "\nGrüße 🍇\n", at: 9700)
        let whole = captured.chunks(masker: masker)
        // One append an event.
        let first = shipper()
        let task = Task { await first.run() }
        for event in captured.events {
            let before = sink.appends.count
            try Captured(events: [event]).write(to: folder)
            if case .output(_, let bytes, _) = event, bytes.contains(0x0a) {
                try await eventually("an append") { sink.appends.count > before }
            }
        }
        first.close()
        #expect(await task.value == .complete)
        #expect(sink.chunks.lines == whole.lines)
        let appends = sink.appends.count
        #expect(appends > 20)
        for kept in stride(from: appends - 1, through: 0, by: -1) {
            sink.keepFirst(kept)
            #expect(await ended(shipper()) == .complete)
            #expect(sink.chunks.lines == whole.lines)
            for stream in LogStream.allCases { #expect(sink.text(of: stream) == whole.text(of: stream)) }
        }
    }

    @Test func anAppendThatWasUnderWayAtTheRestartIsTakenIn() async throws {
        try write(.stdout, "a\nb\n")
        sink.hold()
        let shipper = shipper()
        let task = Task { await shipper.run() }
        try await eventually("the append") { sink.waiting == 1 }
        // It comes in after the cursor was asked for, cut in another place.
        try sink.store(
            AppendLogsRequest(
                epoch: 3, n: 1, chunks: [.init(UnnumberedChunk(stream: .stdout, text: "a\n", times: LineTimes()))]))
        sink.release()
        shipper.close()
        #expect(await task.value == .complete)
        #expect(sink.text(of: .stdout) == "a\nb\n")
    }

    /// Its database was restored from a backup, which lacks the last appends.
    @Test func resendsAfterDatabaseRestore() async throws {
        let shipper = shipper()
        let task = Task { await shipper.run() }
        for count in 1...4 {
            try write(.stdout, "line \(count)\n")
            try await eventually("line \(count)") { sink.appends.count == count }
        }
        sink.keepFirst(1)
        try write(.stderr, "more\n")
        shipper.close()
        #expect(await task.value == .complete)
        #expect(sink.text(of: .stdout) == "line 1\nline 2\nline 3\nline 4\n")
        #expect(sink.text(of: .stderr) == "more\n")
    }

    @Test func moreStoredThanCapturedIsToldApart() async throws {
        try sink.store(
            AppendLogsRequest(
                epoch: 3, n: 1, chunks: [.init(UnnumberedChunk(stream: .stdout, text: "what?\n", times: LineTimes()))]))
        try write(.stdout, "a\n")
        let end = await ended(shipper())
        guard case .rejected(.diverged) = end else { Issue.record("\(end)"); return }
    }

    @Test func reportsMissingCapture() async throws {
        try Posix.remove(folder.order)
        let end = await ended(shipper())
        guard case .unreadable = end else { Issue.record("\(end)"); return }
    }
}

@Suite struct StoredPrefixTests {
    @Test func aCutInsideAChunkKeepsLinesAndTimes() {
        var times = LineTimes()
        for line in 1...3 { times.append(lines: 1, at: Timestamp(milliseconds: Int64(line))) }
        let chunk = UnnumberedChunk(stream: .stdout, text: "a\r\nb\nc\n", continued: true, times: times)
        func rest(_ stored: Int64) -> [Line] {
            var prefix = StoredPrefix(["STDOUT": stored, "STDERR": 0])
            return prefix.split([chunk]).rest.lines
        }
        let lines = [chunk].lines
        #expect(rest(0) == lines)
        #expect(rest(3) == Array(lines[1...]))
        #expect(rest(5) == Array(lines[2...]))
        #expect(rest(1) == [Line(stream: .stdout, text: "\r", at: 1, continued: true)] + lines[1...])
        #expect(rest(7).isEmpty)
    }
}
