import Domain
import Foundation
import Testing

@testable import Tendril

/// What the log says about resources.
@Suite struct ResourceTrackerTests {
    // MARK: - Recorded runs

    @Test(arguments: ["small-apply.jsonl", "small-destroy.jsonl", "failing-destroy.jsonl"])
    func recordedRunsEndAsTheLogSays(_ name: String) throws {
        let captured = try Captured.recorded(name)
        let tracker = try Self.tracker(of: captured)
        let text = String(decoding: captured.bytes(of: .stdout), as: UTF8.self)
        let ended = ChunkText.lines(of: text).map { VisibleLine.text(of: $0) }
            .filter { $0.contains(": Creation complete") || $0.contains(": Destruction complete") }
        #expect(!ended.isEmpty)
        #expect(tracker.resources.count == ended.count)
        for resource in tracker.resources {
            #expect(resource.state == .done)
            #expect(ended.contains { $0.hasPrefix("\(resource.address): ") })
            let (start, end) = (try #require(resource.startedAt), try #require(resource.endedAt))
            #expect(start <= end)
        }
    }

    @Test func aFailedApplyNamesItsResource() throws {
        let tracker = try Self.tracker(of: try Captured.recorded("failing-apply.jsonl"))
        let states = Dictionary(grouping: tracker.resources, by: \.state).mapValues { $0.map(\.address).sorted() }
        #expect(states[.failed] == ["null_resource.database"])
        #expect(states[.done]?.count == 12)
        #expect(states[.running] == nil)
        let database = try #require(tracker.resources.first { $0.state == .failed })
        #expect(database.startedAt != nil && database.endedAt != nil && database.action == .create)
    }

    /// Every line number leads to the line that names the resource.
    @Test func firstLinesNameTheirResource() throws {
        let chunks = try Self.chunks(of: try Captured.recorded("failing-apply.jsonl"))
        let lines = chunks.flatMap { ChunkText.lines(of: $0.text) }.map { VisibleLine.text(of: $0) }
        var tracker = ResourceTracker()
        var next: Int64 = 1
        for chunk in chunks {
            tracker.take(chunk, firstLine: next)
            next += Int64(ChunkText.lineCount(of: chunk.text))
        }
        #expect(tracker.resources.count == 13)
        for resource in tracker.resources {
            let line = try #require(resource.firstLine)
            #expect(lines[Int(line) - 1] == "\(resource.address): Creating...")
        }
    }

    /// However the output is cut into chunks, the states are the same.
    @Test(arguments: 0..<20) func cutsDoNotMatter(_ seed: Int) throws {
        let captured = try Captured.recorded("failing-apply.jsonl")
        var random = Seeded(UInt64(seed))
        let whole = try Self.tracker(of: captured).resources.sorted { $0.address < $1.address }
        var pipeline = LinePipeline(masker: Masker(secrets: []))
        var tracker = ResourceTracker()
        for event in captured.events {
            guard case .output(let stream, let bytes, let at) = event else { continue }
            var rest = bytes[...]
            while !rest.isEmpty {
                let piece = Array(rest.prefix(Int.random(in: 1...200, using: &random)))
                rest = rest.dropFirst(piece.count)
                piece.withUnsafeBufferPointer { pipeline.take($0, of: stream, at: Timestamp(milliseconds: at)) }
                if Bool.random(using: &random) {
                    for chunk in pipeline.takeChunks() { tracker.take(chunk, firstLine: nil) }
                }
            }
        }
        pipeline.finish()
        for chunk in pipeline.takeChunks() { tracker.take(chunk, firstLine: nil) }
        #expect(tracker.resources.sorted { $0.address < $1.address } == whole)
    }

    // MARK: - Wordings

    @Test(arguments: [
        "aws_instance.a", #"module.a["x y: z"].aws_instance.b["k.\"q\" (local-exec): v"]"#, "module.m[0].x_y.z[12]",
        "data.aws_ami.ubuntu", "aws_instance.größe", "aws_instance.名前[\"ключ\"]", "ephemeral.x.y",
    ])
    func addresses(_ address: String) {
        let tracker = Self.tracker("\(address): Creating...\n\(address): Creation complete after 3s [id=i-1]\n")
        #expect(tracker.resources.map(\.address) == [address])
        #expect(tracker.resources.first?.state == .done)
    }

    @Test(
        arguments: [
            ("Creating...", .running, .create), ("Modifying... [id=a]", .running, .update),
            ("Destroying... [id=a]", .running, .delete), ("Reading...", .running, .read),
            ("Importing... [id=a]", .running, .import), ("Refreshing state... [id=a]", .refreshing, .noOp),
            ("Preparing import... [id=a]", .refreshing, .noOp), ("Opening...", .running, .read),
            ("Modifications complete after 1m3s [id=a]", .done, .update), ("Read complete after 0s", .done, .read),
            ("Open complete after 0s", .done, .read), ("Opening complete after 0s", .done, .read),
            ("Import complete [id=a]", .done, .import),
        ] as [(String, RunResource.State, PlanAction)])
    func words(_ word: String, _ state: RunResource.State, _ action: PlanAction) {
        for text in ["a.b: \(word)\n", "\u{1b}[0m\u{1b}[1ma.b: \(word)\u{1b}[0m\u{1b}[0m\n", "a.b: \(word)\r\n"] {
            let tracker = Self.tracker(text)
            #expect(tracker.resources.map(\.state) == [state], "\(text)")
            #expect(tracker.resources.map(\.action) == [action], "\(text)")
        }
    }

    @Test func aReplacementIsOneResource() {
        let first = Self.tracker(
            """
            a.b: Destroying... [id=1]
            a.b: Destruction complete after 1s
            a.b: Creating...
            a.b: Creation complete after 1s [id=2]

            """)
        #expect(first.resources.map(\.action) == [.replaceDeleteFirst])
        let second = Self.tracker(
            """
            a.b: Creating...
            a.b: Creation complete after 1s [id=2]
            a.b (deposed object 0a1b2c3d): Destroying... [id=1]
            a.b: Destruction complete after 1s

            """)
        #expect(second.resources.map(\.action) == [.replaceCreateFirst])
        #expect(second.resources.map(\.state) == [.done])
    }

    /// Other resources may have their turn between the two.
    @Test(arguments: [
        ("a.b: Destroying... [id=1]", "a.b: Destruction complete after 1s", "a.b: Creating...", PlanAction.delete),
        ("a.b: Creating...", "a.b: Creation complete after 1s", "a.b (deposed object 0a1b): Destroying...", .create),
    ]) func thePartsOfAReplacementHaveTheirOwnTimes(_ case: (String, String, String, PlanAction)) throws {
        let (begins, ends, again, first) = `case`
        var tracker = ResourceTracker()
        Self.take("Running terraform apply\n", .system, 0, 1, into: &tracker)
        Self.take(begins + "\n", .stdout, 10, 2, into: &tracker)
        #expect(tracker.resources.first?.parts == nil)
        Self.take(ends + "\n", .stdout, 20, 3, into: &tracker)
        Self.take("a.b: Still going\n", .stdout, 30, 4, into: &tracker)
        Self.take(again + "\n", .stdout, 50, 5, into: &tracker)
        let second: PlanAction = first == .delete ? .create : .delete
        let running = try #require(tracker.resources.first)
        let done = RunResource.Part(
            action: first, startedAt: Timestamp(milliseconds: 10), endedAt: Timestamp(milliseconds: 20), firstLine: 2)
        let open = RunResource.Part(action: second, startedAt: Timestamp(milliseconds: 50), firstLine: 5)
        #expect(running.parts == [done, open] && running.state == .running && running.workedMilliseconds == nil)
        let end = second == .create ? "a.b: Creation complete after 1s" : "a.b: Destruction complete after 1s"
        Self.take(end + "\n", .stdout, 90, 6, into: &tracker)
        let ended = try #require(tracker.resources.first)
        #expect(tracker.resources.count == 1 && ended.state == .done)
        #expect(ended.startedAt == done.startedAt && ended.endedAt == ended.parts?.last?.endedAt)
        #expect(ended.parts?.last?.endedAt == Timestamp(milliseconds: 90) && ended.workedMilliseconds == 50)
    }

    @Test func aDestroyComesAfterItsPlan() {
        var tracker = ResourceTracker()
        Self.take("Running terraform plan\n", .system, 0, 1, into: &tracker)
        Self.take("a.b: Refreshing state... [id=1]\n", .stdout, 10, 2, into: &tracker)
        #expect(tracker.resources.map(\.state) == [.refreshing])
        Self.take("\u{1b}[1mPlan:\u{1b}[0m 0 to add\n", .stdout, 20, 3, into: &tracker)
        Self.take("Running terraform apply\n", .system, 30, 4, into: &tracker)
        #expect(tracker.resources.map(\.state) == [.done])
        #expect(tracker.resources.first?.endedAt == nil)
        Self.take("a.b: Destroying... [id=1]\n", .stdout, 40, 5, into: &tracker)
        #expect(
            tracker.resources == [
                RunResource(
                    address: "a.b", action: .delete, state: .running, startedAt: Timestamp(milliseconds: 40),
                    firstLine: 5)
            ])
    }

