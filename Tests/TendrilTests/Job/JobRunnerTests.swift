import Domain
import Foundation
import Synchronization
import SystemCalls
import Testing
import Wire

@testable import Tendril

@Suite struct JobRunnerTests {
    let place: Place
    let trellis = FakeTrellis()

    init() throws {
        place = try Place()
        try Fixtures.putEngine(in: place)
    }

    /// Runs the order to its end.
    func run(_ order: ClaimResponse, _ services: FakeJobServices, _ change: (inout JobContext) -> Void = { _ in })
        async throws
    {
        await trellis.grant(order)
        var host = Fixtures.host(place, trellis, services)
        change(&host)
        await (try JobRunner(order, host: host)).run()
    }

    func folder(of order: ClaimResponse) -> String { "\(place.path)/work/jobs/\(order.jobId)" }

    /// A PLAN that was made, as the DEPLOY's order names it.
    func planned(_ vine: VineID, files: [String: String] = ["main.tf": "x"]) async throws -> PlanReference {
        let order = Fixtures.order(vine: vine, files: files)
        try await run(order, FakeJobServices(engine: ScriptedEngine().run))
        let report = try #require(await trellis.lastReport)
        try #require(report.status == .success)
        let artifact = try #require(await trellis.artifacts[order.jobId])
        try Files.write(artifact, to: place.path + "/artifact")
        return PlanReference(
            jobId: order.jobId, artifactSha256: try Artifact.digest(of: place.path + "/artifact"),
            state: report.plannedState, changes: PlannedChanges(add: 1, change: 0, destroy: 0))
    }

    // MARK: - Damaged data

    @Test func aJobWhoseProgressCannotBeReadIsNotStarted() async throws {
        let order = Fixtures.order()
        let progress = folder(of: order) + "/job.json"
        try Files.makeFolder(folder(of: order))
        try Files.write(Data("{".utf8), to: progress)
        let host = Fixtures.host(place, trellis, FakeJobServices(engine: ScriptedEngine().run))
        let error = #expect(throws: (any Error).self) { _ = try JobRunner(order, host: host) }
        #expect(error.map { "\($0)" }?.contains(progress) == true)
        #expect(try Files.read(progress) == Data("{".utf8))
    }

    // MARK: - The whole way

    @Test func aPlanIsMadeStoredAndReported() async throws {
        await trellis.put(state: Fixtures.state(serial: 4))
        let seen = Mutex<[String: String]>([:])
        let order = Fixtures.order(
            files: ["main.tf": "resource", "m/a.tf": ""], variables: ["region": "eu", "size": 3],
            secrets: VineSecrets(variables: ["password": "hush-hush"], environment: ["KEY": "hush-hush"]))
        let services = FakeJobServices(
            engine: ScriptedEngine(hook: { command in
                if command.name == "plan" {
                    let file =
                        command.arguments.first { $0.hasPrefix("-var-file=") }.map { String($0.dropFirst(10)) } ?? ""
                    let mode = (try FileManager.default.attributesOfItem(atPath: file))[.posixPermissions] as? Int
                    seen.withLock { seen in
                        seen["file"] = file
                        seen["mode"] = String(mode ?? 0, radix: 8)
                        seen["text"] = (try? Files.read(file)).flatMap { $0 }.map {
                            String(decoding: $0, as: UTF8.self)
                        }
                        seen["state"] = (try? Files.read(command.workingDirectory + "/terraform.tfstate"))
                            .flatMap { $0 }.flatMap(StateReader.position).map { "\($0.serial)" }
                    }
                }
                return nil
            }).run)
        try await run(order, services)

        #expect(services.phases == ["init", "plan", "show"])
        #expect(services.commands[0].arguments == ["init", "-input=false"])
        #expect(services.commands[0].workingDirectory == "\(place.path)/run/\(order.vineId)")
        #expect(services.commands[0].environment["KEY"] == "hush-hush")
        #expect(services.commands[0].environment["TRELLIS_TOKEN"] == nil)
        let variables = seen.withLock { $0 }
        #expect(variables["mode"] == "600")
        #expect(variables["state"] == "4")
        #expect(variables["file"]?.hasPrefix(folder(of: order)) == true)
        #expect(
            try JSONValue(parsing: (variables["text"] ?? "").utf8) == [
                "password": "hush-hush", "region": "eu", "size": 3,
            ])

