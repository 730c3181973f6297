import Domain
import Testing

@testable import Tendril

@Suite struct LinePipelineTests {
    private let limit = LogLimits.standard.chunkBytes

    @Test(arguments: ["failing-apply.jsonl", "small-plan.jsonl"])
    func recordedOutputComesOutAsItWentIn(_ name: String) throws {
        let captured = try Captured.recorded(name)
        let chunks = captured.chunks()
        for stream in [LogStream.stdout, .stderr] {
            #expect(Array(chunks.text(of: stream).utf8) == captured.bytes(of: stream))
        }
        #expect(chunks.lines.count > 40)
        #expect(chunks.allSatisfy { !$0.continued })
    }

    /// Output depends on the order, the bytes and the secrets, never on how reads were batched.
    @Test(arguments: ["failing-apply.jsonl", "small-plan.jsonl"])
    func outputIsIndependentOfBatching(_ name: String) throws {
        var captured = try Captured.recorded(name)
        var random = Seeded(3)
        // Edges inside UTF-8 characters, ANSI sequences and secrets, and lines cut by quiet.
        captured.append(.stdout, "\u{1b}[1m│ Grüße 🍇 db-primary:5432 hunter2-hunter3", at: 9000)
        captured.events.insert(.idle(at: 500), at: captured.events.count / 2)
        captured.events.append(.idle(at: 9500))
        captured.events.append(.output(.stderr, [0xff, 0xe2, 0x94, 0x0a, 0xf0, 0x9f], at: 9600))
        captured.append(.stdout, "2-hunter3\nend", at: 9800)
        let masker = Masker(secrets: ["hunter2-hunter3", "db-primary:5432", "password authentication"])
        let whole = captured.chunks(masker: masker)
        #expect(whole.text(of: .stdout).contains("(sensitive)"))
        #expect(!whole.contains { $0.text.contains("hunter2-hunter3") || $0.text.contains("db-primary:5432") })
        for round in 0..<15 {
            let largest = [1, 2, 7, 100, 5000][round % 5]
            let chunks = captured.chunks(
                masker: masker, piece: { .random(in: 1...largest, using: &random) },
                take: { .random(using: &random) })
            #expect(chunks.lines == whole.lines)
            for stream in LogStream.allCases { #expect(chunks.text(of: stream) == whole.text(of: stream)) }
        }
    }

    @Test(arguments: [1000, 65_535, 65_536, 65_537]) func batchingChangesNothingInLongLines(piece: Int) {
        var captured = Captured()
        captured.append(.stderr, "a ", at: 1)
        captured.append(.stdout, String(repeating: "0123456789│", count: 20_000), at: 2)
        captured.append(.stderr, "b\n", at: 3)
        captured.append(.stdout, "x\n", at: 4)
        #expect(captured.chunks(piece: { piece }, take: { true }).lines == captured.chunks().lines)
    }

    @Test func ordersLinesByTheirEnd() {
        var captured = Captured()
        captured.append(.stdout, "one\ntwo, first half ", at: 1)
        captured.append(.stderr, "error\n", at: 2)
        captured.append(.system, "note\n", at: 3)
        captured.append(.stdout, "and second\nthree\n", at: 4)
        #expect(
            captured.chunks().lines == [
                Line(stream: .stdout, text: "one", at: 1), Line(stream: .stderr, text: "error", at: 2),
                Line(stream: .system, text: "note", at: 3),
                Line(stream: .stdout, text: "two, first half and second", at: 4),
                Line(stream: .stdout, text: "three", at: 4),
            ])
    }

    @Test func idleMarkEmitsUnfinishedLine() {
        var captured = Captured()
        captured.append(.stdout, "Enter a value: ", at: 1)
        captured.events.append(.idle(at: 1001))
        captured.events.append(.idle(at: 2001))
        captured.append(.stdout, "yes\nnext\n", at: 3000)
        #expect(
            captured.chunks().lines == [
                Line(stream: .stdout, text: "Enter a value: ", at: 1001),
                Line(stream: .stdout, text: "yes", at: 3000, continued: true),
                Line(stream: .stdout, text: "next", at: 3000),
            ])
    }

    @Test func idleMarkHoldsBackPartialSecret() {
        var captured = Captured()
        captured.append(.stdout, "token: correct ho", at: 1)
        captured.events.append(.idle(at: 1001))
        captured.append(.stdout, "rse\n", at: 3000)
        let chunks = captured.chunks(masker: Masker(secrets: ["correct horse"]))
        #expect(
            chunks.lines == [
                Line(stream: .stdout, text: "token: ", at: 1001),
                Line(stream: .stdout, text: "(sensitive)", at: 3000, continued: true),
            ])
    }

    @Test func quietNeverCutsACharacter() {
        var captured = Captured()
        captured.events = [
            .output(.stdout, [0x61, 0xf0, 0x9f], at: 1), .idle(at: 2), .output(.stdout, [0x8d, 0x87], at: 3),
        ]
        #expect(captured.chunks().map(\.text) == ["a", "🍇"])
    }

    @Test func timesNeverDecrease() {
        var captured = Captured()
        captured.append(.stdout, "a\n", at: 5000)
        captured.append(.stdout, "b\n", at: 4000)
        #expect(captured.chunks().lines.map(\.at) == [5000, 5000])
    }

    @Test func chunksKeepToTheirLimit() {
        var captured = Captured()
        let line = String(repeating: "x", count: 99) + "\n"
        captured.append(.stdout, String(repeating: line, count: 3000))
        let chunks = captured.chunks()
        #expect(chunks.allSatisfy { $0.text.utf8.count <= limit && $0.text.hasSuffix("\n") })
        #expect(chunks.count == 5)
        #expect(chunks.allSatisfy { $0.times.lineCount == ChunkText.lineCount(of: $0.text) })
        #expect(chunks.text(of: .stdout) == String(repeating: line, count: 3000))
    }

    @Test func aLineOfTenMegabytesIsCutAtCharacters() throws {
        // The limit falls on the second byte of a character.
        let unit = String(repeating: "x", count: 31) + "│" + String(repeating: "y", count: 30)
        let text = String(repeating: "0", count: 32) + String(repeating: unit, count: (10 << 20) / 64) + "\nnext\n"
        var captured = Captured()
        captured.append(.stdout, text)
        let chunks = captured.chunks(piece: { 100_000 })
        try LogLimits(appendBytes: .max).check(chunks)
        #expect(chunks.text(of: .stdout) == text)
        let lines = chunks.lines
        #expect(lines.last == Line(stream: .stdout, text: "next"))
        #expect(!lines[0].continued && lines[0].text.utf8.count == 65_535)
        #expect(lines[1..<lines.count - 1].allSatisfy { $0.continued })
        #expect(!chunks.contains { $0.text.contains("\u{fffd}") })
    }

    @Test(arguments: [-1, 0, 1, 2]) func aLineAtTheLimit(beyond: Int) {
        // The line feed counts.
        let text = String(repeating: "y", count: limit - 1 + beyond) + "\n"
        var captured = Captured()
        captured.append(.stdout, text)
        let chunks = captured.chunks()
        #expect(chunks.map(\.text).joined() == text)
        #expect(chunks.map(\.continued) == (beyond <= 0 ? [false] : [false, true]))
        #expect(chunks.allSatisfy { $0.text.utf8.count <= limit })
    }

    @Test func theEndNeedsNoLineFeed() {
        var captured = Captured()
        captured.append(.stderr, "last words")
        captured.events.append(.output(.stdout, [0x61, 0xe2], at: 0))
        #expect(captured.chunks().map(\.text) == ["a\u{fffd}", "last words"])
    }
}