    /// The engine prints a failure only when everything else has ended.
    @Test func aFailureIsNotLaterThanTheNextSignWouldHaveBeen() {
        var tracker = ResourceTracker()
        Self.take("a.b: Creating...\n", .stdout, 0, 1, into: &tracker)
        Self.take("a.b: Still creating... [10s elapsed]\n", .stdout, 10_000, 2, into: &tracker)
        Self.take(
            "╷\n│ Error: no\n│ \n│   with a.b,\n│   on main.tf line 1, in resource \"a\" \"b\":\n╵\n", .stderr, 500_000,
            3,
            into: &tracker)
        #expect(tracker.resources.map(\.state) == [.failed])
        #expect(tracker.resources.first?.endedAt == Timestamp(milliseconds: 20_000))
    }

    @Test func warningsDoNotFail() {
        var tracker = ResourceTracker()
        Self.take("a.b: Creating...\n", .stdout, 0, 1, into: &tracker)
        Self.take("│ Warning: old\n│ \n│   with a.b,\n│ Error: x\n│ \n│ with a.b,\n", .stderr, 1, 2, into: &tracker)
        #expect(tracker.resources.map(\.state) == [.running])
    }

    @Test func whatIsNotSeenToEndIsUnknown() {
        var tracker = Self.tracker("a.b: Creating...\nc.d: Refreshing state... [id=1]\n")
        tracker.finish()
        #expect(Set(tracker.resources.map(\.state)) == [.unknown])
    }