        let report = try #require(await trellis.lastReport)
        #expect(report.status == .success)
        #expect(report.engineState == .gone)
        #expect(report.plannedState == StatePosition(lineage: "l-1", serial: 4))
        #expect(report.outcome?.lockReleased == true)
        #expect(report.changes == PlannedChanges(add: 1))
        #expect(report.executionMetadata?["changes"] == PlannedChanges(add: 1).metadata)
        #expect(report.warnings == 0)
        #expect(report.executionMetadata?["engine"]?["version"] == "9.9.9")
        for name in ["init", "plan", "show"] {
            #expect(
                report.executionMetadata?["timing_ms"]?[name]?.integerValue != nil,
                "\(name): \(String(describing: report.executionMetadata?["timing_ms"]))")
        }
        #expect(report.log?.digest != nil)
        #expect(
            await trellis.calls == [
                "report PROCESSING", "lock", "state", "plan", "upload", "unlock", "report SUCCESS",
            ])
        #expect(
            services.notes == [
                "Restored state, serial 4", "Running terraform init (9.9.9, linux_amd64)", "Running terraform plan",
                "Running terraform show -json", "Saved plan: 1 to add, 0 to change, 0 to destroy", "Lock released",
            ])
        #expect(Files.kind(of: folder(of: order)) == nil)
        #expect(place.tree.filter { $0.hasPrefix("run/") && !$0.hasPrefix("run/.locks") }.isEmpty)
    }

    @Test func aDeployAppliesExactlyThatPlan() async throws {
        let vine = SystemDependencies.system.makeID(Vine.self)
        let plan = try await planned(vine, files: ["main.tf": "x", "made/by-plan.zip": "z"])
        let found = Mutex<[String]>([])
        let order = Fixtures.order(.deploy, vine: vine, plan: plan)
        let services = FakeJobServices(
            engine: ScriptedEngine(
                serial: 1, outputs: #"{"url":{"value":"https://x"},"key":{"value":"hush-hush","sensitive":true}}"#,
                hook: { command in
                    if command.name == "apply" {
                        let files = FileManager.default.enumerator(atPath: command.workingDirectory)
                        found.withLock { $0 = files?.compactMap { $0 as? String }.sorted() ?? [] }
                        let plan = command.arguments.last ?? ""
                        if try Files.read(plan) != Data("PLAN".utf8) { return .exited(code: 9) }
                    }
                    return nil
                }
            ).run)
        try await run(order, services)

        #expect(services.phases == ["init", "apply"])
        #expect(services.commands[0].arguments == ["init", "-input=false", "-lockfile=readonly"])
        #expect(found.withLock { $0 } == ["made", "made/by-plan.zip", "main.tf"])
        let report = try #require(await trellis.lastReport)
        #expect(report.status == .success)
        #expect(report.outcome?.serialBefore == nil)
        #expect(report.outcome?.serialAfter == 1)
        #expect(report.executionMetadata?["outputs"] == ["url": "https://x", "key": "(sensitive)"])
        #expect(
            await trellis.stored == [
                FakeTrellis.Stored(
                    position: StatePosition(lineage: "l-1", serial: 1), lockID: "\(order.jobId):1")
            ])
        #expect(await trellis.holder == nil)
        #expect(services.notes.contains("State serial 1 stored"))
    }

    @Test func aDestroyPlansAndAppliesThat() async throws {
        await trellis.put(state: Fixtures.state(serial: 4))
        let services = FakeJobServices(engine: ScriptedEngine(serial: 5).run)
        try await run(Fixtures.order(.destroy), services)
        #expect(services.phases == ["init", "plan", "show", "apply"])
        #expect(services.commands[1].arguments.contains("-destroy"))
        let report = try #require(await trellis.lastReport)
        #expect(report.status == .success)
        #expect(report.outcome?.serialBefore == 4)
        #expect(report.outcome?.serialAfter == 5)
        #expect(services.notes.contains("Planned: 1 to add, 0 to change, 0 to destroy"))
    }

    // MARK: - The start

    @Test func nothingRunsBeforeTheStartIsAcknowledged() async throws {
        let gate = Gate()
        await trellis.guarding { if $0 == "report PROCESSING" { await gate.pass() } }
        let services = FakeJobServices(engine: ScriptedEngine().run)
        let order = Fixtures.order()
        async let done: Void = run(order, services)
        await gate.someone()
        #expect(services.commands.isEmpty)
        #expect(services.notes.isEmpty)
        #expect(Files.kind(of: "\(place.path)/run/\(order.vineId)") == nil)
        gate.open()
        try await done
        #expect(services.phases.count == 3)
    }

    @Test(arguments: [409, 410, 404])
    func aStartThatIsRefusedLeavesNothing(status: Int) async throws {
        await trellis.guarding { if $0 == "report PROCESSING" { throw FakeTrellis.refused(status) } }
        let services = FakeJobServices(engine: ScriptedEngine().run)
        let order = Fixtures.order()
        try await run(order, services)
        #expect(services.commands.isEmpty)
        #expect(await trellis.calls == ["report PROCESSING"])
        #expect(Files.kind(of: folder(of: order)) == nil)
    }

    @Test func anEngineThatIsMissingIsSaid() async throws {
        let services = FakeJobServices(engine: ScriptedEngine().run)
        try await run(Fixtures.order(requirement: EngineRequirement(name: .terraform, version: "1.0.0")), services)
        #expect(services.commands.isEmpty)
        #expect(await trellis.lastReport?.status == .failed)
        #expect(await trellis.lastReport?.errorMessage == "This Tendril no longer has terraform 1.0.0.")
    }

    // MARK: - What keeps a job from running

    @Test func aStalePlanIsRefusedBeforeAnythingRuns() async throws {
        let vine = SystemDependencies.system.makeID(Vine.self)
        let plan = try await planned(vine)
        await trellis.put(state: Fixtures.state(serial: 2))
        let services = FakeJobServices(engine: ScriptedEngine().run)
        try await run(Fixtures.order(.deploy, vine: vine, plan: plan), services)
        #expect(services.commands.isEmpty)
        #expect(await trellis.lastReport?.status == .failed)
        #expect(
            await trellis.lastReport?.errorMessage
                == "The state moved from none to serial 2 after this plan. Create a new plan.")
        #expect(await trellis.holder == nil)
    }

    @Test func anAlteredPlanIsRefusedBeforeAnythingRuns() async throws {
        let vine = SystemDependencies.system.makeID(Vine.self)
        let plan = try await planned(vine)
        await trellis.put(artifact: Data("altered".utf8), of: plan.jobId)
        let services = FakeJobServices(engine: ScriptedEngine().run)
        try await run(Fixtures.order(.deploy, vine: vine, plan: plan), services)
        #expect(services.commands.isEmpty)
        #expect(await trellis.lastReport?.errorMessage?.contains("altered") == true)
    }

    @Test func aLockOfSomebodyElseIsWaitedFor() async throws {
        await trellis.hold("ana")
        let waits = Mutex(0)
        await trellis.guarding { [trellis] call in
            guard call == "lock" else { return }
            let count = waits.withLock { count in
                count += 1
                return count
            }
            if count == 3 { await trellis.hold(nil) }
        }
        let services = FakeJobServices(engine: ScriptedEngine().run)
        try await run(Fixtures.order(), services)
        #expect(services.notes.first == "Waiting for the state lock, held by ana")
        #expect(await trellis.lastReport?.status == .success)
    }

    @Test func aLockThatIsNeverFreeEndsTheJob() async throws {
        await trellis.hold("ana")
        let services = FakeJobServices(engine: ScriptedEngine().run)
        try await run(Fixtures.order(), services) { $0.lockPatience = .zero }
        #expect(services.commands.isEmpty)
        #expect(await trellis.lastReport?.errorMessage?.contains("locked by ana") == true)
        #expect(await trellis.holder == "ana")
    }

    // MARK: - Failure

    @Test func aFailedPhaseEndsTheJobWithTheEnginesWords() async throws {
        let services = FakeJobServices(
            errorSummary: "Error: bad hush-hush",
            engine: ScriptedEngine(hook: { $0.name == "plan" ? .exited(code: 1) : nil }).run)
        try await run(Fixtures.order(), services)
        let report = try #require(await trellis.lastReport)
        #expect(services.phases == ["init", "plan"])
        #expect(report.status == .failed)
        #expect(report.errorMessage == "Error: bad ***")
        #expect(report.outcome?.phase == "plan")
        #expect(report.outcome?.exitCode == 1)
        #expect(await trellis.holder == nil)
    }

    @Test func aFailedApplyStillSavesItsState() async throws {
        await trellis.put(state: Fixtures.state(serial: 4))
        let services = FakeJobServices(
            engine: ScriptedEngine(hook: { command in
                guard command.name == "apply" else { return nil }
                try Files.write(Fixtures.state(serial: 6), to: command.workingDirectory + "/terraform.tfstate")
                return .exited(code: 1)
            }).run)
        try await run(Fixtures.order(.destroy), services)
        let report = try #require(await trellis.lastReport)
        #expect(report.status == .failed)
        #expect(report.outcome?.serialBefore == 4)
        #expect(report.outcome?.serialAfter == 6)
        #expect(await trellis.stored.last?.position?.serial == 6)
        #expect(await trellis.calls.suffix(3) == ["store", "unlock", "report FAILED"])
    }

    @Test func reportsUnknownEnd() async throws {
        let services = FakeJobServices(engine: ScriptedEngine(hook: { $0.name == "plan" ? .unknown : nil }).run)
        try await run(Fixtures.order(), services)
        #expect(await trellis.lastReport?.engineState == .unknown)
        #expect(await trellis.lastReport?.status == .failed)
        #expect(await trellis.lastReport?.outcome?.result == .unknown)
    }

    @Test func aStateThatCantBeStoredIsKeptAndTheVineStaysLocked() async throws {
        await trellis.guarding { if $0 == "store" { throw FakeTrellis.refused(413, "Too large.") } }
        let services = FakeJobServices(engine: ScriptedEngine(serial: 7).run)
        let order = Fixtures.order(.destroy)
        try await run(order, services)
        let report = try #require(await trellis.lastReport)
        #expect(report.status == .failed)
        #expect(report.outcome?.lockReleased == false)
        #expect(report.errorMessage?.contains("Too large.") == true)
        #expect(await trellis.holder == "\(order.jobId):1")
        let kept = try Files.read("\(place.path)/work/kept/\(order.jobId)/terraform.tfstate")
        #expect(kept.flatMap(StateReader.position)?.serial == 7)
        #expect(Files.kind(of: "\(place.path)/run/\(order.vineId)/terraform.tfstate") == .file)
    }
}
