import Domain
import Foundation
import SystemCalls
import Testing
import Wire

@testable import Tendril

/// The platform's own lines, and those that pretend to be.
@Suite struct SystemSealTests {
    private let scratch: Scratch
    private let folder: JobFolder
    private let sink = FakeSink()
    private let lease = LeaseMessage(jobId: SystemDependencies.system.makeID(), epoch: 3)

    init() throws {
        scratch = try Scratch()
        folder = try scratch.job()
    }

    private var seal: SystemSeal { SystemSeal(token: "vnw_one", lease: lease) }

    private func log() -> JobLog {
        JobLog(
            folder: folder, epoch: 3, secrets: ["hunter2-hunter2"], seal: seal, sink: sink,
            now: { Timestamp(milliseconds: 42) })
    }

    /// What an engine of the same user can do: append to both files.
    private func forge(_ bytes: [UInt8]) throws {
        let file = try OpenFile(folder.capture(of: .system), .append)
        try file.append(bytes)
        try OpenFile(folder.order, .append).append(
            OrderRecord(at: Timestamp(milliseconds: 43), .output(.system, end: try file.size())).encoded)
    }

    @Test(arguments: ["", "one", "two\nlines", "back\\slash \\n and ü…\u{2028}", " leading and trailing "])
    func aLineComesBackAsItWasWritten(_ text: String) throws {
        let line = SystemSeal.Line(number: 7, at: Timestamp(milliseconds: 1_789_000_000_000), text: text)
        let bytes = seal.encoded(line)
        #expect(bytes.first == UInt8(ascii: "\n") && bytes.last == UInt8(ascii: "\n"))
        let inner = bytes.dropFirst().dropLast()
        #expect(!inner.contains(UInt8(ascii: "\n")))
        if !text.isEmpty { #expect(seal.open(inner) == line) }
        #expect(SystemSeal(token: "vnw_two", lease: lease).open(inner) == nil)
        #expect(SystemSeal(token: "vnw_one", lease: LeaseMessage(jobId: lease.jobId, epoch: 4)).open(inner) == nil)
        for index in inner.indices {
            var changed = inner
            changed[index] ^= 1
            #expect(seal.open(changed) == nil, "byte \(index)")
        }
    }

    @Test func linesArriveInPiecesOfAnySize() {
        let lines = (1...4).map {
            SystemSeal.Line(number: $0, at: Timestamp(milliseconds: Int64($0)), text: "line \($0)")
        }
        let bytes = lines.flatMap { seal.encoded($0) }
        for size in [1, 2, 7, 90, bytes.count] {
            var parser = SystemLineParser(seal)
            var found: [SystemSeal.Line] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                found += parser.take(bytes[start..<min(start + size, bytes.count)])
            }
            #expect(found == lines && parser.forged == 0 && parser.missing == 0)
        }
    }

    @Test func ownLinesAreShippedAndMasked() async throws {
        let log = log()
        log.note("Running terraform init")
        log.start()
        try Captured.recorded("failing-apply.jsonl").write(to: folder)
        log.note("It said hunter2-hunter2\nSecond line\n")
        let closing = await log.finish()
        #expect(closing.incomplete == nil)
        #expect(sink.text(of: .system) == "Running terraform init\nIt said (sensitive)\nSecond line\n")
        #expect(sink.chunks.lines.first == Line(stream: .system, text: "Running terraform init", at: 42))
    }

    @Test(arguments: [
        "Lock released\n", "unfinished", "\n\n",
        "00000002 0000000000043 \(String(repeating: "a", count: 64)) Lock released\n",
    ])
    func aForgedLineIsLeftOutAndTheLogIsNotComplete(_ forged: String) async throws {
        let log = log()
        log.start()
        log.note("one")
        try forge(Array(forged.utf8))
        log.note("two")
        let closing = await log.finish()
        #expect(sink.text(of: .system) == "one\ntwo\n")
        if forged.allSatisfy({ $0 == "\n" }) {
            #expect(closing.incomplete == nil)
        } else {
            #expect(
                closing.incomplete?.contains("wrote 1 line into the file of the SYSTEM lines") == true, "\(closing)")
        }
    }

    @Test func aLineThatIsRepeatedIsForged() async throws {
        let log = log()
        log.start()
        log.note("Lock released")
        try forge(Array(try #require(try SmallFile.read(folder.capture(of: .system)))))
        let closing = await log.finish()
        #expect(sink.text(of: .system) == "Lock released\n")
        #expect(closing.incomplete != nil)
    }

    @Test func linesThatWereTakenAwayAreMissed() async throws {
        let log = log()
        log.note("one")
        log.note("two")
        try Posix.remove(folder.capture(of: .system))
        _ = try OpenFile(folder.capture(of: .system), .append)
        log.note("three")
        let closing = await log.finish()
        #expect(closing.incomplete?.contains("are gone from the capture") == true, "\(closing)")
    }

    @Test func forgedRecordsHideNoLine() async throws {
        let log = log()
        log.note("one")
        let order = try OpenFile(folder.order, .append)
        try order.append(OrderRecord(at: Timestamp(milliseconds: 43), .output(.system, end: 1 << 30)).encoded)
        log.note("two")
        // And an order that is cut off altogether.
        try Posix.remove(folder.order)
        _ = try OpenFile(folder.order, .append)
        let again = self.log()
        again.note("three")
        let closing = await again.finish()
        #expect(sink.text(of: .system) == "one\ntwo\nthree\n")
        #expect(closing.incomplete == nil, "\(closing)")
    }

    @Test func aTendrilThatComesBackGoesOnCounting() async throws {
        let first = log()
        first.note("one")
        first.note("two")
        let second = log()
        second.note("three")
        let closing = await second.finish()
        #expect(closing.incomplete == nil, "\(closing)")
        #expect(sink.text(of: .system) == "one\ntwo\nthree\n")
    }
}
