import Domain
import Foundation
import Testing
import Wire

@testable import Trellis

/// The log by lines: windows, rows of some streams, styles, marks, folds and ranges of text.
@Suite struct LineWindowTests {
    /// A running job with 30 lines: line 1 is a note, then by turns two of STDOUT and one of STDERR.
    private func withLog(_ body: @Sendable (API, String) async throws -> Void) async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let tendril = try await api.makeTendril()
            _ = try await api.makeJob(on: vine.id)
            let order = try await tendril.claim()
            #expect(try await tendril.report(order, API.start).status == 200)
            for n in 0..<10 {
                _ = try await tendril.append(order, n: 2 * n + 1, "out \(n)a\nout \(n)b\n")
                _ = try await tendril.append(order, n: 2 * n + 2, "err \(n)\n", stream: "STDERR")
            }
            try await body(api, "/api/jobs/\(order.jobId)/logs")
        }
    }

    private func window(_ api: API, _ path: String) async throws -> LineWindowResponse {
        try await api.get(path).decode(LineWindowResponse.self)
    }

    @Test func returnsTail() async throws {
        try await withLog { api, logs in
            let size = try await window(api, "\(logs)/lines?from=1&count=1")
            let tail = try await window(api, "\(logs)/lines?tail=4")
            #expect(tail.lines.map(\.text) == ["err 8", "out 9a", "out 9b", "err 9"])
            #expect(tail.total == size.total && tail.from == tail.total - 3)
            #expect(tail.row == tail.total - 4 && tail.rows == tail.total)
            #expect(tail.counts["STDERR"] == 10 && tail.counts["STDOUT"] == 20)
            #expect(tail.logState == "OPEN")
            let page = try await api.get("\(logs)?after=\(tail.seq)").decode(LogPageResponse.self)
            #expect(page.chunks.isEmpty)
            #expect(try await window(api, "\(logs)/lines?tail=5000").lines.count == Int(tail.total))
            #expect(try await window(api, "\(logs)/lines?from=\(tail.total + 5)").lines.isEmpty)
        }
    }

    @Test func rowsCountOnlyTheLinesThatAreShown() async throws {
        try await withLog { api, logs in
            let some = try await window(api, "\(logs)/lines?row=3&count=3&streams=STDERR")
            #expect(some.lines.map(\.text) == ["err 3", "err 4", "err 5"])
            #expect(some.row == 3 && some.rows == 10)
            let from = try await window(api, "\(logs)/lines?from=\(some.from)&count=2&streams=STDERR")
            #expect(from.lines.map(\.text) == ["err 3", "err 4"] && from.row == 3)
            let next = try await window(api, "\(logs)/lines?from=\(some.from + 1)&count=1&streams=STDERR")
            #expect(next.lines.map(\.text) == ["err 4"] && next.row == 4)
            let last = try await window(api, "\(logs)/lines?tail=2&streams=STDOUT")
            #expect(last.lines.map(\.text) == ["out 9a", "out 9b"] && last.row == 18)
            #expect(try await window(api, "\(logs)/lines?row=10&streams=STDERR").lines.isEmpty)
        }
    }

    @Test func stylesMarksAndTheStateAtTheEnd() async throws {
        try await TrellisHarness.run { _, api async throws in
            let (tendril, order) = try await LogsTests().running(api)
            let logs = "/api/jobs/\(order.jobId)/logs"
            _ = try await tendril.append(order, n: 1, "é\u{1b}[1mbold\nstill\n\u{1b}[0m╷\n│ Error: broken\n")
            let all = try await window(api, "\(logs)/lines?styles=1").lines.suffix(4)
            #expect(all.map(\.text) == ["ébold", "still", "╷", "│ Error: broken"])
            #expect(all.map(\.runs) == [[1, "//1"], [0, "//1"], nil, nil])
            #expect(all.map(\.mark) == [nil, nil, .error, .error] && all.last?.head == true)
            let from = all.first?.n ?? 0
            // A window that begins in the middle knows the colours of what came before.
            let middle = try await window(api, "\(logs)/lines?from=\(from + 1)&count=1&styles=1")
            #expect(middle.lines.map(\.runs) == [[0, "//1"]] && middle.ends == nil)
            #expect(try await window(api, "\(logs)/lines?from=\(from)").lines.allSatisfy { $0.runs == nil })
            _ = try await tendril.append(order, n: 2, "\u{1b}[31mred\u{1b}[3")
            let end = try await window(api, "\(logs)/lines?tail=1&styles=1").ends?["STDOUT"]
            #expect(end?.style == "1//0" && end?.rest == "\u{1b}[3" && end?.box == nil)
            let outline = try await api.get("\(logs)/outline").decode(LogOutlineResponse.self)
            #expect(outline.errors == [from + 3] && outline.warnings.isEmpty && !outline.capped)
        }
    }

    @Test func longLinesAreFolded() async throws {
        try await TrellisHarness.run { _, api async throws in
            let (tendril, order) = try await LogsTests().running(api)
            let logs = "/api/jobs/\(order.jobId)/logs"
            for (n, text) in [String(repeating: "x", count: 4096), String(repeating: "🍇", count: 2049)].enumerated() {
                _ = try await tendril.append(order, n: n + 1, text + "\n")
            }
            let folded = try await window(api, "\(logs)/lines?tail=2&styles=1").lines
            #expect(folded.map(\.length) == [nil, 4098])
            #expect(folded.map { $0.text.utf16.count } == [4096, 4096])
            let whole = try await window(api, "\(logs)/lines?tail=1&styles=1&fold=0").lines
            #expect(whole.map { $0.text.utf16.count } == [4098] && whole[0].length == nil)
            // So they are unless whole lines are asked for, and then there are fewer.
            #expect(try await window(api, "\(logs)/lines?tail=2").lines.map(\.length) == [nil, 4098])
            #expect(try await api.get("\(logs)/lines?tail=101&fold=0").status == 400)
            #expect(try await api.get("\(logs)/lines?count=101&fold=0").status == 400)
            #expect(try await api.get("\(logs)/lines?count=100&fold=0").status == 200)
        }
    }

    @Test func aRangeIsGivenAsText() async throws {
        try await withLog { api, logs in
            let first = try await window(api, "\(logs)/lines?row=0&count=1&streams=STDOUT").from
            let text = try await api.get("\(logs)?format=text&ansi=0&from=\(first + 1)&to=\(first + 3)").text
            #expect(text == "out 0b\nerr 0\nout 1a\n")
            let errors = try await api.get("\(logs)?format=text&from=\(first)&to=\(first + 5)&streams=STDERR").text
            #expect(errors == "err 0\nerr 1\n")
            #expect(try await api.get("\(logs)?format=text&from=5&to=4").status == 400)
            #expect(try await api.get("\(logs)?format=text&from=100000").text.isEmpty)
        }
    }

    @Test(arguments: [
        "from=0", "row=-1", "tail=0", "tail=5001", "count=0", "count=5001", "streams=stdout", "streams=,",
    ])
    func rejectsInvalidParameters(query: String) async throws {
        try await withLog { api, logs in
            let reply = try await api.get("\(logs)/lines?\(query)")
            #expect(reply.status == 400 && reply.error != nil, "\(query)")
        }
    }
}
