import Domain
import Foundation
import SystemCalls
import Testing
import Wire

@testable import Tendril

/// Cancels at every point, and restarts at every point.
@Suite struct JobCancelTests {
    private let place: Place
    private let trellis = FakeTrellis()

    init() throws {
        place = try Place()
        try Fixtures.putEngine(in: place)
    }

    /// Equipment whose engine stands still in `phase` until it is stopped, and then ends with `end`.
    private func services(
        stillIn phase: String, _ gate: Gate, end: PhaseEnd = .exited(code: 1), serial: Int64 = 5
    ) -> FakeJobServices {
        FakeJobServices(
            onStop: { gate.open() },
            engine: ScriptedEngine(
                serial: serial,
                hook: { command in
                    guard command.name == phase else { return nil }
                    await gate.pass()
                    if end.succeeded { return nil }
                    if phase == "apply" {
                        try Files.write(
                            Fixtures.state(serial: serial), to: command.workingDirectory + "/terraform.tfstate")
                    }
                    return end
                }
            ).run)
    }

    private func start(_ order: ClaimResponse, _ services: FakeJobServices) async throws -> JobRunner {
        await trellis.grant(order)
        return try JobRunner(order, host: Fixtures.host(place, trellis, services))
    }

    @Test(arguments: ["init", "plan", "show", "apply"])
    func duringAPhase(phase: String) async throws {
        await trellis.put(state: Fixtures.state(serial: 4))
        let gate = Gate()
        let services = services(stillIn: phase, gate)
        let order = Fixtures.order(.destroy)
        let runner = try await start(order, services)
        async let done: Void = runner.run()
        await gate.someone()
        await trellis.cancel(order.jobId)
        await runner.cancel()
        await runner.cancel()
        await done

        #expect(services.phases.last == phase)
        #expect(services.stops == 1)
        #expect(services.notes.filter { $0.hasPrefix("Cancel requested") }.count == 1)
        let report = try #require(await trellis.lastReport)
        #expect(report.status == nil)
        #expect(report.engineState == .gone)
        #expect(report.outcome?.result == .interrupted)
        #expect(report.outcome?.lockReleased == true)
        #expect(report.outcome?.serialAfter == (phase == "apply" ? 5 : 4))
        #expect(report.log != nil)
        #expect(await trellis.holder == nil)
        #expect(await trellis.stored.count == (phase == "apply" ? 1 : 0))
    }

    @Test func justBeforeAPhaseBegins() async throws {
        struct Stopped: Error {}
        let gate = Gate()
        let services = FakeJobServices(
            onStop: { gate.open() },
            engine: ScriptedEngine(hook: { command in
                guard command.name == "apply" else { return nil }
                await gate.pass()
                throw Stopped()
            }).run)
        let order = Fixtures.order(.destroy)
        let runner = try await start(order, services)
        async let done: Void = runner.run()
        await gate.someone()
        await trellis.cancel(order.jobId)
        await runner.cancel()
        await done
        #expect(await trellis.lastReport?.outcome?.result == .interrupted)
        #expect(await trellis.lastReport?.outcome?.summary.contains("nothing was applied") == true)
        #expect(await trellis.stored.isEmpty)
    }

    @Test func cancelAfterApplyFinished() async throws {
        let gate = Gate()
        let services = services(stillIn: "apply", gate, end: .exited(code: 0))
        let order = Fixtures.order(.destroy)
        let runner = try await start(order, services)
        async let done: Void = runner.run()
        await gate.someone()
        await trellis.cancel(order.jobId)
        await runner.cancel()
        await done
        #expect(await trellis.lastReport?.outcome?.result == .succeeded)
        #expect(await trellis.lastReport?.outcome?.summary.contains("too late") == true)
    }

    @Test(arguments: ["lock", "state", "upload"])
    func betweenThePhases(call: String) async throws {
        let gate = Gate()
        await trellis.guarding { if $0 == call { await gate.pass() } }
        let services = FakeJobServices(engine: ScriptedEngine().run)
        let order = Fixtures.order()
        let runner = try await start(order, services)
        async let done: Void = runner.run()
        await gate.someone()
        await trellis.cancel(order.jobId)
        await runner.cancel()
        gate.open()
        await done
        #expect(services.phases == (call == "upload" ? ["init", "plan", "show"] : []))
        #expect(await trellis.lastReport?.status == nil)
        #expect(await trellis.lastReport?.outcome != nil)
        #expect(await trellis.holder == nil)
    }

    @Test func cancelWhileWaitingForLock() async throws {
        await trellis.hold("ana")
        let gate = Gate()
        await trellis.guarding { if $0 == "lock" { await gate.pass() } }
        let services = FakeJobServices(engine: ScriptedEngine().run)
        let order = Fixtures.order()
        let runner = try await start(order, services)
        async let done: Void = runner.run()
        await gate.someone()
        gate.open()
        await trellis.cancel(order.jobId)
        await runner.cancel()
        await done
        #expect(services.commands.isEmpty)
        #expect(await trellis.lastReport?.outcome?.result == .interrupted)
        #expect(await trellis.holder == "ana")
    }

    @Test func learntOnlyWhenTrellisIsAskedBeforeTheApply() async throws {
        let order = Fixtures.order(.destroy)
        let services = FakeJobServices(
            engine: ScriptedEngine(hook: { [trellis] command in
                if command.name == "show" { await trellis.cancel(order.jobId) }
                return nil
            }).run)
        let runner = try await start(order, services)
        await runner.run()
        #expect(services.phases == ["init", "plan", "show"])
        #expect(await trellis.lastReport?.outcome?.result == .interrupted)
    }

