import Domain
import Foundation
import Synchronization
import SystemCalls
import Testing
import Wire

@testable import Tendril

/// Every way by which text leaves a Tendril.
@Suite struct WaysOutTests {
    private static let secret = "Tr0ub4dor \"QX7\" & <Zebra>"
    private static let words = ["Tr0ub4dor", "QX7", "Zebra", "81624357", "member-QX9"]
    private static let secrets = VineSecrets(
        variables: [
            "password": .string(secret), "pin": 81_624_357, "db": ["user": "app", "key": "member-QX9", "port": 5432],
        ])

    // MARK: - Messages, field by field

    /// A report with something in every field, and the secret in all text.
    private static let fullReport = """
        {"epoch":1,"status":"FAILED","engine_state":"GONE","error_message":"TEXT","run_root":"/run",
         "outcome":{"result":"FAILED","phase":"apply","exit_code":1,"signal":2,"serial_before":1,"serial_after":2,
          "lock_released":true,"unfinished":["TEXT"],"summary":"TEXT",
          "diagnostic":{"summary":"TEXT","detail":"TEXT","address":"TEXT","file":"TEXT","line":1,"others":0}},
         "errors":[{"summary":"TEXT","detail":"TEXT","address":"TEXT","file":"TEXT","line":1,"log_line":2}],
         "execution_metadata":{"TEXT":["TEXT",81624357,{"deep":"TEXT"}]},
         "engine":{"name":"terraform","version":"1.11.4","platform":"linux_amd64"},
         "engine_started_at":"2026-01-02T03:04:05.678Z","resolved_commit":"TEXT",
         "changes":{"add":1,"change":2,"destroy":3,"import":4,"move":5,"forget":6,"outputs":7},"warnings":8,
         "truncated":["TEXT"],
         "phases":[{"name":"init","started_at":"2026-01-02T03:04:05.678Z","ended_at":"2026-01-02T03:04:06.789Z"}],
         "planned_state":{"lineage":"l","serial":3},"log":{"digest":{},"incomplete":"TEXT"}}
        """

    /// A field that is added to a report must be added here, too; all text in it is masked by itself.
    @Test func everyFieldOfAReportIsMasked() throws {
        let text = try String(decoding: JSONEncoder().encode(Self.secret), as: UTF8.self).dropFirst().dropLast()
        let data = Data(Self.fullReport.replacing("TEXT", with: String(text)).utf8)
        let report = try WireJSON.decode(ReportStatusRequest.self, from: data)
        for field in Mirror(reflecting: report).children {
            #expect("\(field.value)" != "nil", "\(field.label ?? "") is missing here")
        }
        let masked = try MaskedReport(report, Masker(secrets: Self.secrets.maskedTexts)).content
        #expect(trace(in: try WireJSON.encode(masked)) == nil)
        #expect(masked.errorMessage == "(sensitive)")
        #expect(masked.outcome?.unfinished == ["(sensitive)"] && masked.truncated == ["(sensitive)"])
        #expect(masked.outcome?.diagnostic?.detail == "(sensitive)" && masked.errors?.first?.file == "(sensitive)")
        #expect(masked.changes == report.changes && masked.warnings == 8)
        #expect(masked.executionMetadata?["(sensitive)"] == ["(sensitive)", "(sensitive)", ["deep": "(sensitive)"]])
        #expect(masked.status == .failed && masked.engineState == .gone && masked.plannedState?.serial == 3)
        #expect(masked.phases == report.phases)
        #expect(masked.engine == report.engine && masked.engineStartedAt == report.engineStartedAt)

        let withheld = try MaskedReport(report, WithholdingMasker()).content
        #expect(withheld.executionMetadata == [:])
        #expect(withheld.errorMessage?.hasPrefix("(withheld") == true)
        #expect(withheld.outcome?.exitCode == 1)
    }

    /// The other messages have no text of a job but the log, which the pipeline masks. A field that is added must be
    /// looked at: does text of a job get into it?
    @Test func theOtherMessagesHaveNoOtherFields() {
        func fields(_ value: Any) -> [String] { Mirror(reflecting: value).children.compactMap(\.label) }
        #expect(fields(AppendLogsRequest(epoch: 1, n: 1, chunks: [])) == ["epoch", "n", "chunks"])
        let chunk = AppendLogsRequest.Chunk(streamType: .stdout, logChunk: "", continued: nil, times: nil)
        #expect(fields(chunk) == ["streamType", "logChunk", "continued", "times"])
        let beat = HeartbeatRequest(version: "", slots: 1, draining: false, engines: [], runRoot: "", leases: [])
        #expect(fields(beat) == ["version", "slots", "draining", "engines", "runRoot", "leases"])
        #expect(fields(LockInfo(ID: "")) == ["ID", "Operation", "Info", "Who", "Version", "Created", "Path"])
    }

    // MARK: - A job that tells its secrets everywhere

