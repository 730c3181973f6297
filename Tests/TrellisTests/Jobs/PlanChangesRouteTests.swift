import Domain
import Foundation
import Testing
import Wire

@testable import Trellis

/// What plans change, through the API.
@Suite struct PlanChangesRouteTests {
    private func change(_ n: Int, _ address: String = "x.a", more: String = "") -> String {
        """
        {"change": {"n": \(n), "address": "\(address)", "module": "", "type": "x", "action": "create", "forces": [],
          "drift": false, "attributes": []\(more)}, "digest": "d\(n)",
         "detail": {"diff": [{"path": "p", "after": 1}], "outline": [], "unchanged": 2}}
        """
    }

    @Test func aPlanIsStoredInPartsAndRead() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let tendril = try await api.makeTendril()
            let plan = try await api.makeJob(on: vine.id)
            let path = "/api/jobs/\(plan.id)/plan"
            #expect(try await api.get(path).decode(PlanChangesResponse.self).summary["state"] == "none")
            let order = try await tendril.claim()
            #expect(try await tendril.report(order, API.start).status == 200)
            let first = try await tendril.put(
                path, #"{"epoch": 1, "is_first": true, "changes": [\#(change(1)), \#(change(2, "x.b"))]}"#)
            #expect(first.status == 204, "\(first.text)")
            #expect(try await api.get(path).decode(PlanChangesResponse.self).summary["state"] == "partial")
            let last = try await tendril.put(
                path, #"{"epoch": 1, "is_first": false, "changes": [\#(change(3, "x.c"))], "summary": {"total": 3}}"#)
            #expect(last.status == 204)
            let page = try await api.get(path + "?limit=2").decode(PlanChangesResponse.self)
            #expect(page.items.map(\.address) == ["x.a", "x.b"] && page.summary["total"] == 3)
            let next = try await api.get(path + "?cursor=\(page.nextCursor ?? "")").decode(PlanChangesResponse.self)
            #expect(next.items.map(\.address) == ["x.c"] && next.nextCursor == nil)
            let one = try await api.get(path + "/resources/2").decode(PlanResourceResponse.self)
            #expect(one.change.address == "x.b" && one.unchanged == 2 && one.diff.count == 1)
            for wrong in ["/resources/4", "/resources/0", "/resources/x"] {
                #expect(try await api.get(path + wrong).status == 404)
            }
            for (query, status) in [
                ("?cursor=x", 400), ("?cursor=-1", 400), ("?action=shrug", 400), ("?limit=1001", 400), ("?o=1", 400),
                ("/compare", 400), ("/compare?with=\(plan.id)", 200),
            ] {
                #expect(try await api.get(path + query).status == status, "\(query)")
            }
        }
    }

    @Test func onlyTheHolderOfTheLeaseStoresChanges() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let tendril = try await api.makeTendril()
            let plan = try await api.makeJob(on: vine.id)
            let path = "/api/jobs/\(plan.id)/plan"
            let order = try await tendril.claim()
            #expect(try await tendril.report(order, API.start).status == 200)
            let body = #"{"epoch": 1, "is_first": true, "changes": [\#(change(1))], "summary": {}}"#
            #expect(try await api.put(path, body).status == 403)
            #expect(try await api.makeTendril("other").put(path, body).status == 410)
            #expect(try await tendril.put(path, body.replacing(#""epoch": 1"#, with: #""epoch": 2"#)).status == 410)
            for wrong in [
                #"{"epoch": 1, "is_first": true, "changes": [\#(change(2)), \#(change(1))]}"#,
                #"{"epoch": 1, "is_first": true, "changes": [\#(change(PlanChangeLimits.resources + 1))]}"#,
                #"{"epoch": 1, "is_first": true, "changes": [\#(change(0))]}"#,
                #"{"epoch": 1, "is_first": true, "changes": [], "summary": []}"#,
                #"{"epoch": 1, "is_first": true, "changes": [\#(change(1, String(repeating: "a", count: 5_000)))]}"#,
            ] {
                #expect(try await tendril.put(path, wrong).status == 400, "\(wrong.prefix(200))")
            }
            #expect(try await tendril.put(path, body).status == 204)
            #expect(try await tendril.report(order, #""status": "FAILED", "engine_state": "GONE""#).status == 200)
            // The end of the job ends the lease.
            #expect(try await tendril.put(path, body).status == 410)
        }
    }
}