    @Test func aLostLeaseBeginsNoFurtherPhase() async throws {
        let gate = Gate()
        let services = services(stillIn: "plan", gate, end: .exited(code: 0))
        let order = Fixtures.order(.destroy)
        let runner = try await start(order, services)
        async let done: Void = runner.run()
        await gate.someone()
        await trellis.giveUp(order.jobId)
        await runner.markLeaseLost()
        #expect(services.stops == 0)
        gate.open()
        await done
        #expect(services.phases == ["init", "plan"])
        #expect(await trellis.lastReport?.status == .failed)
    }

    // MARK: - Restarts

    /// Lets go of the job while its engine is in `phase`, and takes it up again with new services on the same engine.
    private func restart(in phase: String, during away: (ClaimResponse) async -> Void) async throws -> (
        ClaimResponse, FakeJobServices
    ) {
        await trellis.put(state: Fixtures.state(serial: 4))
        let gate = Gate()
        let services = services(stillIn: phase, gate, end: .exited(code: 0))
        let order = Fixtures.order(.destroy, secrets: VineSecrets(variables: ["password": "hush-hush"]))
        let first = try await start(order, services)
        let task = Task { await first.run() }
        await gate.someone()
        task.cancel()
        await task.value
        #expect(await trellis.reports.allSatisfy { $0.status == .processing })
        #expect(place.text(of: "work/jobs/\(order.jobId)/job.json")?.contains("hush-hush") == false)

        await away(order)
        let host = Fixtures.host(place, trellis, services)
        let second = try #require(try JobRunner(resuming: host.folder(of: order.jobId), host: host))
        let run = Task { await second.run() }
        gate.open()
        await run.value
        return (order, services)
    }

    @Test(arguments: ["init", "plan", "show", "apply"])
    func goesOnAfterARestart(phase: String) async throws {
        let (order, services) = try await restart(in: phase) { _ in }
        #expect(services.phases == ["init", "plan", "show", "apply"])
        #expect(services.secrets.count == 2)
        #expect(services.secrets.allSatisfy { $0?.variables["password"] == "hush-hush" })
        let report = try #require(await trellis.lastReport)
        #expect(report.status == .success)
        #expect(report.outcome?.serialBefore == 4)
        #expect(report.outcome?.serialAfter == 5)
        #expect(await trellis.holder == nil)
        #expect(Files.kind(of: "\(place.path)/work/jobs/\(order.jobId)") == nil)
    }

    @Test func givenUpJobOnlyAwaitsEngine() async throws {
        let (_, services) = try await restart(in: "apply") { [trellis] order in
            await trellis.giveUp(order.jobId)
            await trellis.guarding { if $0 == "work" { throw FakeTrellis.refused(410, "Not yours.") } }
        }
        // Trellis tells the secrets no more: the log is masked with what was kept, and so may still be shipped.
        #expect(services.secrets.last??.variables["password"] == "hush-hush")
        let report = try #require(await trellis.lastReport)
        #expect(report.status == nil)
        #expect(report.outcome?.result == .succeeded)
        #expect(await trellis.stored.count == 1)
    }

    @Test func aJobThatWasGivenUpInItsPlanAppliesNothing() async throws {
        let (_, services) = try await restart(in: "plan") { [trellis] order in
            await trellis.giveUp(order.jobId)
            await trellis.guarding { if $0 == "work" { throw FakeTrellis.refused(410, "Not yours.") } }
        }
        #expect(services.phases == ["init", "plan"])
        #expect(await trellis.holder == nil)
    }

    @Test func aCancelThatWasUnderWayIsTakenUp() async throws {
        await trellis.put(state: Fixtures.state(serial: 4))
        let gate = Gate()
        // Ignores the first process' stop.
        let services = FakeJobServices(
            engine: ScriptedEngine(hook: { command in
                guard command.name == "apply" else { return nil }
                await gate.pass()
                return .exited(code: 1)
            }).run)
        let order = Fixtures.order(.destroy)
        let first = try await start(order, services)
        let task = Task { await first.run() }
        await gate.someone()
        await trellis.cancel(order.jobId)
        await first.cancel()
        while services.stops == 0 { await Task.yield() }
        task.cancel()
        await task.value

        let host = Fixtures.host(place, trellis, services)
        let second = try #require(try JobRunner(resuming: host.folder(of: order.jobId), host: host))
        let run = Task { await second.run() }
        #expect(second.stop.isRequested)
        gate.open()
        await run.value
        #expect(services.phases.last == "apply")
        #expect(services.phases.filter { $0 == "apply" }.count == 1)
        #expect(await trellis.lastReport?.outcome?.result == .interrupted)
    }

    @Test func aClaimThatNeverStartedIsAskedForAgain() async throws {
        let gate = Gate()
        await trellis.guarding { if $0 == "report PROCESSING" { await gate.pass() } }
        let services = FakeJobServices(engine: ScriptedEngine().run)
        let order = Fixtures.order()
        let first = try await start(order, services)
        let task = Task { await first.run() }
        await gate.someone()
        await trellis.guarding { if $0 == "report PROCESSING" { try Task.checkCancellation() } }
        task.cancel()
        gate.open()
        await task.value
        let host = Fixtures.host(place, trellis, services)
        let second = try #require(try JobRunner(resuming: host.folder(of: order.jobId), host: host))
        await second.run()
        #expect(await trellis.calls.contains("work"))
        let last = await trellis.lastReport
        let calls = await trellis.calls
        #expect(last?.status == .success, "\(String(describing: last)) \(calls)")
    }
}
