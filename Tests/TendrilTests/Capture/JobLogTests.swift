import Crypto
import Domain
import SystemCalls
import Testing
import Wire

@testable import Tendril

@Suite struct JobLogTests {
    private let scratch: Scratch
    private let folder: JobFolder
    private let sink = FakeSink()

    init() throws {
        scratch = try Scratch()
        folder = try scratch.job()
    }

    private func log(secrets: [String] = []) -> JobLog {
        JobLog(folder: folder, epoch: 3, secrets: secrets, sink: sink, now: { Timestamp(milliseconds: 42) })
    }

    private func stored(_ stream: LogStream) -> LogDigest.Part? {
        let text = Array(sink.text(of: stream).utf8)
        guard !text.isEmpty else { return nil }
        let hash = SHA256.hash(data: text).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
        return LogDigest.Part(bytes: Int64(text.count), sha256: hash.joined())
    }

    @Test func theClosingNamesWhatIsStored() async throws {
        let log = log(secrets: ["password authentication"])
        log.note("Assuming IAM role…")
        log.start()
        try Captured.recorded("failing-apply.jsonl").write(to: folder)
        log.note("Terraform failed with password authentication.\nSecond line\n")
        let closing = await log.finish()
        #expect(closing.incomplete == nil)
        #expect(sink.text(of: .system) == "Assuming IAM role…\nTerraform failed with (sensitive).\nSecond line\n")
        #expect(sink.chunks.lines.first == Line(stream: .system, text: "Assuming IAM role…", at: 42))
        let digest = try #require(closing.digest)
        for stream in LogStream.allCases { #expect(digest.streams[stream] == stored(stream)) }
        #expect(digest.streams.count == 3)
        #expect(try #require(await log.diagnostics(errorsFrom: .init()).message).contains("FATAL:  (sensitive) failed"))
    }

    /// A token that the job got while its log was being shipped.
    @Test func whatIsHiddenLaterIsMaskedAndInTheDigest() async throws {
        let log = log(secrets: ["password authentication"])
        log.start()
        log.note("before")
        await log.hide(["eyJhbGci.eyJzdWIi.c2lnbmF0dXJl"])
        log.note("it is eyJhbGci.eyJzdWIi.c2lnbmF0dXJl, and password authentication")
        let closing = await log.finish()
        #expect(closing.incomplete == nil)
        #expect(sink.text(of: .system) == "before\nit is (sensitive), and (sensitive)\n")
        #expect(closing.digest?.streams[.system] == stored(.system))
        #expect(log.masker.mask("eyJhbGci.eyJzdWIi.c2lnbmF0dXJl") == "(sensitive)")
    }

    @Test func bytesThatNobodyRecordedAreShippedAtTheEnd() async throws {
        let log = log()
        log.start()
        try OpenFile(folder.capture(of: .stdout), .append).append(Array("unrecorded".utf8))
        let closing = await log.finish()
        #expect(closing.incomplete == nil)
        #expect(sink.text(of: .stdout) == "unrecorded")
    }

    @Test func anEmptyLogIsComplete() async throws {
        let closing = await log().finish()
        #expect(closing.incomplete == nil && closing.digest == LogDigest())
    }

    @Test func aRefusedLogIsIncompleteAndSaysWhy() async throws {
        let log = log()
        log.note("a")
        sink.fail(with: [LogSinkError.leaseLost])
        let closing = await log.finish()
        #expect(closing.incomplete?.contains("lease") == true)
        #expect(closing.digest != nil)
    }

    @Test func reportsLostBytes() async throws {
        try OpenFile(folder.order, .append).append(
            OrderRecord(at: Timestamp(milliseconds: 1), .output(.stderr, end: 7)).encoded)
        let closing = await log().finish()
        #expect(closing.incomplete == "7 bytes of the engine's output were lost on the Tendril's machine.")
    }

    @Test func reportsWriteFailure() async throws {
        try Posix.remove(folder.capture(of: .system))
        try Posix.makeFolder(folder.capture(of: .system))
        let log = log()
        log.note("a")
        #expect(await log.finish().incomplete?.contains("could not be written") == true)
    }

    @Test func resendsMissingText() async throws {
        let log = log()
        log.start()
        for count in 1...3 {
            log.note("line \(count)")
            try await eventually("line \(count)") { sink.appends.count == count }
        }
        #expect(await log.finish().incomplete == nil)
        #expect(await log.resend() == nil, "nothing is missing there")
        sink.keepFirst(1)
        let again = try #require(await log.resend())
        #expect(again.incomplete == nil && again.digest?.streams[.system] == stored(.system))
        #expect(sink.text(of: .system) == "line 1\nline 2\nline 3\n")
    }

    @Test func nextProcessResumesLog() async throws {
        let first = log()
        first.note("one")
        first.start()
        try await eventually("the first line") { sink.appends.count == 1 }
        await first.stop()
        #expect(await first.finish().incomplete != nil)
        let second = log()
        second.note("two")
        #expect(await second.finish().incomplete == nil)
        #expect(sink.text(of: .system) == "one\ntwo\n")
    }
}
