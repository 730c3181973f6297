import Domain
import Foundation
import SystemCalls
import Testing
import Wire

@testable import Tendril

/// The changes of a plan on their way to Trellis.
extension JobRunnerTests {
    @Test(arguments: [JobType.plan, .destroy]) func theChangesAreSentBeforeTheEnd(_ type: JobType) async throws {
        let order = Fixtures.order(type)
        try await run(order, FakeJobServices(engine: ScriptedEngine().run))
        let parts = try #require(await trellis.plans[order.jobId])
        #expect(parts.flatMap(\.changes).map(\.change.address) == ["terraform_data.a"])
        #expect(parts.last?.summary != nil && parts.first?.epoch == 1)
        let calls = await trellis.calls
        let (sent, end) = (calls.firstIndex(of: "plan") ?? .max, calls.firstIndex(of: "report SUCCESS") ?? -1)
        #expect(sent < end, "\(calls)")
        let report = try #require(await trellis.lastReport)
        #expect(report.truncated ?? [] == [])
    }

    /// Whatever happens to the changes, the job ends as it would without them.
    @Test(arguments: [404, 400, 500, 413]) func changesThatAreRefusedDoNotFailTheJob(_ status: Int) async throws {
        await trellis.guarding { call in if call == "plan" { throw FakeTrellis.refused(status, "Not here.") } }
        let services = FakeJobServices(engine: ScriptedEngine().run)
        let order = Fixtures.order()
        try await run(order, services)
        let report = try #require(await trellis.lastReport)
        #expect(report.status == .success && report.changes?.add == 1)
        #expect(report.truncated == ["plan_changes"])
        #expect(services.notes.contains { $0.contains("can't show this plan's changes: Not here.") })
        #expect(await trellis.plans[order.jobId] == nil)
    }

    @Test func secretsOfTheJobAreNotInTheChanges() async throws {
        let services = FakeJobServices(
            masking: "hush-hush",
            engine: ScriptedEngine(hook: { command in
                guard command.name == "show" else { return nil }
                let plan = #"""
                    {"resource_changes":[{"address":"x.a[\"hush-hush\"]","type":"x","change":{"actions":["create"],
                      "before":null,"after":{"a":"say hush-hush","hush-hush":"b"}}}]}
                    """#
                try Files.write(Data(plan.utf8), to: command.stdoutFile ?? "/nowhere")
                return .exited(code: 0)
            }).run)
        try await run(Fixtures.order(), services)
        let bodies = await trellis.bodies.filter { $0.call == "plan" }
        #expect(bodies.count == 1)
        #expect(!String(decoding: bodies[0].body, as: UTF8.self).contains("hush"))
    }
}