    // MARK: - Forgeries

    @Test(arguments: [
        "a.b (local-exec): x.y: Creating...\n", "a.b (local-exec): \u{1b}[0mx.y: Creating...\n",
        "a.b (remote-exec): \rx.y: Creating...\n", "  x.y: Creating...\n", "x: Creating...\n", ".y: Creating...\n",
        "x.y : Creating...\n", "x.y[: Creating...\n", "x.y[\"a: Creating...\n", "x.y: creating...\n",
        "│ x.y: Creating...\n", "Note: Objects have changed\n", "x.y:Creating...\n",
    ])
    func whatAProvisionerPrintsIsNoEvent(_ line: String) {
        #expect(Self.tracker(line).resources.isEmpty, "\(line)")
    }

    @Test func outputsAreNoEvents() {
        let tracker = Self.tracker(
            "Apply complete! Resources: 1 added.\n\nOutputs:\n\nx = <<EOT\na.b: Creating...\nEOT\n")
        #expect(tracker.resources.isEmpty)
    }

    @Test func anIDWithALineFeedIsNoEvent() {
        let tracker = Self.tracker(
            "a.b: Creation complete after 0s [id=x\nc.d: Creating...\ny]\ne.f: Creating...\n")
        #expect(Set(tracker.resources.map(\.address)) == ["a.b", "e.f"])
    }

    @Test func theRestOfALineThatWasCutIsNoEvent() {
        var tracker = ResourceTracker()
        tracker.take(
            UnnumberedChunk(
                stream: .stdout, text: "x.y: Creating...\nz.w: Creating...\n", continued: true, times: LineTimes()),
            firstLine: 2)
        #expect(tracker.resources.map(\.address) == ["z.w"])
    }

    @Test func stderrIsNoEvent() {
        var tracker = ResourceTracker()
        Self.take("x.y: Creating...\n", .stderr, 0, 1, into: &tracker)
        #expect(tracker.resources.isEmpty)
    }

