import Domain
import Foundation
import NIOHTTP1
import Testing
import Wire

/// Plans that change no resource, with the real engine: what the API tells of them.
extension EndToEndTests {
    @Test func importsMovesAndForgottenResourcesAreCounted() async throws {
        try await RunningVintner.with { vintner in
            let vine = try await vintner.makeVine(
                """
                resource "terraform_data" "old" { input = 1 }
                resource "terraform_data" "left" { input = 2 }
                """)
            func source(_ text: String) async throws {
                let file = String(decoding: try JSONEncoder().encode(text), as: UTF8.self)
                let reply = try await vintner.call(
                    .PATCH, "/api/vines/\(vine.id)", #"{"source": {"type": "inline", "files": {"main.tf": \#(file)}}}"#)
                #expect(reply.status == 200)
            }
            /// Plans and applies; both tell the same, and the log says it.
            func change(_ expected: PlannedChanges, _ addresses: [String: String], _ sentence: String) async throws {
                let plan = try await vintner.finished(vintner.plan(vine).id)
                #expect(plan.status == .success && plan.changes == expected, "\(plan)")
                #expect(plan.outcome?.summary == "Saved plan: \(sentence).")
                #expect(try await vintner.log(plan.id).contains("Saved plan: \(sentence)"))
                #expect(plan.executionMetadata["changes"] == expected.metadata)
                guard case .array(let resources) = plan.executionMetadata["resources"] else {
                    return #expect(Bool(false), "\(plan.executionMetadata)")
                }
                let named = resources.map { ($0["address"]?.stringValue ?? "", $0["action"]?.stringValue ?? "") }
                #expect(Dictionary(uniqueKeysWithValues: named) == addresses)
                let deploy: JobResponse = try await vintner.post("/api/jobs/\(plan.id)/apply")
                let applied = try await vintner.finished(deploy.id)
                #expect(applied.status == .success && applied.changes == expected, "\(applied)")
            }
            try await change(
                PlannedChanges(add: 2), ["terraform_data.old": "create", "terraform_data.left": "create"],
                "2 to add, 0 to change, 0 to destroy")
            try await source(
                """
                resource "terraform_data" "new" { input = 1 }
                moved {
                  from = terraform_data.old
                  to   = terraform_data.new
                }
                resource "terraform_data" "left" { input = 2 }
                """)
            try await change(PlannedChanges(moves: 1), ["terraform_data.new": "move"], "1 moved")
            try await source(
                """
                resource "terraform_data" "new" { input = 1 }
                removed {
                  from = terraform_data.left
                  lifecycle { destroy = false }
                }
                """)
            try await change(PlannedChanges(forgets: 1), ["terraform_data.left": "forget"], "1 to forget")
            try await source(
                """
                resource "terraform_data" "new" { input = 1 }
                import {
                  to = terraform_data.taken
                  id = "7d3b1a52-0000-4000-8000-000000000001"
                }
                resource "terraform_data" "taken" {}
                """)
            try await change(PlannedChanges(imports: 1), ["terraform_data.taken": "import"], "1 to import")
            let nothing = try await vintner.finished(vintner.plan(vine).id)
            #expect(nothing.changes?.isEmpty == true && nothing.outcome?.summary == "Saved plan: no changes.")
        }
    }
}
