import Crypto
import Domain
import SystemCalls
import Testing

@testable import Tendril

@Suite struct CaptureReaderTests {
    private func read(_ folder: JobFolder, budget: Int) throws -> (chunks: [UnnumberedChunk], steps: Int, lost: Int64) {
        var reader = CaptureReader(folder)
        var pipeline = LinePipeline(masker: Masker(patterns: []))
        var chunks: [UnnumberedChunk] = []
        var steps = 0
        while try reader.step(into: &pipeline, budget: budget) {
            let step = pipeline.takeChunks()
            // What was asked for, and what stood unfinished.
            #expect(step.reduce(0) { $0 + $1.text.utf8.count } <= budget + 64 << 10)
            chunks += step
            steps += 1
        }
        pipeline.finish()
        return (chunks + pipeline.takeChunks(), steps, reader.lost)
    }

    @Test func readsInStepsWhatThePipelineMakesOfTheWhole() throws {
        let scratch = try Scratch()
        let folder = try scratch.job()
        var captured = try Captured.recorded("failing-apply.jsonl")
        captured.append(.stdout, String(repeating: "0123456789\n", count: 40_000), at: 9000)
        captured.events.append(.idle(at: 9999))
        captured.append(.system, "done\n", at: 10_000)
        try captured.write(to: folder)
        let whole = captured.chunks().lines
        for budget in [1000, 50_000] {
            let result = try read(folder, budget: budget)
            #expect(result.chunks.lines == whole)
            #expect(result.steps > 3)
            #expect(result.lost == 0)
        }
    }

    @Test func readsGrowingCapture() throws {
        let scratch = try Scratch()
        let folder = try scratch.job()
        var reader = CaptureReader(folder)
        var pipeline = LinePipeline(masker: Masker(patterns: []))
        #expect(try !reader.step(into: &pipeline))
        var first = Captured()
        first.append(.stdout, "half a ", at: 1)
        try first.write(to: folder)
        #expect(try reader.step(into: &pipeline))
        #expect(pipeline.takeChunks().isEmpty)
        // Bytes without a record are not there yet.
        try OpenFile(folder.capture(of: .stdout), .append).append(Array("line\nmore".utf8))
        #expect(try !reader.step(into: &pipeline))
        let record = OrderRecord(at: Timestamp(milliseconds: 5), .output(.stdout, end: 12)).encoded
        try OpenFile(folder.order, .append).append(Array(record[..<10]))
        #expect(try !reader.step(into: &pipeline))
        try OpenFile(folder.order, .append).append(Array(record[10...]))
        #expect(try reader.step(into: &pipeline))
        #expect(pipeline.takeChunks().map(\.text) == ["half a line\n"])
    }

    @Test func countsLostBytes() throws {
        let scratch = try Scratch()
        let folder = try scratch.job()
        var captured = Captured()
        captured.append(.stdout, "kept\n")
        try captured.write(to: folder)
        try OpenFile(folder.order, .append).append(
            OrderRecord(at: Timestamp(milliseconds: 1), .output(.stdout, end: 105)).encoded)
        let result = try read(folder, budget: 1000)
        #expect(result.chunks.map(\.text) == ["kept\n"])
        #expect(result.lost == 100)
    }

    @Test func theDigestIsThatOfTheText() throws {
        let scratch = try Scratch()
        let folder = try scratch.job()
        let captured = try Captured.recorded("failing-apply.jsonl")
        try captured.write(to: folder)
        let masker = Masker(secrets: ["db-primary:5432"])
        let chunks = captured.chunks(masker: masker)
        let digest = try CaptureDigest.compute(folder, masker: masker).digest
        #expect(Set(digest.streams.keys) == [.stdout, .stderr])
        for (stream, part) in digest.streams {
            let text = Array(chunks.text(of: stream).utf8)
            #expect(part.bytes == Int64(text.count))
            #expect(
                part.sha256
                    == SHA256.hash(data: text).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined())
        }
    }
}