    /// Random lines never crash it, and what it says is what whole lines say.
    @Test(arguments: 0..<200) func randomLines(_ seed: Int) {
        var random = Seeded(UInt64(seed))
        let parts = [
            "a.b", "module.x[\"k\"].c.d", ": ", "Creating...", "Creation complete after ", "Still creating... ", "[",
            "\"", "]", " (local-exec):", "\u{1b}[1m", "\u{1b}[", "\u{1b}", "[id=", "\n", "\r", "│ Error: ", "│   with ",
            ",",
            "é", "\\", "Destroying... [id=1]", " (deposed object 00", ")", "Running terraform apply", "Apply complete!",
        ]
        var tracker = ResourceTracker()
        for _ in 0..<40 {
            let text = (0..<Int.random(in: 1...30, using: &random)).map { _ in parts.randomElement(using: &random) ?? ""
            }
            .joined()
            let stream = LogStream.allCases.randomElement(using: &random) ?? .stdout
            Self.take(text, stream, 1, 1, into: &tracker)
        }
        tracker.finish()
        for resource in tracker.resources {
            #expect(![.running, .refreshing, .waiting].contains(resource.state))
            #expect(resource.address.contains("."))
        }
    }

    // MARK: - Limits

    @Test func resourcesAreBounded() {
        var tracker = ResourceTracker()
        for index in 0...RunResource.maximumCount {
            Self.take("a.b[\(index)]: Creating...\n", .stdout, 0, 1, into: &tracker)
        }
        #expect(tracker.resources.count == RunResource.maximumCount)
        #expect(tracker.omitted == 1)
        Self.take("a.b[3]: Creation complete after 0s\n", .stdout, 0, 1, into: &tracker)
        #expect(tracker.resources.contains { $0.address == "a.b[3]" && $0.state == .done })
    }

    @Test func addressesAreBounded() {
        let most = "a." + String(repeating: "b", count: RunResource.addressBytes - 2)
        #expect(Self.tracker("\(most): Creating...\n").resources.count == 1)
        #expect(Self.tracker("\(most)b: Creating...\n").resources.isEmpty)
    }

    @Test func changesAreTakenInPieces() {
        var tracker = ResourceTracker()
        for index in 0..<10 { Self.take("a.b[\(index)]: Creating...\n", .stdout, 0, 1, into: &tracker) }
        let first = tracker.takeChanges(upTo: 4, bytes: 1 << 20)
        #expect(first.map(\.address) == (0..<4).map { "a.b[\($0)]" })
        #expect(tracker.takeChanges(upTo: 100, bytes: 200).count == 2)
        tracker.putBack(first)
        Self.take("a.b[0]: Creation complete after 0s\n", .stdout, 0, 1, into: &tracker)
        let rest = tracker.takeChanges(upTo: 100, bytes: 1 << 20)
        #expect(rest.count == 8 && !tracker.hasChanges)
        #expect(rest.first { $0.address == "a.b[0]" }?.state == .done)
    }

    // MARK: - Support

    static func take(
        _ text: String, _ stream: LogStream, _ at: Int64, _ line: Int64?, into tracker: inout ResourceTracker
    ) {
        let times = LineTimes(lines: max(1, ChunkText.lineCount(of: text)), at: Timestamp(milliseconds: at))
        tracker.take(UnnumberedChunk(stream: stream, text: text, times: times), firstLine: line)
    }

    private static func tracker(_ text: String) -> ResourceTracker {
        var tracker = ResourceTracker()
        take(text, .stdout, 0, 1, into: &tracker)
        return tracker
    }

    private static func tracker(of captured: Captured) throws -> ResourceTracker {
        var tracker = ResourceTracker()
        for chunk in try chunks(of: captured) { tracker.take(chunk, firstLine: nil) }
        return tracker
    }

    private static func chunks(of captured: Captured) throws -> [UnnumberedChunk] {
        var pipeline = LinePipeline(masker: Masker(secrets: []))
        for event in captured.events {
            guard case .output(let stream, let bytes, let at) = event else { continue }
            bytes.withUnsafeBufferPointer { pipeline.take($0, of: stream, at: Timestamp(milliseconds: at)) }
        }
        pipeline.finish()
        return pipeline.takeChunks()
    }
}
