import Domain
import Testing

@testable import Tendril

/// Which errors of a log are reported.
@Suite struct LogErrorsTests {
    private func read(_ chunks: [UnnumberedChunk], firstLine: Int64? = 1) -> LogErrors {
        var errors = LogErrors()
        var line = firstLine
        for chunk in chunks {
            errors.take(chunk, firstLine: line)
            line = line.map { $0 + Int64(ChunkText.lineCount(of: chunk.text)) }
        }
        errors.finish()
        return errors
    }

    private func chunk(_ stream: LogStream, _ text: String, continued: Bool = false) -> UnnumberedChunk {
        UnnumberedChunk(stream: stream, text: text, continued: continued, times: LineTimes())
    }

    @Test func onlyTheCommandThatFailedCounts() {
        let errors = read([
            chunk(.system, "Running terraform init (1.15.5, linux_amd64)\n"), chunk(.stderr, "│ Error: early\n╵\n"),
            chunk(.system, "Running terraform apply\n"), chunk(.stdout, "x: Creating...\n"),
            chunk(
                .stderr,
                "╷\n│ Error: first\n│ \n│   with a_b.c,\n│   on main.tf line 3, in x:\n│ \n│ Detail.\n│ More.\n│ \n│ Not this.\n╵\n"
            ),
            chunk(.stderr, "╷\n│ Warning: w\n╵\n╷\n│ Error: second\n╵\n"),
            chunk(.system, "Running terraform state pull\n"), chunk(.stderr, "│ Error: late\n"),
        ])
        let found = errors.errors(of: "terraform apply")
        #expect(
            found.first
                == Diagnostic(
                    summary: "first", detail: "Detail. More.", address: "a_b.c", file: "main.tf", line: 3, logLine: 7))
        #expect(found.map(\.summary) == ["first", "second"])
        #expect(errors.errors(of: "terraform init").map(\.summary) == ["early"])
        #expect(errors.errors(of: "terraform state pull").map(\.summary) == ["late"])
        #expect(errors.errors(of: "terraform app").isEmpty && errors.errors(of: "tofu apply").isEmpty)
    }

    @Test func theSameErrorIsOneAndTheirNumberIsBounded() {
        let same = String(repeating: "│ Error: same\n╵\n", count: 5)
        #expect(read([chunk(.system, "Running x plan\n"), chunk(.stderr, same)]).errors(of: "x plan").count == 1)
        let many = (0..<100).map { "│ Error: number \($0)\n╵\n" }.joined()
        let found = read([chunk(.system, "Running x plan\n"), chunk(.stderr, many)]).errors(of: "x plan")
        #expect(found.count == Diagnostic.maximumCount && found.last?.summary == "number 19")
    }

    @Test func streamsDoNotMix() {
        let found = read(
            [
                chunk(.system, "Running x plan\n"), chunk(.stderr, "│ Error: it is"), chunk(.stdout, "other\n"),
                chunk(.stderr, " broken\n", continued: true), chunk(.stdout, "│ Error: out\n"),
                chunk(.stderr, "│ \n│ why\n"),
            ], firstLine: nil
        ).errors(of: "x plan")
        #expect(found.map(\.summary) == ["it is broken", "out"] || found.map(\.summary) == ["out", "it is broken"])
        #expect(found.first { $0.summary != "out" }?.detail == "why")
        #expect(found.allSatisfy { $0.logLine == nil })
    }

    @Test func theErrorsOfARealRunAreMasked() async throws {
        let scratch = try Scratch()
        let folder = try scratch.job()
        try Captured.recorded("failing-apply.jsonl").write(to: folder)
        let sink = FakeSink()
        let log = JobLog(folder: folder, epoch: 3, secrets: ["db-primary:5432"], sink: sink)
        _ = await log.finish()
        // The recording has no SYSTEM lines of commands.
        let found = await log.errors(of: "")
        #expect(found.count == 1)
        let error = try #require(found.first)
        #expect(error.summary == "local-exec provisioner error" && error.address == "null_resource.database")
        #expect(error.file == "main.tf" && error.line == 20)
        #expect(error.detail.contains("(sensitive)") && !error.detail.contains("db-primary"))
    }
}
