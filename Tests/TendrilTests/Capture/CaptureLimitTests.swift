import Domain
import SystemCalls
import Testing
import Wire

@testable import Tendril

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What happens to a capture that nobody takes while the engine goes on.
@Suite struct CaptureBoundTests {
    private let scratch: Scratch
    private let folder: JobFolder
    private let sink = FakeSink()
    private let bound = CaptureLimit(bytes: 1 << 20)

    init() throws {
        scratch = try Scratch()
        folder = try scratch.job()
    }

    private func shipper(secrets: [String] = []) -> LogShipper {
        LogShipper(folder: folder, epoch: 3, masker: Masker(secrets: secrets), sink: sink)
    }

    private func write(_ lines: ClosedRange<Int>, of stream: LogStream = .stdout) throws {
        var captured = Captured()
        captured.append(stream, lines.map { "line \($0) \(String(repeating: "x", count: 90))\n" }.joined())
        try captured.write(to: folder)
    }

    /// Blocks that the stream has on the disk.
    private func blocks() -> Int {
        var status = stat()
        return stat(folder.capture(of: .stdout), &status) == 0 ? Int(status.st_blocks) : -1
    }

    @Test func dropsTheMiddle() {
        #expect(bound.gap(read: 0, size: 512 << 10, pending: nil) == nil)
        let gap = bound.gap(read: 1000, size: 2_000_000, pending: nil)
        #expect(gap?.lowerBound == 1000 + (128 << 10) && gap?.upperBound == 2_000_000 - (256 << 10))
        // It grows with the stream, and begins where it began.
        #expect(bound.gap(read: 1000, size: 2_000_001, pending: gap) == nil)
        let grown = bound.gap(read: 1000, size: 3_000_000, pending: gap)
        #expect(grown?.lowerBound == gap?.lowerBound && grown?.upperBound == 3_000_000 - (256 << 10))
    }

    @Test func freesDiskAtLimitAndLogsGap() async throws {
        sink.hold()
        let first = shipper()
        let task = Task { await first.run() }
        try write(1...10)
        try await eventually("the first append") { sink.waiting == 1 }
        try write(11...60_000)
        let before = blocks()
        await first.enforceLimit(bound)
        // 6 MB became the 384 KiB that the stream may keep, and what was read already.
        #expect(blocks() < before / 4)
        try write(60_001...70_000)
        await first.enforceLimit(bound)
        try write(70_001...70_010)
        let gaps = try CaptureGaps.load(folder)
        #expect(gaps.ranges[.stdout]?.count == 1 && gaps.bytes > 6_000_000)
        sink.release()
        first.close()
        #expect(await task.value == .complete)
        let text = sink.text(of: .stdout)
        let numbers = text.split(separator: "\n").compactMap { Int($0.split(separator: " ").dropFirst().first ?? "") }
        #expect(numbers.first == 1 && numbers.last == 70_010 && numbers.count < 20_000)
        #expect(!text.contains("\0") && zip(numbers, numbers.dropFirst()).count { $1 != $0 + 1 } == 1)
        #expect(sink.text(of: .system).contains("bytes of STDOUT are missing here"))
        // The same comes out of it whoever reads it again, and the closing says that it is not whole.
        let result = try CaptureDigest.compute(folder, masker: Masker(secrets: []))
        let (digest, lost, givenUp) = (result.digest, result.lost, result.givenUp)
        #expect(digest.streams[.stdout]?.bytes == Int64(text.utf8.count) && lost == 0 && givenUp == gaps.bytes)
        let closing = await JobLog(folder: folder, epoch: 3, secrets: [], sink: sink).finish()
        #expect(closing.incomplete?.contains("dropped at the Tendril's disk limit") == true)
    }

    /// A Tendril that comes back leaves out what the one before it left out.
    @Test func aRestartKeepsTheGap() async throws {
        try write(1...30_000)
        let first = shipper()
        await first.enforceLimit(bound)
        let gaps = try CaptureGaps.load(folder)
        try write(30_001...60_000)
        let second = shipper()
        second.close()
        #expect(await second.run() == .complete)
        await second.enforceLimit(bound)
        #expect(try CaptureGaps.load(folder) == gaps)
        #expect(sink.text(of: .stdout).hasSuffix("\n") && sink.text(of: .stdout).contains("line 60000 "))
        sink.keepFirst(1)
        let third = shipper()
        third.close()
        #expect(await third.run() == .complete)
        let digest = try CaptureDigest.compute(folder, masker: Masker(secrets: [])).digest
        #expect(digest.streams[.stdout]?.bytes == Int64(sink.text(of: .stdout).utf8.count))
    }

    @Test func masksSecretCutByGap() {
        let secret = "hunter2-hunter3"
        for cut in 1..<secret.count {
            var pipeline = LinePipeline(masker: Masker(secrets: [secret]))
            let moment = Timestamp(milliseconds: 0)
            func take(_ text: Substring, _ stream: LogStream = .stdout) {
                Array(text.utf8).withUnsafeBufferPointer { pipeline.take($0, of: stream, at: moment) }
            }
            take("a \(secret.prefix(cut))")
            pipeline.skip(0..<10, of: .stdout, at: moment)
            take("\(secret.dropFirst(cut)) b\nnext\n")
            pipeline.finish()
            let text = pipeline.takeChunks().text(of: .stdout)
            #expect(text.hasSuffix("\nnext\n") && !text.contains(secret.suffix(6)), "\(text)")
            #expect(!text.contains(secret.prefix(6)) && !text.contains(" b"), "\(text)")
        }
    }
}

@Suite struct UnfinishedResourcesTests {
    @Test func findsUnfinishedResources() throws {
        let scratch = try Scratch()
        let folder = try scratch.job()
        let text = """
            \u{1b}[0m\u{1b}[1mterraform_data.first: Creating...\u{1b}[0m\u{1b}[0m
            \u{1b}[0m\u{1b}[1mterraform_data.first: Creation complete after 0s [id=1]\u{1b}[0m
            aws_instance.web["a b"]: Modifying... [id=i-1]
            module.db.aws_db_instance.main: Destroying... [id=x]
            terraform_data.slow: Provisioning with 'local-exec'...
            terraform_data.slow: Creating...
            terraform_data.slow (local-exec): it says: Creating...
            module.db.aws_db_instance.main: Destruction complete after 9m
            terraform_data.slow: Creating...
            """
        try OpenFile(folder.capture(of: .stdout), .append).append(Array(text.utf8))
        #expect(UnfinishedResources.find(in: folder) == ["aws_instance.web[\"a b\"]", "terraform_data.slow"])
    }
}
