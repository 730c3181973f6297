import Domain
import Foundation
import Synchronization
import Testing
import Wire

@testable import Tendril

extension JobRunnerTests {
    // MARK: - Reports

    @Test func aTrellisThatIsAwayIsWaitedForAtEveryCall() async throws {
        let tries = Mutex<[String: Int]>([:])
        await trellis.guarding { call in
            let count = tries.withLock { tries in
                tries[call, default: 0] += 1
                return tries[call] ?? 0
            }
            if count < 3 { throw count == 1 ? FakeTrellis.unreachable : FakeTrellis.refused(503) }
        }
        let equipment = FakeEquipment(engine: ScriptedEngine().run)
        try await run(Fixtures.order(.destroy), equipment)
        #expect(await trellis.lastReport?.status == .success)
        #expect(await trellis.stored.count == 1)
        #expect(tries.withLock { $0.values.allSatisfy { $0 >= 3 } })
    }

    @Test func aLeaseThatWasGivenUpStillReportsItsFacts() async throws {
        let order = Fixtures.order(.destroy)
        let equipment = FakeEquipment(
            engine: ScriptedEngine(hook: { [trellis] command in
                if command.name == "apply" { await trellis.giveUp(order.jobId) }
                return nil
            }).run)
        try await run(order, equipment)
        let report = try #require(await trellis.lastReport)
        #expect(await trellis.calls.suffix(2) == ["report SUCCESS", "report facts"])
        #expect(report.status == nil)
        #expect(report.outcome?.result == .succeeded)
        #expect(report.log != nil)
        #expect(await trellis.stored.count == 1)
    }

    @Test func aPlanWhoseSuccessIsRefusedForGoodFails() async throws {
        await trellis.guarding { call in
            if call == "report SUCCESS" || call == "report facts" { throw FakeTrellis.refused(409, "Upload it first.") }
        }
        try await run(Fixtures.order(), FakeEquipment(engine: ScriptedEngine().run))
        #expect(await trellis.lastReport?.status == .failed)
        #expect(await trellis.lastReport?.errorMessage == "Upload it first.")
    }

    /// The disk is full for a while: what is known goes on in memory, and the job ends as it should.
    @Test func aProgressThatCannotBeWrittenDoesNotEndTheJobsCare() async throws {
        let order = Fixtures.order(.destroy)
        let blocked = folder(of: order) + "/job.json"
        let equipment = FakeEquipment(
            engine: ScriptedEngine(hook: { command in
                if command.name == "apply" {
                    // A folder in the file's place can't be renamed over.
                    try Files.remove(blocked)
                    try Files.makeFolder(blocked + "/x")
                }
                return nil
            }).run)
        try await run(order, equipment)
        #expect(await trellis.lastReport?.status == .success)
        #expect(await trellis.stored.count == 1)
        #expect(await trellis.holder == nil)
        #expect(Files.kind(of: folder(of: order)) == nil)
    }

