import Domain
import Testing

@testable import Tendril

@Suite struct DiagnosticReaderTests {
    private func read(_ text: String, first: Int64? = 1) -> [ReadDiagnostic] {
        var reader = DiagnosticReader()
        var found: [ReadDiagnostic] = []
        for (index, line) in ChunkText.lines(of: text).enumerated() {
            found += Array(line.utf8).withUnsafeBufferPointer {
                reader.take($0, number: first.map { $0 + Int64(index) })
            }
        }
        if let last = reader.finish() { found.append(last) }
        return found
    }

    @Test func aFramedErrorWithColors() throws {
        let text = """
            db: Creating...
            \u{1b}[31m╷\u{1b}[0m\u{1b}[0m
            \u{1b}[31m│\u{1b}[0m \u{1b}[0m\u{1b}[1m\u{1b}[31mError: \u{1b}[0m\u{1b}[0m\u{1b}[1mcreating RDS DB Instance (shop): NotEnoughAZs\u{1b}[0m
            \u{1b}[31m│\u{1b}[0m \u{1b}[0m
            \u{1b}[31m│\u{1b}[0m \u{1b}[0m\u{1b}[0m  with module.db.aws_db_instance.main["a b"],
            \u{1b}[31m│\u{1b}[0m \u{1b}[0m  on modules/db/main.tf line 42, in resource "aws_db_instance" "main":
            \u{1b}[31m│\u{1b}[0m \u{1b}[0m  42: resource "aws_db_instance" "main" \u{1b}[4m{\u{1b}[0m\u{1b}[0m
            \u{1b}[31m│\u{1b}[0m \u{1b}[0m
            \u{1b}[31m│\u{1b}[0m \u{1b}[0mAdd subnets.
            \u{1b}[31m╵\u{1b}[0m\u{1b}[0m
            done
            """
        let found = try #require(read(text, first: 411).first)
        #expect(read(text).count == 1)
        #expect(found.severity == .error)
        #expect(found.number == 413)
        #expect(found.plain.summary == "creating RDS DB Instance (shop): NotEnoughAZs")
        #expect(found.plain.address == "module.db.aws_db_instance.main[\"a b\"]")
        #expect(found.plain.file == "modules/db/main.tf" && found.plain.line == 42)
        #expect(found.plain.detail == ["Add subnets."])
    }

    @Test func severalOnesAndBareOnes() {
        let text = """
            ╷
            │ Warning: old
            │
            │ w
            ╵
            ╷
            │ Error: first
            ╵
            ╷
            │ not a diagnostic
            ╵
            Error: bare

              on a.tf line 1:

            because
            Error: last
            """
        let found = read(text)
        #expect(found.map(\.severity) == [.warning, .error, .error, .error])
        #expect(found.map(\.plain.summary) == ["old", "first", "bare", "last"])
        #expect(found.map(\.number) == [2, 7, 12, 17])
        #expect(found[2].plain.file == "a.tf" && found[2].plain.detail == ["because"])
        #expect(read("│ Error: x\n", first: nil).first?.number == nil)
    }

    @Test func whatIsNoneIsNotRead() {
        #expect(read("a.b (local-exec): Error: no\n  Error: indented\nErrors: 3\nWarning:\n").isEmpty)
    }

    @Test func diagnosticsInJSONAreReadToo() throws {
        let line = #"{"type":"diagnostic","diagnostic":{"severity":"error","summary":"s3 denied","address":"a.b"}}"#
        let found = read("│ Error: open\n\(line)\n{\"type\":\"x\"}\n{\"diagnostic\": 3\n")
        #expect(found.map(\.plain.summary) == ["open", "s3 denied"] && found.map(\.number) == [1, 2])
        #expect(found.last?.plain.address == "a.b")
    }

    @Test func theSameWordsHaveOneDigest() {
        let found = read("│ Error: a\n│ b\n╵\n\u{1b}[31m│\u{1b}[0m Error: a\n│ b\n╵\n│ Error: a\n│ c\n╵\n")
        #expect(found.count == 3 && found[0].digest == found[1].digest && found[1].digest != found[2].digest)
        #expect(read("│ Warning: w\n│ (and 3 more similar warnings elsewhere)\n").first?.similar == 3)
    }

    @Test func aLineThatWasCutIsJoined() {
        var reader = DiagnosticReader()
        for (line, continued) in [("│ Error: the dat", false), ("abase is down", true), ("│ ", false), ("│ x", false)] {
            _ = Array(line.utf8).withUnsafeBufferPointer { reader.take($0, number: nil, continued: continued) }
        }
        #expect(reader.finish()?.plain.summary == "the database is down")
        #expect(reader.finish() == nil)
    }

    @Test func whatIsKeptOfOneIsBounded() throws {
        let line = String(repeating: "y", count: 1000)
        let long = "│ Error: x\n" + String(repeating: "│ \(line)\n", count: 100) + "╵\n│ Error: next\n"
        let found = read(long)
        #expect(found.map(\.plain.summary) == ["x", "next"])
        #expect(found[0].plain.detail.joined().utf8.count <= DiagnosticReader.keptBytes)
        #expect(found[0].plain.detail.joined().utf8.count > DiagnosticReader.keptBytes - 2000)
        // Without a frame, the rest of the stream is not part of it.
        let bare = "Error: x\n" + String(repeating: "y\n", count: 1000)
        #expect(read(bare).first?.plain.detail.count == DiagnosticReader.maximumBareLines - 1)
        // A summary of any length is kept up to the limit of a line.
        #expect(read("Error: " + String(repeating: "z", count: 300_000)).isEmpty)
    }
}

extension ReadDiagnostic {
    fileprivate var plain: DiagnosticText { text(Masker(secrets: [])) }
}
