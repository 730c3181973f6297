import Domain
import Foundation
import NIOHTTP1
import Testing
import Wire

/// What the API says that plans of the real engine change.
extension EndToEndTests {
    @Test func theChangesOfARealPlanAreStoredWithoutSecrets() async throws {
        try await RunningVintner.with { vintner in
            let vine = try await vintner.makeVine(
                """
                variable "password" {
                  type      = string
                  sensitive = true
                  default   = "correct-horse-battery"
                }
                resource "terraform_data" "updated" { input = { size = 1, list = ["b", "a"] } }
                resource "terraform_data" "deleted_first" { triggers_replace = ["v1"] }
                resource "terraform_data" "created_first" {
                  triggers_replace = ["v1"]
                  lifecycle { create_before_destroy = true }
                }
                resource "terraform_data" "deleted" { input = "bye" }
                resource "terraform_data" "counted" {
                  count = 2
                  input = count.index
                }
                resource "terraform_data" "secret" { input = { user = "ana", nested = [{ password = var.password }] } }
                resource "terraform_data" "old" { input = "x" }
                resource "terraform_data" "left" { input = "y" }
                """)
            let first = try await vintner.finished(vintner.plan(vine).id)
            let deploy: JobResponse = try await vintner.post("/api/jobs/\(first.id)/apply")
            #expect(try await vintner.finished(deploy.id).status == .success)
            // The DEPLOY has the changes of its plan.
            let applied: PlanChangesResponse = try await vintner.get("/api/jobs/\(deploy.id)/plan")
            #expect(applied.summary["job_id"] == .string(first.id.rawValue) && applied.items.count == 9)
            #expect(applied.items.allSatisfy { $0.action == .create })

            let source = """
                variable "password" {
                  type      = string
                  sensitive = true
                  default   = "correct-horse-staple"
                }
                resource "terraform_data" "updated" { input = { size = 2, list = ["b", "c"] } }
                resource "terraform_data" "deleted_first" { triggers_replace = ["v2"] }
                resource "terraform_data" "created_first" {
                  triggers_replace = ["v2"]
                  lifecycle { create_before_destroy = true }
                }
                resource "terraform_data" "counted" {
                  count = 1
                  input = count.index
                }
                resource "terraform_data" "secret" { input = { user = "ben", nested = [{ password = var.password }] } }
                moved {
                  from = terraform_data.old
                  to   = terraform_data.new
                }
                resource "terraform_data" "new" { input = "x" }
                removed {
                  from = terraform_data.left
                  lifecycle { destroy = false }
                }
                import {
                  to = terraform_data.taken
                  id = "7d3b1a52-0000-4000-8000-000000000001"
                }
                resource "terraform_data" "taken" {}
                resource "terraform_data" "made" { input = [terraform_data.deleted_first.id, "known"] }
                output "size" { value = terraform_data.updated.input.size }
                """
            let file = String(decoding: try JSONEncoder().encode(source), as: UTF8.self)
            let patched = try await vintner.call(
                .PATCH, "/api/vines/\(vine.id)", #"{"source": {"type": "inline", "files": {"main.tf": \#(file)}}}"#)
            #expect(patched.status == 200)
            let plan = try await vintner.finished(vintner.plan(vine).id)
            #expect(plan.status == .success && plan.truncated.isEmpty, "\(plan)")

            let page: PlanChangesResponse = try await vintner.get("/api/jobs/\(plan.id)/plan")
            #expect(page.summary["state"] == "complete" && page.nextCursor == nil)
            let actions = Dictionary(uniqueKeysWithValues: page.items.map { ($0.address, $0.action) })
            #expect(
                actions == [
                    "terraform_data.updated": .update, "terraform_data.deleted_first": .replaceDeleteFirst,
                    "terraform_data.created_first": .replaceCreateFirst, "terraform_data.deleted": .delete,
                    "terraform_data.counted[1]": .delete, "terraform_data.secret": .update,
                    "terraform_data.new": .move, "terraform_data.left": .forget, "terraform_data.taken": .import,
                    "terraform_data.made": .create,
                ])
            func item(_ name: String) throws -> PlanChange {
                guard let found = page.items.first(where: { $0.address == "terraform_data.\(name)" }) else {
                    throw Failure("\(name) is not in the plan")
                }
                return found
            }
            #expect(try item("deleted_first").forces == ["triggers_replace"])
            #expect(try item("counted[1]").reason == "delete_because_count_index")
            #expect(try item("new").previousAddress == "terraform_data.old")
            // What loses data comes first.
            #expect(page.items.prefix(4).allSatisfy { $0.action.isDestructive })

            func leaves(_ name: String) async throws -> [String] {
                let n = try item(name).n
                let found: PlanResourceResponse = try await vintner.get("/api/jobs/\(plan.id)/plan/resources/\(n)")
                return found.diff.map { leaf in
                    let marks = (leaf["sensitive"] == true ? "!" : "") + (leaf["unknown"] == true ? "?" : "")
                    return [
                        leaf["path"]?.stringValue ?? "", leaf["action"]?.stringValue ?? "", leaf["before"]?.text ?? "-",
                        leaf["after"]?.text ?? "-", marks,
                    ].joined(separator: " ")
                }
            }
            let updated = try await leaves("updated")
            #expect(updated.contains("input.size update 1 2 "))
            #expect(
                updated.contains(#"input.list[1] delete "a" - "#) && updated.contains(#"input.list[1] create - "c" "#))
            #expect(try await leaves("secret").contains("input.nested[0].password update - - !"))
            #expect(try await leaves("made").contains("input[0] create - - ?"))
            #expect(try await leaves("made").contains(#"input[1] create - "known" "#))

            // Filters, and what the command line prints of it.
            let some: PlanChangesResponse = try await vintner.get("/api/jobs/\(plan.id)/plan?action=delete,move&q=NEW")
            #expect(some.items.map(\.address) == ["terraform_data.new"])
            let refused = try await vintner.call(.GET, "/api/jobs/\(plan.id)/plan?action=shrug")
            #expect(refused.status == 400)
            let options = ["--data", vintner.data]
            let text = try await Repository.vintner(["jobs", "changes", plan.id.rawValue] + options)
            #expect(text.status == 0 && text.output.contains("-/+ terraform_data.deleted_first"), "\(text.output)")
            let json = try await Repository.vintner(
                ["jobs", "changes", plan.id.rawValue, "--output", "json"] + options)
            #expect(json.status == 0 && json.output.contains(#""path": "input.size""#), "\(json.output)")
            #expect(!json.output.contains("horse"))

            // The same again: nothing is new, different or gone.
            let again = try await vintner.finished(vintner.plan(vine).id)
            let same: PlanComparisonResponse = try await vintner.get(
                "/api/jobs/\(again.id)/plan/compare?with=\(plan.id)")
            #expect(same.items.isEmpty && same.counts["same"] == 10)
            let other: PlanComparisonResponse = try await vintner.get(
                "/api/jobs/\(again.id)/plan/compare?with=\(first.id)")
            #expect(other.counts["new"] == 3 && other.counts["gone"] == 2, "\(other.counts)")
        }
    }
}
