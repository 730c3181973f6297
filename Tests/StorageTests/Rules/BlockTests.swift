import Domain
import Foundation
import Testing

@testable import Storage

/// Blocks of a log: every byte comes back, and damage is an error, never a crash.
@Suite struct BlockTests {
    private static let job = JobID(randomBytes: [UInt8](repeating: 7, count: 16))

    private func chunks() -> [LogChunk] {
        var line: Int64 = 101
        return (0..<40).map { n in
            let draft = LogCompactionTests.chunk(n)
            let count = ChunkText.lineCount(of: draft.text)
            defer { line += Int64(count) }
            return LogChunk(
                id: Int64(n * n + 5), job: Self.job, epoch: n < 20 ? 1 : 2, seq: Int64(n + 11), firstLine: line,
                lineCount: count, stream: draft.stream, text: draft.text, continued: draft.continued,
                times: draft.times, createdAt: StoreFixture.at(Int64(n) - 3))
        }
    }

    private let start = LogBlock.End(seq: 10, bytes: 900, linesByStream: [.stdout: 60, .system: 40])

    @Test func roundTripsEveryByte() throws {
        let chunks = chunks()
        var end = start
        let (block, marks) = try LogBlock.compress(chunks, &end)
        #expect(try block.chunks(of: Self.job, after: start) == chunks)
        #expect(end.seq == 50 && end.lines == chunks.last?.lastLine)
        #expect(end.bytes == 900 + Int64(chunks.reduce(0) { $0 + $1.text.utf8.count }))
        #expect(marks.filter { $0.kind == .error }.count == 5 && marks.filter { $0.kind == .warning }.count == 5)
        #expect(try [DiagnosticLine](encoded: marks.encoded(from: 100), from: 100) == marks)
        var state = TextState.start
        _ = state.lines(of: chunks)
        #expect(end.state == state)
        #expect(try TextState(encoded: state.encoded).streams.filter { $0.value != .init() } == state.streams)
        let visible = String(decoding: try block.visibleText(), as: UTF8.self)
        #expect(visible.contains("\nstill\nplain\n") && !visible.contains("\u{1b}"))
    }

    @Test func aWholeLineThatWasOverwrittenIsKept() throws {
        let text = "abcdef\rXY\u{8}Z\n\r\r\n\u{1b}[31m\r\u{1b}[0m\n"
        let chunk = LogChunk(
            id: 1, job: Self.job, epoch: 1, seq: 1, firstLine: 1, lineCount: 3, stream: .stdout, text: text,
            continued: false, times: LineTimes(), createdAt: StoreFixture.at(0))
        var end = LogBlock.End.start
        let (block, _) = try LogBlock.compress([chunk], &end)
        #expect(try block.chunks(of: Self.job, after: .start) == [chunk])
        #expect(try block.visibleText() == Array("XZcdef\n\n\n".utf8))
    }

    @Test func damagedBlockThrows() throws {
        let chunks = chunks()
        var end = start
        let (block, _) = try LogBlock.compress(chunks, &end)
        for index in block.rest.indices {
            var damaged = block
            damaged.rest[index] ^= 0x55
            // The frame's own checksum finds nearly all; what it does not cover must not change what is read.
            if let read = try? damaged.chunks(of: Self.job, after: start) { #expect(read == chunks, "byte \(index)") }
        }
        #expect(throws: StorageError.self) {
            try LogBlock(text: block.text.prefix(20), rest: block.rest).chunks(of: Self.job, after: start)
        }
        #expect(throws: StorageError.self) { try LogBlock(text: Data(), rest: Data()).visibleText() }
        #expect(throws: StorageError.self) { try TextState(encoded: Data([1, 2, 3])) }
    }

    @Test func rejectsOversizedFrame() throws {
        let packed = try Zstd.compress([UInt8](repeating: 0, count: 1000))
        #expect(try Zstd.decompress(packed, limit: 1000).count == 1000)
        #expect(throws: StorageError.self) { try Zstd.decompress(packed, limit: 999) }
    }
}
