import Domain
import Foundation
import Synchronization
import SystemCalls
import Testing
import Wire

@testable import Tendril

@Suite struct DispatcherTests {
    private let place: Place
    private let trellis = FakeTrellis()

    init() throws { place = try Place() }

    private func configuration(slots: Int = 1) -> TendrilConfiguration {
        var configuration = TendrilConfiguration(
            trellisURL: "http://nowhere", id: Fixtures.worker, token: "never-shown", version: "1",
            workDir: place.path + "/work", runRoot: place.path + "/run")
        configuration.slots = slots
        return configuration
    }

    private func dispatcher(_ services: FakeJobServices, slots: Int = 1) -> Dispatcher {
        Dispatcher(configuration: configuration(slots: slots), host: Fixtures.host(place, trellis, services))
    }

    /// Waits for something that is about to come true.
    private func eventually(_ condition: @Sendable () async -> Bool) async throws {
        for _ in 0..<20_000 {
            if await condition() { return }
            try await Task.sleep(for: .milliseconds(1))
        }
        Issue.record("it never came true")
    }

    @Test func claimsWhileSlotsAreFreeAndAgainWhenOneIs() async throws {
        try Fixtures.putEngine(in: place)
        let orders = (0..<3).map { _ in Fixtures.order() }
        for order in orders { await trellis.offer(order) }
        let gate = Gate()
        let running = Mutex((now: 0, most: 0))
        let services = FakeJobServices(
            engine: ScriptedEngine(hook: { command in
                guard command.name == "plan" else { return nil }
                running.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
                await gate.pass()
                running.withLock { $0.now -= 1 }
                return nil
            }).run)
        let dispatcher = dispatcher(services, slots: 2)
        let task = Task { await dispatcher.run() }
        try await eventually { running.withLock { $0.now } == 2 }
        let waiting = await trellis.queue.count
        #expect(waiting == 1, "\(services.notes) \(services.phases)")
        gate.open()
        try await eventually { [trellis] in
            for order in orders where await trellis.status(of: order.jobId) != .success { return false }
            return true
        }
        #expect(running.withLock { $0.most } == 2)
        task.cancel()
        await task.value
        #expect(await trellis.heartbeats.last?.draining == true)
        #expect(await trellis.heartbeats.first?.engines.first?.version == "9.9.9")
    }

    @Test func withoutAnEngineNothingIsClaimed() async throws {
        let empty = place.path + "/none"
        try Files.makeFolder(empty)
        await trellis.offer(Fixtures.order())
        let services = FakeJobServices(engine: ScriptedEngine().run)
        var host = Fixtures.host(place, trellis, services)
        host.engines = EngineFinder(folders: [empty], environment: ["PATH": empty])
        let dispatcher = Dispatcher(configuration: configuration(), host: host)
        let task = Task { await dispatcher.run() }
        try await eventually { [trellis] in await trellis.heartbeats.count > 3 }
        #expect(await !trellis.calls.contains("claim"))
        task.cancel()
        await task.value
    }

    @Test(arguments: [true, false])
    func aStopReachesItsJob(byEvent: Bool) async throws {
        try Fixtures.putEngine(in: place)
        let gate = Gate()
        let services = FakeJobServices(
            onStop: { gate.open() },
            engine: ScriptedEngine(hook: { command in
                guard command.name == "plan" else { return nil }
                await gate.pass()
                return .exited(code: 1)
            }).run)
        let order = Fixtures.order()
        await trellis.offer(order)
        let dispatcher = dispatcher(services)
        let task = Task { await dispatcher.run() }
        await gate.someone()
        await trellis.cancel(order.jobId)
        if byEvent {
            await trellis.send(.stop(order.jobId))
        } else {
            await trellis.answer(
                HeartbeatResponse(
                    serverNow: Timestamp(milliseconds: 0), work: false, stop: [order.jobId],
                    lost: [LeaseMessage(jobId: order.jobId, epoch: 1)]))
        }
        try await eventually { [trellis] in await trellis.lastReport?.outcome?.result == .interrupted }
        #expect(services.stops == 1)
        task.cancel()
        await task.value
    }

