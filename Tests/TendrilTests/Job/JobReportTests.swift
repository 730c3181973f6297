import Domain
import Foundation
import Synchronization
import SystemCalls
import Testing
import Wire

@testable import Tendril

extension JobRunnerTests {
    // MARK: - Reports

    @Test func retriesEveryCallDuringOutage() async throws {
        let tries = Mutex<[String: Int]>([:])
        await trellis.guarding { call in
            let count = tries.withLock { tries in
                tries[call, default: 0] += 1
                return tries[call] ?? 0
            }
            if count < 3 { throw count == 1 ? FakeTrellis.unreachable : FakeTrellis.refused(503) }
        }
        let services = FakeJobServices(engine: ScriptedEngine().run)
        try await run(Fixtures.order(.destroy), services)
        #expect(await trellis.lastReport?.status == .success)
        #expect(await trellis.stored.count == 1)
        #expect(tries.withLock { $0.values.allSatisfy { $0 >= 3 } })
    }

    @Test func phasesAreReportedWhileTheJobRuns() async throws {
        try await run(Fixtures.order(.destroy), FakeJobServices(engine: ScriptedEngine().run))
        let reports = await trellis.phaseReports
        #expect(reports.contains { $0.map(\.name) == ["init"] && $0[0].endedAt == nil })
        #expect(reports.contains { $0.last?.name == "apply" })
        let last = try #require(await trellis.lastReport?.phases)
        #expect(last.map(\.name) == ["init", "plan", "show", "apply"])
        #expect(last.allSatisfy { $0.endedAt.map { end in end.milliseconds >= 0 } == true })
    }

    @Test func aLeaseThatWasGivenUpStillReportsItsFacts() async throws {
        let order = Fixtures.order(.destroy)
        let services = FakeJobServices(
            engine: ScriptedEngine(hook: { [trellis] command in
                if command.name == "apply" { await trellis.giveUp(order.jobId) }
                return nil
            }).run)
        try await run(order, services)
        let report = try #require(await trellis.lastReport)
        #expect(await trellis.calls.suffix(2) == ["report SUCCESS", "report facts"])
        #expect(report.status == nil)
        #expect(report.outcome?.result == .succeeded)
        #expect(report.log != nil)
        #expect(await trellis.stored.count == 1)
    }

    @Test func refusedSuccessBecomesFailure() async throws {
        await trellis.guarding { call in
            if call == "report SUCCESS" || call == "report facts" { throw FakeTrellis.refused(409, "Upload it first.") }
        }
        try await run(Fixtures.order(), FakeJobServices(engine: ScriptedEngine().run))
        #expect(await trellis.lastReport?.status == .failed)
        #expect(await trellis.lastReport?.errorMessage == "Upload it first.")
    }

    /// The disk is full for a while: what is known goes on in memory, and the job ends as it should.
    @Test func continuesWithoutWritableProgress() async throws {
        let order = Fixtures.order(.destroy)
        let blocked = folder(of: order) + "/job.json"
        let services = FakeJobServices(
            engine: ScriptedEngine(hook: { command in
                if command.name == "apply" {
                    // A folder in the file's place can't be renamed over.
                    try Files.remove(blocked)
                    try Files.makeFolder(blocked + "/x")
                }
                return nil
            }).run)
        try await run(order, services)
        #expect(await trellis.lastReport?.status == .success)
        #expect(await trellis.stored.count == 1)
        #expect(await trellis.holder == nil)
        #expect(Files.kind(of: folder(of: order)) == nil)
    }

