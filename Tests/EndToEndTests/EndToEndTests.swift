import Domain
import Foundation
import NIOHTTP1
import Testing
import Wire

/// Tests the whole product with real Terraform: what users do, and what goes wrong.
@Suite(.serialized, .timeLimit(.minutes(5))) struct EndToEndTests {
    @Test func aPlanIsAppliedOnceAndDestroyed() async throws {
        try await RunningVintner.with { vintner in
            let vine = try await vintner.makeVine(
                """
                variable "grape" { type = string }
                resource "terraform_data" "row" {
                  count = 3
                  input = var.grape
                }
                output "grape" { value = terraform_data.row[0].output }
                output "secret" {
                  value     = "hidden-from-all"
                  sensitive = true
                }
                """, variables: #"{"grape": "Riesling"}"#)
            let plan = try await vintner.finished(vintner.plan(vine).id)
            #expect(plan.status == .success && plan.logState == "COMPLETE", "\(plan)")
            #expect(plan.changes == PlannedChanges(add: 3, outputs: 2))
            #expect(try await vintner.log(plan.id).contains("Plan: 3 to add, 0 to change, 0 to destroy."))

            let deploy: JobResponse = try await vintner.post("/api/jobs/\(plan.id)/apply")
            let applied = try await vintner.finished(deploy.id)
            #expect(applied.status == .success && applied.logState == "COMPLETE", "\(applied)")
            #expect(applied.engineState == .gone && applied.outcome?.result == .succeeded)
            #expect(try await vintner.log(deploy.id).contains("Apply complete! Resources: 3 added"))
            let outputs = applied.executionMetadata["outputs"]
            #expect(outputs.map { "\($0)".contains("Riesling") && !"\($0)".contains("hidden-from-all") } == true)

            let second = try await vintner.call(.POST, "/api/jobs/\(plan.id)/apply", "{}")
            #expect(second.status == 409 && String(decoding: second.data, as: UTF8.self).contains(deploy.id.short))

            let destroy: JobResponse = try await vintner.post(
                "/api/jobs", #"{"job_type": "DESTROY", "vine_id": "\#(vine.id)"}"#)
            let destroyed = try await vintner.finished(destroy.id)
            #expect(destroyed.status == .success, "\(destroyed)")
            #expect(
                try await vintner.log(destroy.id).contains(
                    "Apply complete! Resources: 0 added, 0 changed, 3 destroyed."))
            let state = try await vintner.call(.GET, "/api/vines/\(vine.id)/state")
            #expect(String(decoding: state.data, as: UTF8.self).contains(#""resources": []"#))
            #expect(try await vintner.get("/api/vines/\(vine.id)", as: VineResponse.self).lock == nil)
        }
    }

    @Test func aFailingApplySaysWhyInTerraformsWords() async throws {
        try await RunningVintner.with { vintner in
            let vine = try await vintner.makeVine(
                """
                resource "terraform_data" "fine" {}
                resource "terraform_data" "heater" {
                  depends_on = [terraform_data.fine]
                  provisioner "local-exec" { command = "echo 'no fuel: the tank is empty' >&2; exit 3" }
                }
                """)
            let plan = try await vintner.finished(vintner.plan(vine).id)
            let deploy: JobResponse = try await vintner.post("/api/jobs/\(plan.id)/apply")
            let failed = try await vintner.finished(deploy.id)
            #expect(failed.status == .failed && failed.logState == "COMPLETE")
            let message = try #require(failed.errorMessage)
            #expect(message.contains("local-exec provisioner error") && message.contains("no fuel"), "\(message)")
            #expect(!message.contains("\u{1b}") && !message.contains("│"))
            let rows = try await vintner.get("/api/jobs/\(deploy.id)/logs", as: LogPageResponse.self).chunks
            #expect(rows.contains { $0.streamType == .stderr && $0.logChunk.contains("no fuel") })
            // The state contains what was created before the error.
            let state = try await vintner.call(.GET, "/api/vines/\(vine.id)/state")
            #expect(String(decoding: state.data, as: UTF8.self).contains(#""name": "fine""#))
        }
    }

    @Test func warningsAreCountedAndTheFirstErrorLeads() async throws {
        try await RunningVintner.with { vintner in
            let vine = try await vintner.makeVine(
                """
                resource "terraform_data" "probe" {
                  input = "cold"
                }
                check "temperature" {
                  assert {
                    condition     = terraform_data.probe.output == "warm"
                    error_message = "The cellar is too cold."
                  }
                }
                resource "terraform_data" "early" {
                  depends_on = [terraform_data.probe]
                  provisioner "local-exec" { command = "echo 'the first cause' >&2; exit 4" }
                }
                resource "terraform_data" "late" {
                  depends_on = [terraform_data.probe]
                  provisioner "local-exec" { command = "sleep 1; echo 'what followed' >&2; exit 5" }
                }
                """)
            let plan = try await vintner.finished(vintner.plan(vine).id)
            #expect(plan.status == .success && plan.changes == PlannedChanges(add: 3), "\(plan)")
            let deploy: JobResponse = try await vintner.post("/api/jobs/\(plan.id)/apply")
            let failed = try await vintner.finished(deploy.id)
            #expect(failed.status == .failed && failed.warnings == 1, "\(failed)")
            let message = try #require(failed.errorMessage)
            let first = message.split(separator: "\n").first ?? ""
            #expect(first.contains("the first cause") && !message.contains("what followed"), "\(message)")
            #expect(message.contains("with terraform_data.early, on main.tf line"), "\(message)")
            #expect(message.hasSuffix("and 1 more error"), "\(message)")
        }
    }

    @Test func aPlanThatFailsSaysWhy() async throws {
        try await RunningVintner.with { vintner in
            let vine = try await vintner.makeVine("resource \"terraform_data\" {")
            let failed = try await vintner.finished(vintner.plan(vine).id)
            #expect(failed.status == .failed && failed.errorMessage?.isEmpty == false, "\(failed)")
            #expect(try await !vintner.log(failed.id).isEmpty)
        }
    }

    @Test func aCancelLeavesTerraformTimeToWriteItsState() async throws {
        try await RunningVintner.with { vintner in
            let vine = try await vintner.makeVine(
                """
                resource "terraform_data" "first" {}
                resource "terraform_data" "slow" {
                  depends_on = [terraform_data.first]
                  provisioner "local-exec" { command = "echo the slow part; sleep 120" }
                }
                resource "terraform_data" "never" { depends_on = [terraform_data.slow] }
                """)
            let plan = try await vintner.finished(vintner.plan(vine).id)
            let deploy: JobResponse = try await vintner.post("/api/jobs/\(plan.id)/apply")
            try await vintner.line("[0mthe slow part", of: deploy.id)
            let cancelled: JobResponse = try await vintner.post("/api/jobs/\(deploy.id)/cancel")
            #expect(cancelled.status == .cancelled && cancelled.cancelledBy == "admin")
            let ended = try await vintner.finished(deploy.id)
            #expect(
                ended.status == .cancelled && ended.engineState == .gone && ended.logState == "COMPLETE", "\(ended)")
            let outcome = try #require(ended.outcome)
            #expect(
                outcome.lockReleased == true && (outcome.serialAfter ?? 0) > (outcome.serialBefore ?? 0), "\(outcome)")
            let log = try await vintner.log(deploy.id)
            #expect(log.contains("Interrupt received") && !log.contains("Two interrupts received"), "\(log)")
            let state = try await vintner.call(.GET, "/api/vines/\(vine.id)/state")
            let text = String(decoding: state.data, as: UTF8.self)
            #expect(text.contains(#""name": "first""#) && !text.contains(#""name": "never""#))
            #expect(try await vintner.get("/api/vines/\(vine.id)", as: VineResponse.self).lock == nil)
        }
    }

    @Test func aSensitiveVariableAppearsNowhere() async throws {
        let secret = "kopernikus-4711-äöü"
        try await RunningVintner.with { vintner in
            let vine = try await vintner.makeVine(
                """
                variable "key" {
                  type      = string
                  sensitive = true
                }
                resource "terraform_data" "careless" {
                  provisioner "local-exec" { command = "echo key=${nonsensitive(var.key)}; echo ${base64encode("x${nonsensitive(var.key)}")} >&2" }
                }
                output "leak" { value = nonsensitive(var.key) }
                """, secrets: #"{"key": "\#(secret)"}"#)
            let plan = try await vintner.finished(vintner.plan(vine).id)
            #expect(plan.status == .success, "\(plan)")
            let deploy: JobResponse = try await vintner.post("/api/jobs/\(plan.id)/apply")
            let applied = try await vintner.finished(deploy.id)
            #expect(applied.status == .success, "\(applied)")
            #expect(try await vintner.log(deploy.id).contains("key=(sensitive)"))
            let needles = [Data(secret.utf8), Data(Data("x\(secret)".utf8).base64EncodedString().utf8)]
            for path in [
                "/api/jobs", "/api/jobs/\(plan.id)", "/api/jobs/\(deploy.id)", "/api/jobs/\(plan.id)/logs",
                "/api/jobs/\(deploy.id)/logs", "/api/jobs/\(deploy.id)/logs/lines",
                "/api/jobs/\(deploy.id)/logs/stream",
                "/api/vines", "/api/vines/\(vine.id)", "/dashboard/jobs/\(deploy.id)",
            ] {
                let reply = try await vintner.call(.GET, path)
                for needle in needles { #expect(reply.data.range(of: needle) == nil, "\(path)") }
            }
            await vintner.stop()
            let files = FileManager.default.enumerator(atPath: vintner.data)?.compactMap { $0 as? String } ?? []
            #expect(files.contains { $0.hasSuffix(".sqlite") })
            // Terraform uses the secret in the vine's working folder.
            for file in files where !file.hasPrefix("vines/") {
                guard let data = FileManager.default.contents(atPath: vintner.data + "/" + file) else { continue }
                for needle in needles { #expect(data.range(of: needle) == nil, "\(file)") }
            }
        }
    }

    @Test func aRestartInTheMiddleOfAnApplyLosesNothing() async throws {
        try await RunningVintner.with { first in
            let vine = try await first.makeVine(
                """
                resource "terraform_data" "slow" {
                  provisioner "local-exec" { command = "for i in $(seq 1 40); do echo line $i; sleep 0.2; done" }
                }
                """)
            let plan = try await first.finished(first.plan(vine).id)
            let deploy: JobResponse = try await first.post("/api/jobs/\(plan.id)/apply")
            try await first.line("[0mline 3", of: deploy.id)
            #expect(await first.stop() == 0)
            let second = try await RunningVintner.start(data: first.data)
            do {
                let applied = try await second.finished(deploy.id)
                #expect(applied.status == .success && applied.logState == "COMPLETE", "\(applied)")
                let log = try await second.log(deploy.id)
                let lines = log.split(separator: "\n").filter { $0.contains("(local-exec): line ") }
                #expect(lines.map { $0.split(separator: " ").last.map(String.init) } == (1...40).map { "\($0)" })
            } catch {
                await second.stop()
                throw error
            }
            await second.stop()
        }
    }

    @Test func theCommandLineCanDoWhatThePagesCan() async throws {
        try await RunningVintner.with { vintner in
            let folder = FileManager.default.temporaryDirectory.path + "/vine-\(UUID().uuidString)"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try "resource \"terraform_data\" \"x\" {}\n".write(
                toFile: folder + "/main.tf", atomically: true, encoding: .utf8)
            let data = ["--data", vintner.data]
            let planned = try await Repository.vintner(["plan", folder, "--follow"] + data)
            #expect(planned.status == 0 && planned.output.contains("Plan: 1 to add"), "\(planned.output)")
            let id = try #require(planned.output.split(separator: " ").dropFirst().first.map(String.init))
            let applied = try await Repository.vintner(["apply", String(id.prefix(8)), "--follow"] + data)
            #expect(applied.status == 0 && applied.output.contains("Apply complete!"), "\(applied.output)")
            let again = try await Repository.vintner(["apply", id] + data)
            #expect(again.status != 0 && again.output.contains("Already applied by job"), "\(again.output)")
            let list = try await Repository.vintner(["jobs", "list"] + data)
            #expect(list.output.contains("DEPLOY") && list.output.contains("SUCCESS"))
            let show = try await Repository.vintner(["jobs", "show", id] + data)
            #expect(show.output.contains("\"config_snapshot\""))
            let logs = try await Repository.vintner(["jobs", "logs", id] + data)
            #expect(logs.output.contains("Plan: 1 to add") && !logs.output.contains("\u{1b}"))
            let link = try await Repository.vintner(["sign-in-url"] + data)
            #expect(link.output.contains("/sign-in#token="))
            let unknown = try await Repository.vintner(["jobs", "show", "zzzz"] + data)
            #expect(unknown.status != 0 && !unknown.output.isEmpty)
            try FileManager.default.removeItem(atPath: folder)
        }
    }

    /// Without an installed engine, the launcher that the setup installs is used.
    @Test(.enabled(if: FileManager.default.fileExists(atPath: Repository.launcherFolder + "/terraform")))
    func theLauncherPlansAndApplies() async throws {
        let path = Repository.launcherFolder + ":/usr/bin:/bin"
        try await RunningVintner.with(environment: ["PATH": path]) { vintner in
            let vine = try await vintner.makeVine(
                """
                resource "terraform_data" "x" {
                  provisioner "local-exec" { command = "echo from the launcher" }
                }
                """)
            let plan = try await vintner.finished(vintner.plan(vine).id)
            #expect(plan.status == .success, "\(plan)")
            let deploy: JobResponse = try await vintner.post("/api/jobs/\(plan.id)/apply")
            #expect(try await vintner.finished(deploy.id).status == .success)
            #expect(try await vintner.log(deploy.id).contains("from the launcher"))
        }
    }
}