    @Test func resumesJobsAndListsThemInFirstHeartbeat() async throws {
        try Fixtures.putEngine(in: place)
        let gate = Gate()
        let services = FakeJobServices(
            engine: ScriptedEngine(hook: { command in
                if command.name == "plan" { await gate.pass() }
                return nil
            }).run)
        let order = Fixtures.order()
        await trellis.offer(order)
        let first = Task { [dispatcher = dispatcher(services)] in await dispatcher.run() }
        await gate.someone()
        first.cancel()
        await first.value
        #expect(await trellis.status(of: order.jobId) == .processing)

        try Files.makeFolder(place.path + "/work/jobs/not-a-job")
        try Files.makeFolder(place.path + "/work/jobs/\(SystemDependencies.system.makeID(Job.self))")
        let before = await trellis.heartbeats.count
        let second = Task { [dispatcher = dispatcher(services)] in await dispatcher.run() }
        try await eventually { [trellis] in await trellis.heartbeats.count > before }
        #expect(await trellis.heartbeats[before].leases == [LeaseMessage(jobId: order.jobId, epoch: 1)])
        gate.open()
        try await eventually { [trellis] in await trellis.status(of: order.jobId) == .success }
        #expect(services.phases == ["init", "plan", "show"])
        second.cancel()
        await second.value
    }

    @Test func heartbeatIncludesLeaseBeingGranted() async throws {
        try Fixtures.putEngine(in: place)
        let order = Fixtures.order()
        await trellis.offer(order)
        let claiming = Gate()
        await trellis.guarding { if $0 == "claim" { await claiming.pass() } }
        let hold = Gate()
        let services = FakeJobServices(
            engine: ScriptedEngine(hook: { _ in
                await hold.pass()
                return nil
            }).run)
        let dispatcher = dispatcher(services)
        let task = Task { await dispatcher.run() }
        await claiming.someone()
        let during = await trellis.heartbeats.count
        for _ in 0..<50 { try await Task.sleep(for: .milliseconds(1)) }
        #expect(await trellis.heartbeats.count == during)
        claiming.open()
        try await eventually { [trellis] in await trellis.heartbeats.count > during }
        #expect(await trellis.heartbeats[during].leases == [LeaseMessage(jobId: order.jobId, epoch: 1)])
        hold.open()
        task.cancel()
        await task.value
    }

    // MARK: - Damaged data, and a claim that comes twice

    @Test func anUnreadableJobsFolderStopsTheTendril() async throws {
        try place.write("not a folder", to: "work/jobs")
        let dispatcher = dispatcher(FakeJobServices(engine: ScriptedEngine().run))
        let task = Task { await dispatcher.run() }
        try await eventually { dispatcher.failure != nil }
        task.cancel()
        await task.value
        #expect(dispatcher.failure?.description.contains(place.path + "/work/jobs") == true)
        #expect(await trellis.calls.isEmpty)
    }

    /// One unreadable job stops neither the Tendril nor the others, and never begins again.
    @Test func anUnreadableJobIsLeftAloneAndTheOthersGoOn() async throws {
        try Fixtures.putEngine(in: place)
        let (damaged, other) = (Fixtures.order(), Fixtures.order())
        let progress = "work/jobs/\(damaged.jobId)/job.json"
        try place.write("{", to: progress)
        let services = FakeJobServices(engine: ScriptedEngine().run)
        await trellis.offer(damaged)
        await trellis.offer(other)
        let dispatcher = dispatcher(services)
        let task = Task { await dispatcher.run() }
        try await eventually { [trellis] in await trellis.status(of: other.jobId) == .success }
        task.cancel()
        await task.value
        #expect(dispatcher.failure == nil)
        // Claimed, and never started.
        #expect(await trellis.status(of: damaged.jobId) == .claimed)
        #expect(place.text(of: progress) == "{")
        // No heartbeat names it after that: Trellis gives it up, and its vine stays locked.
        let named = await trellis.heartbeats.last?.leases.contains { $0.jobId == damaged.jobId }
        #expect(named != true)
    }