    @Test func preservesCaptureOfIncompleteLog() async throws {
        await trellis.find(log: "INCOMPLETE")
        let order = Fixtures.order(secrets: VineSecrets(variables: ["password": "hush-hush"]))
        try await run(order, FakeJobServices(engine: ScriptedEngine().run))
        let kept = place.tree.filter { $0.hasPrefix("work/kept/\(order.jobId)/capture/") }
        #expect(!kept.isEmpty)
        for file in kept { #expect(place.text(of: file)?.contains("hush-hush") == false, "\(file)") }
        #expect(Files.kind(of: folder(of: order)) == nil)
    }

    /// A refused optional part never decides the verdict.
    @Test func theEndIsReportedWithoutItsMetadataWhereThatIsRefused() async throws {
        await trellis.refuseMetadata()
        try await run(Fixtures.order(), FakeJobServices(warnings: 4, engine: ScriptedEngine().run))
        let report = try #require(await trellis.lastReport)
        #expect(report.status == .success && report.outcome?.result == .succeeded)
        #expect(report.truncated == ["execution_metadata"])
        #expect(report.changes == PlannedChanges(add: 1) && report.warnings == 4)
        #expect(report.log != nil)
    }

    /// Whatever a plan and its outputs hold, the report stays within what Trellis has always taken.
    @Test func aReportIsBounded() async throws {
        let huge = String(repeating: "k", count: 9000)
        let plan =
            "{\"resource_changes\":["
            + (0..<600).map { "{\"address\":\"a.b[\\\"\(huge)\($0)\\\"]\",\"change\":{\"actions\":[\"create\"]}}" }
            .joined(separator: ",") + "]}"
        let output = String(repeating: "\u{1}\"o", count: 5000)
        let encoded = JSONValue.string(output).text
        let outputs =
            "{" + (0..<60).map { "\"out\($0)\":{\"value\":\(encoded),\"type\":\"string\"}" }.joined(separator: ",")
            + "}"
        let services = FakeJobServices(
            errorSummary: huge + huge,
            engine: ScriptedEngine(
                outputs: outputs,
                hook: { command in
                    guard command.name == "show" else { return nil }
                    try Files.write(Data(plan.utf8), to: command.stdoutFile ?? "/nowhere")
                    return .exited(code: 0)
                }
            ).run)
        try await run(Fixtures.order(.destroy), services)
        let report = try #require(await trellis.lastReport)
        #expect(report.status == .success)
        #expect(report.changes?.add == 600)
        #expect(try WireJSON.encode(report).count <= 1 << 20)
        let truncated = try #require(report.truncated)
        #expect(truncated.contains("resources") && truncated.contains { $0.hasPrefix("outputs.out") })
        for name in truncated where name.hasPrefix("outputs.out") {
            #expect(report.executionMetadata?["outputs"]?[String(name.dropFirst(8))] == JobMetadata.tooLarge)
        }
        // What is not named as cut is whole.
        guard case .object(let shown) = report.executionMetadata?["outputs"] else { return #expect(Bool(false)) }
        #expect(shown.count == 60)
        #expect(shown.values.allSatisfy { $0 == .string(output) || $0 == JobMetadata.tooLarge })
        #expect(shown.values.contains(.string(output)))
    }

    // MARK: - Run options and environment

    @Test func runOptionsReachTheEngineAsArguments() async throws {
        let options = RunOptions(
            targets: ["module.net", #"a.b["x y"]"#], replace: ["a.c"], parallelism: 3, logLevel: .trace)
        let services = FakeJobServices(engine: ScriptedEngine().run)
        try await run(Fixtures.order(options: options), services)
        let plan = try #require(services.commands.first { $0.name == "plan" })
        #expect(
            plan.arguments.suffix(4) == [
                "-target=module.net", #"-target=a.b["x y"]"#, "-replace=a.c", "-parallelism=3",
            ])
        #expect(plan.environment["TF_LOG"] == "TRACE")
        #expect(
            Phase.plan.arguments(in: .plan, plan: "/p", variables: nil, options: RunOptions(refreshOnly: true))
                == ["plan", "-input=false", "-out=/p", "-refresh-only"])
        #expect(
            Phase.apply.arguments(in: .deploy, plan: "/p", variables: "/v", options: options)
                == ["apply", "-input=false", "-var-file=/v", "-parallelism=3", "/p"])
    }

    /// A vine may have been stored before its names were checked.
    @Test(arguments: [false, true]) func anEnvironmentThatDefeatsTheStateFailsTheJob(isSecret: Bool) async throws {
        let entry = ["TF_CLI_ARGS_apply": "-state-out=elsewhere.tfstate"]
        let order = Fixtures.order(
            secrets: VineSecrets(environment: isSecret ? entry : [:]), environment: isSecret ? [:] : entry)
        let services = FakeJobServices(engine: ScriptedEngine().run)
        try await run(order, services)
        let report = try #require(await trellis.lastReport)
        #expect(report.status == .failed)
        #expect(report.errorMessage?.contains("\"TF_CLI_ARGS_apply\" is reserved") == true)
        #expect(services.phases.isEmpty)
        #expect(await trellis.holder == nil)
    }

    // MARK: - A state that is nowhere

    @Test func anApplyThatLeavesNoStateFailsAndItsFolderIsKept() async throws {
        let order = Fixtures.order(.destroy)
        let services = FakeJobServices(
            engine: ScriptedEngine(hook: { command in
                guard command.name == "apply" else { return nil }
                try Files.write(Fixtures.state(serial: 3), to: command.workingDirectory + "/elsewhere.tfstate")
                return .exited(code: 0)
            }).run)
        try await run(order, services)
        let report = try #require(await trellis.lastReport)
        #expect(report.status == .failed && report.outcome?.result == .failed)
        #expect(report.errorMessage?.contains("left no new state") == true)
        #expect(report.outcome?.lockReleased == false)
        #expect(await trellis.holder == "\(order.jobId):1")
        #expect(place.text(of: "work/kept/\(order.jobId)/folder/elsewhere.tfstate") != nil)
    }

    /// Some providers read back the value that they had: an update alone may leave the state as it was.
    @Test func anUpdateMayLeaveTheStateAsItWas() async throws {
        await trellis.put(state: Fixtures.state(serial: 4))
        let services = FakeJobServices(
            engine: ScriptedEngine(hook: { command in
                if command.name == "show" {
                    let plan = #"{"resource_changes":[{"address":"a.b","change":{"actions":["update"]}}]}"#
                    try Files.write(Data(plan.utf8), to: command.stdoutFile ?? "/nowhere")
                    return .exited(code: 0)
                }
                return command.name == "apply" ? .exited(code: 0) : nil
            }).run)
        try await run(Fixtures.order(.destroy), services)
        #expect(await trellis.lastReport?.status == .success)
    }

    @Test func aPlanThatEndsWithADetailedCodeHasSucceeded() async throws {
        let services = FakeJobServices(
            engine: ScriptedEngine(hook: { command in
                guard command.name == "plan" else { return nil }
                let out = command.arguments.first { $0.hasPrefix("-out=") }?.dropFirst(5) ?? "/nowhere"
                try Files.write(Data("PLAN".utf8), to: String(out))
                return .exited(code: 2)
            }).run)
        try await run(Fixtures.order(), services)
        #expect(await trellis.lastReport?.status == .success)
        let applied = FakeJobServices(engine: ScriptedEngine(hook: { $0.name == "apply" ? .exited(code: 2) : nil }).run)
        try await run(Fixtures.order(.destroy), applied)
        #expect(await trellis.lastReport?.status == .failed)
    }

    @Test func noErrorNamesTheFoldersOfTheTendril() async throws {
        let order = Fixtures.order()
        let here = "\(place.path)/run/\(order.vineId)"
        let services = FakeJobServices(
            errorSummary: "open \(here)/mod/x.tf: no such file\nwith a.b, on \(folder(of: order))/plan line 3",
            engine: ScriptedEngine(hook: { $0.name == "plan" ? .exited(code: 1) : nil }).run)
        try await run(order, services)
        let message = try #require(await trellis.lastReport?.errorMessage)
        #expect(message == "open mod/x.tf: no such file\nwith a.b, on plan line 3")
    }

    // MARK: - Facts

    @Test func whatTheJobWritesIsMergedAndMasked() async throws {
        func metadata(_ text: String) async throws -> (JSONValue?, [String]) {
            let services = FakeJobServices(
                engine: ScriptedEngine(hook: { command in
                    if command.name == "plan" {
                        try Files.write(Data(text.utf8), to: command.environment["VINTNER_METADATA_FILE"] ?? "")
                    }
                    return nil
                }).run)
            try await run(Fixtures.order(), services)
            return (await trellis.lastReport?.executionMetadata, services.notes)
        }
        let (merged, _) = try await metadata(#"{"cost":{"month":12.5,"note":"hush-hush"},"changes":"lies"}"#)
        #expect(merged?["cost"] == ["month": .number(try #require(JSONNumber("12.5"))), "note": "***"])
        #expect(merged?["changes"]?["add"] == 1)
        let (none, notes) = try await metadata("[1]")
        #expect(none?["changes"] != nil)
        #expect(notes.contains("Ignored the metadata file: not a JSON object"))
        // An earlier decoder refused this depth, and the whole report was lost.
        let nested = String(repeating: "[", count: 511) + "12345678901234567891" + String(repeating: "]", count: 511)
        let (cut, cutNotes) = try await metadata(#"{"deep":\#(nested),"n":12345678901234567890}"#)
        #expect(cut?["n"]?.text == "12345678901234567890" && cut?["changes"]?["add"] == 1)
        #expect(cut?["deep"]?.text.contains("(too deep)") == true && cut?.depth == JSONDepth.metadata)
        #expect(cutNotes.contains { $0.hasPrefix("The metadata file nests deeper than 60 levels") })
        #expect(await trellis.lastReport?.status == .success)
        #expect(await trellis.lastReport?.truncated == ["deep"])
        let (_, tooLarge) = try await metadata("{\"a\":\"" + String(repeating: "x", count: 70_000) + "\"}")
        #expect(tooLarge.contains("Ignored the metadata file: larger than 64 KiB"))
        #expect(await trellis.lastReport?.truncated == ["metadata_file"])
    }

    @Test func anotherBackendKeepsItsOwnState() async throws {
        let services = FakeJobServices(engine: ScriptedEngine(backend: "s3").run)
        try await run(Fixtures.order(.destroy), services)
        #expect(services.phases == ["init", "pull", "plan", "show", "apply", "pull-after"])
        let report = try #require(await trellis.lastReport)
        #expect(report.status == .success)
        #expect(report.outcome?.serialBefore == 10)
        #expect(report.outcome?.serialAfter == 11)
        #expect(report.executionMetadata?["state_kept_by"] == "s3")
        #expect(services.notes.contains("The state is stored in s3"))
        #expect(await !trellis.calls.contains("store"))
        try await run(Fixtures.order(), FakeJobServices(engine: ScriptedEngine(backend: "s3").run))
        #expect(await trellis.lastReport?.status == .success)
        #expect(await trellis.lastReport?.plannedState == nil)
    }

    @Test func aGitSourceIsResolvedOnceAndReported() async throws {
        let environment = ["PATH": "/usr/local/bin:/usr/bin:/bin"]
        let made = try await Command(executable: "/bin/sh", environment: environment).run([
            "-c",
            """
            set -e; cd \(place.path); export GIT_CONFIG_GLOBAL=/dev/null
            mkdir repo; cd repo; git init -q -b main .; mkdir sub; echo x > sub/main.tf; git add .
            git -c user.name=a -c user.email=a@b commit -qm 1; git rev-parse HEAD
            """,
        ])
        let commit = made.text.trimmingCharacters(in: .whitespacesAndNewlines)
        let services = FakeJobServices(engine: ScriptedEngine().run)
        let source = VineSource.git(url: "file://\(place.path)/repo", ref: "main", path: "sub")
        let order = Fixtures.order(source: source)
        try await run(order, services)
        #expect(services.commands.first?.workingDirectory == "\(place.path)/run/\(order.vineId)/sub")
        #expect(await trellis.reports.filter { $0.resolvedCommit == commit }.count == 2)
        #expect(await trellis.lastReport?.status == .success)
        #expect(services.notes.contains("Resolving main of file://\(place.path)/repo"))

        // The commit counts, not where the branch is by then.
        let missing = String(repeating: "0", count: 40)
        try await run(Fixtures.order(source: source, resolvedCommit: missing), services)
        #expect(await trellis.lastReport?.status == .failed)
        #expect(await trellis.lastReport?.errorMessage?.contains("not found in file://") == true)
    }

    @Test func deletesSecretsBeforeReport() async throws {
        let order = Fixtures.order(secrets: VineSecrets(variables: ["password": "hush-hush"]))
        let leaks = Mutex<[String]?>(nil)
        await trellis.guarding { [place] call in
            guard call == "report SUCCESS" else { return }
            // What the log masks is kept, for the owner alone, for as long as the log may have to be masked.
            let masking = "work/jobs/\(order.jobId)/masking.json"
            let mode = (try FileManager.default.attributesOfItem(atPath: "\(place.path)/\(masking)"))[.posixPermissions]
            #expect(mode as? Int == 0o600)
            let found = place.tree.filter { name in
                name.hasPrefix("work/jobs/") && name != masking
                    && place.text(of: name)?.contains("hush-hush") == true
            }
            leaks.withLock { $0 = found }
        }
        let services = FakeJobServices(
            engine: ScriptedEngine(hook: { [place] command in
                // It was there while it was needed.
                guard command.name == "plan" else { return nil }
                let written = place.tree.contains { place.text(of: $0)?.contains("hush-hush") == true }
                return written ? nil : .exited(code: 1)
            }).run)
        try await run(order, services)
        #expect(await trellis.lastReport?.status == .success)
        #expect(leaks.withLock { $0 } == [])
        #expect(Files.kind(of: folder(of: order)) == nil)
    }

    @Test func anEngineThatCouldNotBeRunDidNotRun() async throws {
        struct Broken: Error, CustomStringConvertible { let description = "The phase could not be supervised." }
        let services = FakeJobServices(
            engine: ScriptedEngine(hook: { command in
                if command.name == "apply" { throw Broken() }
                return nil
            }).run)
        try await run(Fixtures.order(.destroy), services)
        let report = try #require(await trellis.lastReport)
        #expect(report.status == .failed)
        #expect(report.engineState == .gone)
        #expect(report.outcome?.phase == "show")
        #expect(report.errorMessage == "The phase could not be supervised.")
        #expect(await trellis.stored.isEmpty)
        #expect(await trellis.holder == nil)
    }
}
