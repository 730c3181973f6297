import Domain
import Foundation
import Testing
import Wire

@testable import Trellis

/// `/api/jobs/{id}/resources`.
@Suite struct JobResourcesTests {
    private func put(_ tendril: API, _ order: ClaimResponse, _ request: ReportResourcesRequest) async throws -> Reply {
        let body = String(decoding: try WireJSON.encode(request), as: UTF8.self)
        return try await tendril.put("/api/jobs/\(order.jobId)/resources", body)
    }

    private func get(_ api: API, _ job: JobID, _ query: String = "") async throws -> RunResourcesResponse {
        try await api.get("/api/jobs/\(job)/resources\(query)").decode(RunResourcesResponse.self)
    }

    private let graph = RunGraph(
        nodes: [
            .init(address: "x.db", action: .create, group: 0), .init(address: "x.app", action: .create, group: 1),
        ], groups: ["x.db", "x.app"], dependencies: [[], [0]])

    private func running(_ address: String, line: Int64 = 7) -> RunResource {
        RunResource(
            address: address, action: .create, state: .running, startedAt: Timestamp(milliseconds: 5), firstLine: line)
    }

    @Test func aDeployShowsWhatItsPlanKnows() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let tendril = try await api.makeTendril()
            let plan = try await api.makeJob(on: vine.id)
            let planning = try await tendril.claim()
            #expect(try await tendril.report(planning, API.start).status == 200)
            #expect(try await put(tendril, planning, ReportResourcesRequest(epoch: 1, graph: graph)).status == 204)
            #expect(try await tendril.saveArtifact(planning).status == 204)
            #expect(
                try await tendril.report(planning, #""status": "SUCCESS", "engine_state": "GONE""#).status == 200)
            #expect(try await get(api, plan.id).items.isEmpty)

            let deploy = try await api.post("/api/jobs/\(plan.id)/apply").decode(JobResponse.self)
            #expect(try await get(api, deploy.id).items.map(\.state) == [.waiting, .waiting])
            let order = try await tendril.claim()
            #expect(try await tendril.report(order, API.start).status == 200)
            #expect(
                try await put(tendril, order, ReportResourcesRequest(epoch: 1, items: [running("x.db")])).status == 204)
            let reply = try await api.get("/api/jobs/\(deploy.id)/resources")
            let first = try #require(
                (JSONSerialization.jsonObject(with: reply.body) as? [String: Any])?["items"] as? [[String: Any]])
            #expect(first.count == 2)
            #expect(
                Set(first[0].keys) == [
                    "address", "action", "state", "started_at", "first_line", "waits_for", "critical",
                ])
            #expect(first[0]["first_line"] as? Int == 7)
            #expect(first[1]["waits_for"] as? [String] == ["x.db"] && first[1]["state"] as? String == "waiting")

            let revision = try await get(api, deploy.id).revision
            #expect(revision == 1)
            let same = try await get(api, deploy.id, "?since=\(revision)")
            #expect(same.isPartial && same.items.isEmpty)
            #expect(try await get(api, deploy.id, "?since=99").items.count == 2)
            // Nothing runs after the end, whoever asks.
            #expect(try await tendril.report(order, #""status": "FAILED", "engine_state": "GONE""#).status == 200)
            let ended = try await get(api, deploy.id, "?since=\(revision)")
            #expect(!ended.isPartial && ended.items.map(\.state) == [.unknown, .waiting])
        }
    }

    @Test func onlyTheLeaseHolderReports() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let tendril = try await api.makeTendril()
            let other = try await api.makeTendril("tendril-2")
            _ = try await api.makeJob(on: vine.id)
            let order = try await tendril.claim()
            let request = ReportResourcesRequest(epoch: 1, items: [running("x.db")])
            #expect(try await put(tendril, order, request).status == 410, "not started")
            #expect(try await tendril.report(order, API.start).status == 200)
            #expect(try await put(other, order, request).status == 410)
            #expect(try await put(api, order, request).status == 403)
            #expect(try await put(tendril, order, ReportResourcesRequest(epoch: 2, items: [])).status == 410)
            let many = Array(repeating: running("x.db"), count: ReportResourcesRequest.maximumItems + 1)
            #expect(try await put(tendril, order, ReportResourcesRequest(epoch: 1, items: many)).status == 400)
            #expect(try await put(tendril, order, request).status == 204)
            #expect(try await tendril.get("/api/jobs/\(order.jobId)/resources").status == 403)
            #expect(try await api.get("/api/jobs/\(AuthorizationTests.id)/resources").status == 404)
            #expect(try await api.get("/api/jobs/\(order.jobId)/resources?since=-1").status == 400)
        }
    }

    @Test func anAppendSaysWhereItsLinesAre() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let tendril = try await api.makeTendril()
            let job = try await api.makeJob(on: vine.id)
            let order = try await tendril.claim()
            #expect(try await tendril.report(order, API.start).status == 200)
            let first = try await tendril.append(order, n: 1, "a\nb\n").decode(LogCursorResponse.self)
            let second = try await tendril.append(order, n: 2, "c\n").decode(LogCursorResponse.self)
            let lines = try #require(first.lines)
            #expect(second.lines == lines + 1)
            let window = try await api.get("/api/jobs/\(job.id)/logs/lines?from=\(lines)&count=1")
            #expect(window.text.contains("\"b\""), "\(window.text)")
            // What was stored before may be followed by others' lines.
            let again = try await tendril.append(order, n: 2, "c\n").decode(LogCursorResponse.self)
            #expect(again.lines == nil)
        }
    }
}