    @Test func heartbeatsContinueWhileAnEarlierClaimOfTheJobEnds() async throws {
        try Fixtures.putEngine(in: place)
        let starting = Gate()
        let isFirst = Mutex(true)
        await trellis.guarding { call in
            let isEarlier =
                call == "report PROCESSING"
                && isFirst.withLock { isFirst in
                    defer { isFirst = false }
                    return isFirst
                }
            guard isEarlier else { return }
            await starting.pass()
            throw FakeTrellis.refused(410, "This lease was lost.")
        }
        let order = Fixtures.order()
        var again = order
        again.epoch = 2
        await trellis.offer(order)
        let services = FakeJobServices(engine: ScriptedEngine().run)
        let dispatcher = dispatcher(services, slots: 2)
        let task = Task { await dispatcher.run() }
        await starting.someone()
        await trellis.offer(again)
        await trellis.send(.work)
        let lease = LeaseMessage(jobId: order.jobId, epoch: 2)
        try await eventually { [trellis] in await trellis.heartbeats.last?.leases.contains(lease) == true }
        let before = await trellis.heartbeats.count
        try await eventually { [trellis] in await trellis.heartbeats.count > before + 2 }
        #expect(services.phases.isEmpty)
        starting.open()
        try await eventually { [trellis] in await trellis.status(of: order.jobId) == .success }
        #expect(await trellis.lastReport?.epoch == 2)
        task.cancel()
        await task.value
    }

    // MARK: - Draining and a wrong token

    @Test func aDrainingTendrilFinishesWhatItHasAndTakesNothingNew() async throws {
        try Fixtures.putEngine(in: place)
        let gate = Gate()
        let services = FakeJobServices(
            engine: ScriptedEngine(hook: { command in
                if command.name == "plan" { await gate.pass() }
                return nil
            }).run)
        let (first, second) = (Fixtures.order(), Fixtures.order())
        await trellis.offer(first)
        let dispatcher = dispatcher(services)
        let task = Task { await dispatcher.run() }
        await gate.someone()
        dispatcher.drain()
        try await eventually { [trellis] in await trellis.heartbeats.last?.draining == true }
        await trellis.offer(second)
        await trellis.send(.work)
        let before = await trellis.heartbeats.count
        try await eventually { [trellis] in await trellis.heartbeats.count > before + 2 }
        #expect(await trellis.status(of: second.jobId) != .processing)
        gate.open()
        // By itself: nobody cancels it.
        await task.value
        #expect(await trellis.status(of: first.jobId) == .success)
        #expect(await trellis.heartbeats.last?.draining == true)
        #expect(dispatcher.failure == nil)
    }

    @Test func anIdleTendrilThatDrainsEndsAtOnce() async throws {
        let dispatcher = dispatcher(FakeJobServices(engine: ScriptedEngine().run))
        dispatcher.drain()
        await dispatcher.run()
        #expect(await trellis.heartbeats.last?.draining == true)
    }

    @Test func aWrongTokenEndsTheTendril() async throws {
        await trellis.guarding { call in if call == "heartbeat" { throw FakeTrellis.refused(401) } }
        let dispatcher = dispatcher(FakeJobServices(engine: ScriptedEngine().run))
        await dispatcher.run()
        #expect(dispatcher.failure?.description.contains("TENDRIL_TOKEN") == true)
        #expect(dispatcher.failure?.description.contains("never-shown") == false)
    }

    @Test func aSecondTendrilInTheSameFolderDoesNotStart() async throws {
        let lock = try TendrilService.claim(place.path + "/work")
        let service = TendrilService(configuration: configuration(), logger: Fixtures.logger)
        let error = await #expect(throws: TendrilStartError.self) { try await service.run() }
        #expect(error?.description.contains("Another Tendril") == true)
        withExtendedLifetime(lock) {}
    }

    @Test func theTokenDoesNotShow() {
        var text = "\(configuration())" + String(reflecting: configuration())
        dump(configuration(), to: &text)
        #expect(!text.contains("never-shown"))
    }
}
