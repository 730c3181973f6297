import Domain
import Testing

@testable import Tendril

@Suite struct ErrorBlockTests {
    @Test func theLastBlockOfARealRun() throws {
        let scratch = try Scratch()
        let folder = try scratch.job()
        try Captured.recorded("failing-apply.jsonl").write(to: folder)
        let summary = try #require(ErrorBlock.last(in: folder, masker: Masker(secrets: ["db-primary:5432"])))
        #expect(
            summary == """
                Error: local-exec provisioner error

                  with null_resource.database,
                  on main.tf line 20, in resource "null_resource" "database":
                  20:   provisioner "local-exec" {

                Error running command 'echo connecting to (sensitive); sleep 0.3; echo
                'FATAL:  password authentication failed for user "deploy"' >&2; exit 3':
                exit status 3. Output: connecting to (sensitive)
                FATAL:  password authentication failed for user "deploy"
                """)
    }

    @Test func theLastOfSeveralBlocks() {
        let text = "╷\n│ Error: first\n│ \n│ a\n╵\n╷\n│ Warning: no\n╵\n╷\n│ Error: second\n│ \n│   b\n╵\nafter\n"
        #expect(ErrorBlock.last(in: text) == "Error: second\n\n  b")
    }

    @Test func withoutAFrame() {
        #expect(
            ErrorBlock.last(in: "x\nError: plain\n\n  on a.tf\n\nWarning: other\nw\n") == "Error: plain\n\n  on a.tf")
        #expect(ErrorBlock.last(in: "No Error: here\n") == nil)
    }

    @Test func longOnesAreShortened() throws {
        let text = "Error: " + String(repeating: "ü", count: 10_000)
        let block = try #require(ErrorBlock.last(in: text))
        #expect(block.utf8.count <= ErrorBlock.limit && block.utf8.count > ErrorBlock.limit - 4)
        #expect(block.hasSuffix("ü…"))
    }

    @Test func onlyTheEndOfALongStreamIsRead() throws {
        let scratch = try Scratch()
        let folder = try scratch.job()
        var captured = Captured()
        captured.append(.stdout, "Error: on stdout\n")
        captured.append(
            .stderr, String(repeating: "hunter2-hunter3 noise\n", count: 50_000) + "Error: the end hunter2-hunter3\n")
        try captured.write(to: folder)
        #expect(
            ErrorBlock.last(in: folder, masker: Masker(secrets: ["hunter2-hunter3"])) == "Error: the end (sensitive)")
    }
}