    @Test func nothingLeavesAFailedApply() async throws {
        let bodies = try await run(.destroy) { command, folder in
            switch command.name {
            case "init": try print("Initializing \(Self.secret)\n", to: .stdout, of: folder)
            case "apply":
                try print("a_b.c[\"\(Self.secret)\"]: Creating...\n", to: .stdout, of: folder)
                try print(
                    "╷\n│ Error: it failed\n│ \n│ with 'Tr0ub4dor\n│ \"QX7\" & <Zebra>' and 81624357\n╵\n", to: .stderr,
                    of: folder)
                return .signaled(9)
            default: break
            }
            return nil
        }
        let report = try #require(bodies.last { $0.call == "report" }).body
        let text = String(decoding: report, as: UTF8.self)
        #expect(text.contains("FAILED") && text.contains("(sensitive)"))
    }

    @Test func nothingLeavesASuccessfulApply() async throws {
        let quoted = try String(decoding: JSONEncoder().encode(Self.secret), as: UTF8.self)
        let outputs = "{\"o\":{\"value\":[\(quoted),81624357,{\"member-QX9\":8.1624357e7}]},\(quoted):{\"value\":1}}"
        let bodies = try await run(.destroy, outputs: outputs) { command, folder in
            switch command.name {
            case "plan":
                let metadata = "{\"cost\":{\(quoted):81624357},\"list\":[\(quoted),\"member-QX9\"]}"
                try Files.write(Data(metadata.utf8), to: command.environment["VINTNER_METADATA_FILE"] ?? "")
            case "show":
                let plan =
                    "{\"resource_changes\":[{\"address\":\"a_b.c[\\\"member-QX9\\\"]\",\"change\":{\"actions\":[\"create\"]}}]}"
                try Files.write(Data(plan.utf8), to: command.stdoutFile ?? "/nowhere")
                return .exited(code: 0)
            case "apply": try print("o = Tr0ub4dor \\\"QX7\\\" \\u0026 \\u003cZebra\\u003e\n", to: .stdout, of: folder)
            default: break
            }
            return nil
        }
        let text = String(decoding: try #require(bodies.last { $0.call == "report" }).body, as: UTF8.self)
        #expect(text.contains("SUCCESS") && text.contains("\"outputs\"") && text.contains("(sensitive)"))
    }

    @Test func nothingLeavesAFailedCheckout() async throws {
        let source = VineSource.git(url: "file:///nowhere/member-QX9/81624357", ref: "main", path: nil)
        let bodies = try await run(.plan, source: source) { _, _ in nil }
        let text = bodies.map { String(decoding: $0.body, as: UTF8.self) }.joined()
        #expect(text.contains("git ls-remote failed"))
    }

    @Test func shortMembersAreNamedInTheLog() async throws {
        let bodies = try await run(.plan) { _, _ in nil }
        let log = bodies.filter { $0.call == "append" }.map { String(decoding: $0.body, as: UTF8.self) }.joined()
        #expect(log.contains("Not masked, because shorter than 6 characters: db.port, db.user."))
    }

    // MARK: - Running

    private typealias Hook = @Sendable (PhaseCommand, JobFolder) async throws -> PhaseEnd?

    /// Runs a job with the real log and masker, and finds no secret in anything that was sent.
    private func run(
        _ type: JobType, source: VineSource? = nil, outputs: String = "{}", _ hook: @escaping Hook
    ) async throws -> [(call: String, body: Data)] {
        let place = try Place()
        try Fixtures.putEngine(in: place)
        let trellis = FakeTrellis()
        let order = Fixtures.order(type, source: source, secrets: Self.secrets)
        await trellis.grant(order)
        var host = Fixtures.host(place, trellis, FakeJobServices(engine: { _ in .exited(code: 0) }))
        let folder = host.folder(of: order.jobId)
        let engine = ScriptedEngine(outputs: outputs) { try await hook($0, folder) }
        host.services = LoggingServices(phases: FakeJobServices(engine: engine.run), trellis: trellis)
        await (try JobRunner(order, host: host)).run()
        let bodies = await trellis.bodies
        #expect(bodies.contains { $0.call == "append" } && bodies.contains { $0.call == "lock" })
        for (call, body) in bodies {
            #expect(trace(in: body) == nil, "\(call): \(String(decoding: body, as: UTF8.self))")
        }
        return bodies
    }

    private func trace(in body: Data) -> String? {
        let text = String(decoding: body, as: UTF8.self)
        return Self.words.first(where: text.contains)
    }
}

/// Appends to a capture, as a supervisor does.
private func print(_ text: String, to stream: LogStream, of folder: JobFolder) throws {
    for stream in [LogStream.stdout, .stderr] { try OpenFile(folder.capture(of: stream), .append).append([]) }
    try OpenFile(folder.capture(of: stream), .append).append(Array(text.utf8))
    var recorder = try CaptureRecorder(folder)
    _ = try recorder.record(at: SystemDependencies.system.now())
}

/// The real log and the real masker around phases that are made up.
private struct LoggingServices: JobServicesFactory {
    var phases: FakeJobServices
    var trellis: FakeTrellis

    func open(_ lease: LeaseMessage, secrets: VineSecrets?, in folder: JobFolder) async throws -> JobServices {
        let log = JobLog(
            folder: folder, epoch: lease.epoch, secrets: secrets?.maskedTexts ?? [],
            sink: HTTPLogSink(job: lease.jobId, trellis: trellis, clock: ServerClock()))
        log.start()
        return JobServices(phases: phases, log: ShippedLog(log: log), masker: log.masker)
    }
}
