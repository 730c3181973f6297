import Domain
import Testing

@testable import Tendril

@Suite struct EngineDiagnosticsTests {
    @Test func theErrorOfARealRun() throws {
        let scratch = try Scratch()
        let folder = try scratch.job()
        try Captured.recorded("failing-apply.jsonl").write(to: folder)
        let found = EngineDiagnostics.read(folder, masker: Masker(secrets: ["db-primary:5432"]))
        #expect(
            found.message == """
                local-exec provisioner error: Error running command 'echo connecting to (sensitive); sleep 0.3; echo \
                'FATAL:  password authentication failed for user "deploy"' >&2; exit 3': \
                exit status 3. Output: connecting to (sensitive)
                FATAL:  password authentication failed for user "deploy"
                with null_resource.database, on main.tf line 20
                """)
        #expect(found.first?.file == "main.tf" && found.first?.line == 20 && found.first?.others == 0)
        #expect(found.first?.detail.contains("connecting to (sensitive)") == true)
        #expect(found.errors == 1)
        #expect(found.warnings == 0)
    }

    private func block(_ head: String, _ lines: String...) -> String {
        "╷\n│ \(head)\n" + lines.map { "│ \($0)\n" }.joined() + "╵\n"
    }

    @Test func theFirstErrorLeadsAndTheOthersAreCounted() {
        let text =
            block(
                "Error: root cause", "", "  with a.b[\"x\"],",
                "  on modules/net/main.tf line 7, in resource \"a\" \"b\":", "   7: resource \"a\" \"b\" {",
                "    ├────────────────", "    │ var.x is \"y\"", "", "It is broken.")
            + "noise\n" + block("Warning: old", "", "w") + block("Error: second", "", "s")
            + block("Error: third", "", "t")
        let found = EngineDiagnostics.read(text)
        #expect(
            found.message == """
                root cause: It is broken.
                with a.b["x"], on modules/net/main.tf line 7
                and 2 more errors
                """)
        #expect(
            found.first
                == Diagnostic(
                    summary: "root cause", detail: "It is broken.", address: #"a.b["x"]"#,
                    file: "modules/net/main.tf", line: 7, others: 2))
        #expect(found.errors == 3)
        #expect(found.warnings == 1)
    }

    @Test func theSameWarningInTwoPhasesIsOne() {
        let warning = block(
            "Warning: Argument is deprecated", "", "Use x.", "", "(and 3 more similar warnings elsewhere)")
        let check = block("Warning: Check block assertion failed", "", "  on main.tf line 3:", "", "down")
        #expect(EngineDiagnostics.read(warning + check + "\n" + warning).warnings == 5)
        #expect(EngineDiagnostics.read("a.b (local-exec): Warning: no\nNo Error: here\n") == EngineDiagnostics())
    }

    @Test func withoutAFrame() {
        let found = EngineDiagnostics.read("x\nError: plain\n\n  on a.tf line 1:\n\nWarning: other\nw\n")
        #expect(found.message == "plain\non a.tf line 1")
        #expect(found.errors == 1 && found.warnings == 1)
    }

    @Test func diagnosticsInJSON() {
        func line(_ severity: String, _ summary: String) -> String {
            #"{"@level":"\#(severity)","type":"diagnostic","diagnostic":{"severity":"\#(severity)","summary":"\#(summary)","#
                + #""detail":"because hunter2-x\n\n","address":"a.b","range":{"filename":"m.tf","start":{"line":4,"column":1}}}}"#
                + "\n"
        }
        let text =
            #"{"@message":"Plan","type":"planned_change"}"# + "\n" + line("error", "first") + line("warn", "w")
            + line("error", "second") + line("error", "second")
        let found = EngineDiagnostics.read(text, masker: Masker(secrets: ["hunter2-x"]))
        #expect(
            found.message == """
                first: because (sensitive)
                with a.b, on m.tf line 4
                and 1 more error
                """)
        #expect(found.warnings == 1)
    }

    @Test func onlyWhatFailedCounts() throws {
        let scratch = try Scratch()
        let folder = try scratch.job()
        var captured = Captured()
        captured.append(.stderr, "Error: the state can't be pulled\n\nno\n")
        captured.append(.stdout, "Warning: early\n\nw\n")
        try captured.write(to: folder)
        let start = EngineDiagnostics.Position.end(of: folder)
        var later = Captured()
        let noise = String(repeating: "hunter2-hunter3 noise\n", count: 50_000)
        later.append(.stderr, noise + "Error: late hunter2-hunter3\n")
        try later.write(to: folder)
        let found = EngineDiagnostics.read(folder, masker: Masker(secrets: ["hunter2-hunter3"]), errorsFrom: start)
        #expect(found.message == "late (sensitive)")
        #expect(found.errors == 1 && found.warnings == 1)
    }

    @Test func longOnesAreShortenedWithAMark() throws {
        let text = "Error: " + String(repeating: "ü", count: 10_000) + "\n\n  on a.tf line 3:\n"
        let message = try #require(EngineDiagnostics.read(text).message)
        #expect(message.utf8.count <= DiagnosticText.limit)
        #expect(message.hasSuffix("ü…\non a.tf line 3"))
    }
}