    @Test func aLogThatIsNotWholeKeepsItsCaptureButNoSecrets() async throws {
        await trellis.find(log: "INCOMPLETE")
        let order = Fixtures.order(secrets: VineSecrets(variables: ["password": "hush-hush"]))
        try await run(order, FakeEquipment(engine: ScriptedEngine().run))
        let kept = place.tree.filter { $0.hasPrefix("work/kept/\(order.jobId)/capture/") }
        #expect(!kept.isEmpty)
        for file in kept { #expect(place.text(of: file)?.contains("hush-hush") == false, "\(file)") }
        #expect(Files.kind(of: folder(of: order)) == nil)
    }

    // MARK: - Facts

    @Test func whatTheJobWritesIsMergedAndMasked() async throws {
        func metadata(_ text: String) async throws -> (JSONValue?, [String]) {
            let equipment = FakeEquipment(
                engine: ScriptedEngine(hook: { command in
                    if command.name == "plan" {
                        try Files.write(Data(text.utf8), to: command.environment["VINTNER_METADATA_FILE"] ?? "")
                    }
                    return nil
                }).run)
            try await run(Fixtures.order(), equipment)
            return (await trellis.lastReport?.executionMetadata, equipment.notes)
        }
        let (merged, _) = try await metadata(#"{"cost":{"month":12.5,"note":"hush-hush"},"changes":"lies"}"#)
        #expect(merged?["cost"] == ["month": .number(12.5), "note": "***"])
        #expect(merged?["changes"]?["add"] == 1)
        let (none, notes) = try await metadata("[1]")
        #expect(none?["changes"] != nil)
        #expect(notes.contains("The metadata file is no JSON object, and left out"))
        let (_, tooLarge) = try await metadata("{\"a\":\"" + String(repeating: "x", count: 70_000) + "\"}")
        #expect(tooLarge.contains("The metadata file is larger than 64 KiB, and left out"))
    }

    @Test func anotherBackendKeepsItsOwnState() async throws {
        let equipment = FakeEquipment(engine: ScriptedEngine(backend: "s3").run)
        try await run(Fixtures.order(.destroy), equipment)
        #expect(equipment.phases == ["init", "pull", "plan", "show", "apply", "pull-after"])
        let report = try #require(await trellis.lastReport)
        #expect(report.status == .success)
        #expect(report.outcome?.serialBefore == 10)
        #expect(report.outcome?.serialAfter == 11)
        #expect(report.executionMetadata?["state_kept_by"] == "s3")
        #expect(equipment.notes.contains("The state is kept by s3"))
        #expect(await !trellis.calls.contains("store"))
        try await run(Fixtures.order(), FakeEquipment(engine: ScriptedEngine(backend: "s3").run))
        #expect(await trellis.lastReport?.status == .success)
        #expect(await trellis.lastReport?.plannedState == nil)
    }

    @Test func aGitSourceIsResolvedOnceAndReported() async throws {
        let environment = ["PATH": "/usr/local/bin:/usr/bin:/bin"]
        let made = try await Tool(executable: "/bin/sh", environment: environment).run([
            "-c",
            """
            set -e; cd \(place.path); export GIT_CONFIG_GLOBAL=/dev/null
            mkdir repo; cd repo; git init -q -b main .; mkdir sub; echo x > sub/main.tf; git add .
            git -c user.name=a -c user.email=a@b commit -qm 1; git rev-parse HEAD
            """,
        ])
        let commit = made.text.trimmingCharacters(in: .whitespacesAndNewlines)
        let equipment = FakeEquipment(engine: ScriptedEngine().run)
        let source = VineSource.git(url: "file://\(place.path)/repo", ref: "main", path: "sub")
        let order = Fixtures.order(source: source)
        try await run(order, equipment)
        #expect(equipment.commands.first?.workingDirectory == "\(place.path)/run/\(order.vineId)/sub")
        #expect(await trellis.reports.filter { $0.resolvedCommit == commit }.count == 2)
        #expect(await trellis.lastReport?.status == .success)
        #expect(equipment.notes.contains("Resolving main of file://\(place.path)/repo"))

        // The commit counts, not where the branch is by then.
        let missing = String(repeating: "0", count: 40)
        try await run(Fixtures.order(source: source, resolvedCommit: missing), equipment)
        #expect(await trellis.lastReport?.status == .failed)
        #expect(await trellis.lastReport?.errorMessage?.contains("not found in file://") == true)
    }

    @Test func noSecretIsLeftWhileTheReportWaits() async throws {
        let order = Fixtures.order(secrets: VineSecrets(variables: ["password": "hush-hush"]))
        let leaks = Mutex<[String]?>(nil)
        await trellis.guarding { [place] call in
            guard call == "report SUCCESS" else { return }
            let found = place.tree.filter { name in
                name.hasPrefix("work/jobs/") && place.text(of: name)?.contains("hush-hush") == true
            }
            leaks.withLock { $0 = found }
        }
        let equipment = FakeEquipment(
            engine: ScriptedEngine(hook: { [place] command in
                // It was there while it was needed.
                guard command.name == "plan" else { return nil }
                let written = place.tree.contains { place.text(of: $0)?.contains("hush-hush") == true }
                return written ? nil : .exited(code: 1)
            }).run)
        try await run(order, equipment)
        #expect(await trellis.lastReport?.status == .success)
        #expect(leaks.withLock { $0 } == [])
    }

    @Test func anEngineThatCouldNotBeRunDidNotRun() async throws {
        struct Broken: Error, CustomStringConvertible { let description = "The phase could not be supervised." }
        let equipment = FakeEquipment(
            engine: ScriptedEngine(hook: { command in
                if command.name == "apply" { throw Broken() }
                return nil
            }).run)
        try await run(Fixtures.order(.destroy), equipment)
        let report = try #require(await trellis.lastReport)
        #expect(report.status == .failed)
        #expect(report.engineState == .gone)
        #expect(report.outcome?.phase == "show")
        #expect(report.errorMessage == "The phase could not be supervised.")
        #expect(await trellis.stored.isEmpty)
        #expect(await trellis.holder == nil)
    }
}
