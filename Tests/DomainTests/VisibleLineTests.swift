import Domain
import Foundation
import Testing

/// The page and the server must parse lines identically: both pass `Tests/Fixtures/log-text.json` (see
/// `Browser/test_modules.py`). Marks with "!" are heads.
@Suite struct VisibleLineTests {
    struct Cases: Decodable {
        struct Lines: Decodable {
            struct Line: Decodable {
                var raw: String
                var continued: Bool

                init(from decoder: any Decoder) throws {
                    var parts = try decoder.unkeyedContainer()
                    raw = try parts.decode(String.self)
                    continued = try parts.decode(Bool.self)
                }
            }

            var name: String
            var lines: [Line]
            var shown: [[String]]
        }

        struct Marks: Decodable {
            var name: String
            var lines: [String]
            var marks: [String?]
        }

        var ansi: [Lines]
        var marks: [Marks]

        static func read() throws -> Cases {
            let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appendingPathComponent("../Fixtures/log-text.json")
            return try JSONDecoder().decode(Cases.self, from: Data(contentsOf: file))
        }
    }

    @Test func matchesPageRendering() throws {
        let cases = try Cases.read().ansi
        #expect(cases.count > 40)
        for item in cases {
            var parser = LineParser()
            var line = VisibleLine()
            let shown = item.lines.map { raw in
                var text = raw.raw
                text.withUTF8 { parser.parse($0, continued: raw.continued, into: &line) }
                let visible = String(decoding: line.text, as: UTF8.self)
                let runs = line.runs.map { run in
                    "\(String(decoding: line.text[..<run.offset], as: UTF8.self).utf16.count):\(run.style.key)"
                }
                return [visible, runs.joined(separator: " ")]
            }
            #expect(shown == item.shown, "\(item.name)")
        }
    }

    @Test func matchesPageDiagnostics() throws {
        let cases = try Cases.read().marks
        #expect(cases.count > 8)
        for item in cases {
            var marker = DiagnosticMarker()
            var marks: [String?] = []
            for line in item.lines {
                let mark = marker.mark(line: Array(line.utf8))
                for index in (marks.count - mark.earlierLines)..<marks.count { marks[index] = mark.kind?.rawValue }
                marks.append(mark.kind.map { $0.rawValue + (mark.isHead ? "!" : "") })
            }
            #expect(marks == item.marks, "\(item.name)")
        }
    }

    @Test func ignoresUnclosedBoxes() {
        var marker = DiagnosticMarker()
        _ = marker.mark(line: Array("╷".utf8))
        _ = marker.mark(line: Array("│ Error: x".utf8))
        for _ in 0..<3000 { _ = marker.mark(line: Array("│ on".utf8)) }
        #expect(marker.mark(line: Array("│ on".utf8)).kind == nil)
    }

    @Test func aStyleHasOneName() {
        let style = TextStyle(foreground: .indexed(9), background: .rgb(1, 171, 3), flags: [.bold, .inverse])
        #expect(style.key == "9/#01ab03/33")
        #expect(TextStyle(key: style.key) == style)
        #expect(TextStyle(key: TextStyle.plain.key) == .plain)
        for key in ["", "/", "///", "16//0", "#12//0", "#gggggg//0", "//64", "x//0"] {
            #expect(TextStyle(key: key) == nil, "\(key)")
        }
    }

    @Test func stylesDoNotLeakBetweenStreamsOrLeases() {
        var state = TextState.start
        var line = VisibleLine()
        var styles: [String] = []
        func read(_ stream: LogStream, _ text: String, epoch: Int) {
            let chunk = LogChunk(
                id: 1, job: JobID(randomBytes: Array(repeating: 1, count: 16)), epoch: epoch, seq: 1, firstLine: 1,
                lineCount: 1, stream: stream, text: text, continued: false, times: LineTimes(),
                createdAt: Timestamp(milliseconds: 0))
            state.read(chunk, into: &line) { _, _, line, _ in styles.append(line.runs.first?.style.key ?? "") }
        }
        read(.stdout, "\u{1b}[31mred\n", epoch: 1)
        read(.stderr, "plain\n", epoch: 1)
        read(.system, "a note\n", epoch: 0)
        read(.stdout, "still\n", epoch: 1)
        read(.stdout, "another engine\n", epoch: 2)
        #expect(styles == ["1//0", "", "", "1//0", ""])
    }
}
