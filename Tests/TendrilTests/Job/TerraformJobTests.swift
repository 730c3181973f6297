import Domain
import Foundation
import Synchronization
import SystemCalls
import Testing
import Wire

@testable import Tendril

/// The real Terraform, where this machine has one.
enum RealTerraform {
    static let folder: String? = {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return path.split(separator: ":").map(String.init).first { Files.isExecutable($0 + "/terraform") }
    }()
}

@Suite(.enabled(if: RealTerraform.folder != nil, "needs terraform on the PATH"))
struct TerraformJobTests {
    private let place: Place
    private let trellis = FakeTrellis()
    private let vine = SystemDependencies.system.makeID(Vine.self)

    init() throws { place = try Place() }

    private let main = """
        variable "size" { type = number }
        variable "password" { sensitive = true }
        resource "terraform_data" "a" { input = var.size }
        resource "terraform_data" "b" {
          input = var.password
          provisioner "local-exec" { command = "printf '{\\"cost\\":%s}' ${var.size} > $VINTNER_METADATA_FILE" }
        }
        output "size" { value = terraform_data.a.output }
        output "password" {
          value     = terraform_data.b.output
          sensitive = true
        }
        """

    private func order(_ type: JobType, files: [String: String]? = nil, plan: PlanReference? = nil) -> ClaimResponse {
        Fixtures.order(
            type, vine: vine, files: files ?? ["main.tf": main], variables: files == nil ? ["size": 3] : [:],
            secrets: files == nil ? VineSecrets(variables: ["password": "hush-hush"]) : VineSecrets(), plan: plan)
    }

    private func services(
        errorSummary: String? = nil, onStop: @escaping @Sendable () -> Void = {},
        started: @escaping @Sendable (PhaseCommand, ChildProcess) -> Void = { _, _ in }
    ) -> FakeJobServices {
        FakeJobServices(errorSummary: errorSummary, onStop: onStop) { [place] command in
            try await DirectEngine.run(command, log: place.path + "/log") { started(command, $0) }
        }
    }

    @discardableResult
    private func run(_ order: ClaimResponse, _ services: FakeJobServices) async throws -> ReportStatusRequest {
        await trellis.grant(order)
        let host = Fixtures.host(
            place, trellis, services, engines: RealTerraform.folder.map { [$0] }, sleeper: .system)
        await (try JobRunner(order, host: host)).run()
        return try #require(await trellis.lastReport, "\(place.text(of: "log") ?? "")")
    }

    private func record(_ order: ClaimResponse, _ report: ReportStatusRequest) async throws -> PlanReference {
        try Files.write(try #require(await trellis.artifacts[order.jobId]), to: place.path + "/artifact")
        return PlanReference(
            jobId: order.jobId, artifactSha256: try Artifact.digest(of: place.path + "/artifact"),
            state: report.plannedState, changes: nil)
    }

    @Test func planDeployAndDestroy() async throws {
        let plan = order(.plan)
        let planned = try await run(plan, services())
        #expect(planned.status == .success, "\(place.text(of: "log") ?? "")")
        #expect(planned.changes == PlannedChanges(add: 2, outputs: 2))
        #expect(planned.executionMetadata?["changes"] == PlannedChanges(add: 2, outputs: 2).metadata)
        #expect(planned.plannedState == nil)

        let deployed = try await run(order(.deploy, plan: try await record(plan, planned)), services())
        #expect(deployed.status == .success, "\(place.text(of: "log") ?? "")")
        #expect(deployed.executionMetadata?["outputs"] == ["size": 3, "password": "(sensitive)"])
        #expect(deployed.executionMetadata?["cost"] == 3)
        let serial = try #require(deployed.outcome?.serialAfter)
        #expect(await trellis.stored.last?.position?.serial == serial)
        #expect(await trellis.holder == nil)

        // The same plan again: the state has moved.
        let again = try await run(order(.deploy, plan: try await record(plan, planned)), services())
        #expect(again.status == .failed)
        #expect(again.errorMessage?.contains("The state moved") == true)

        let destroyed = try await run(order(.destroy), services())
        #expect(destroyed.status == .success, "\(place.text(of: "log") ?? "")")
        #expect(destroyed.outcome?.serialBefore == serial)
        #expect(destroyed.executionMetadata?["changes"]?["destroy"] == 2)
        let reports = String(decoding: try WireJSON.encode(await trellis.reports), as: UTF8.self)
        #expect(!reports.contains("hush-hush"))
        #expect(!place.tree.contains { $0.hasPrefix("work/jobs/") || $0.hasSuffix(".tfstate") })
    }

    private func plan(_ main: String, options: RunOptions? = nil) async throws -> (ClaimResponse, ReportStatusRequest) {
        var order = order(.plan, files: ["main.tf": main])
        order.options = options
        return (order, try await run(order, services()))
    }

    private func apply(_ plan: (order: ClaimResponse, report: ReportStatusRequest), _ main: String) async throws
        -> ReportStatusRequest
    {
        try await run(
            order(.deploy, files: ["main.tf": main], plan: try await record(plan.order, plan.report)), services())
    }

    /// Each kind of plan that Terraform's "Plan:" line may call nothing.
    @Test func importsMovesForgetsAndOutputsAreChanges() async throws {
        let pair =
            #"resource "terraform_data" "x" { input = 1 }"# + "\n" + #"resource "terraform_data" "y" { input = 2 }"#
        let first = try await plan(pair)
        #expect(first.1.changes == PlannedChanges(add: 2))
        #expect(try await apply(first, pair).status == .success)
        let moved = try await plan(
            """
            moved {
              from = terraform_data.x
              to   = terraform_data.z
            }
            resource "terraform_data" "z" { input = 1 }
            removed {
              from = terraform_data.y
              lifecycle { destroy = false }
            }
            import {
              to = terraform_data.taken
              id = "some-id"
            }
            resource "terraform_data" "taken" {}
            output "o" { value = "v" }
            """)
        #expect(moved.1.changes == PlannedChanges(imports: 1, moves: 1, forgets: 1, outputs: 1))
        #expect(moved.1.outcome?.summary == "Saved plan: 1 to import, 1 to forget, 1 moved, 1 output changes.")
        let nothing = try await plan(pair)
        #expect(nothing.1.changes?.isEmpty == true)
        #expect(nothing.1.outcome?.summary == "Saved plan: no changes.")
    }

    @Test func ephemeralVariablesAreGivenToApplyAndDestroy() async throws {
        let main = """
            variable "session" {
              type      = string
              ephemeral = true
            }
            variable "name" { type = string }
            resource "terraform_data" "a" { input = var.name }
            """
        func ordered(_ type: JobType, plan: PlanReference? = nil) -> ClaimResponse {
            Fixtures.order(
                type, vine: vine, files: ["main.tf": main], variables: ["name": "n", "unused": 1],
                secrets: VineSecrets(variables: ["session": "hush-hush"]), plan: plan)
        }
        let plan = ordered(.plan)
        let planned = try await run(plan, services())
        #expect(planned.status == .success, "\(place.text(of: "log") ?? "")")
        let deployed = try await run(ordered(.deploy, plan: try await record(plan, planned)), services())
        #expect(deployed.status == .success, "\(place.text(of: "log") ?? "")")
        let destroyed = try await run(ordered(.destroy), services())
        #expect(destroyed.status == .success, "\(place.text(of: "log") ?? "")")
        #expect(!place.tree.contains { $0.hasSuffix("ephemeral.tfvars.json") })
    }

    @Test func runOptionsDoWhatTheySay() async throws {
        let pair =
            #"resource "terraform_data" "x" { input = 1 }"# + "\n" + #"resource "terraform_data" "y" { input = 2 }"#
        let targeted = try await plan(pair, options: RunOptions(targets: ["terraform_data.x"], parallelism: 1))
        #expect(targeted.1.changes == PlannedChanges(add: 1))
        #expect(try await apply(targeted, pair).status == .success)
        let replaced = try await plan(pair, options: RunOptions(replace: ["terraform_data.x"]))
        #expect(replaced.1.changes == PlannedChanges(add: 2, destroy: 1))
        let refreshed = try await plan(pair, options: RunOptions(refreshOnly: true))
        #expect(refreshed.1.changes?.isEmpty == true)
    }

    @Test func aFailingApplySavesWhatItDid() async throws {
        let files = [
            "main.tf": """
            resource "terraform_data" "good" { input = 1 }
            resource "terraform_data" "bad" {
              input = terraform_data.good.id
              provisioner "local-exec" { command = "exit 7" }
            }
            """
        ]
        let plan = order(.plan, files: files)
        let planned = try await run(plan, services())
        let report = try await run(
            order(.deploy, files: files, plan: try await record(plan, planned)),
            services(errorSummary: "Error: local-exec provisioner error"))
        #expect(report.status == .failed)
        #expect(report.errorMessage == "Error: local-exec provisioner error")
        #expect(report.outcome?.phase == "apply")
        #expect(report.outcome?.exitCode == 1)
        let state = try #require(await trellis.states.last)
        #expect(String(decoding: state, as: UTF8.self).contains("\"good\""))
        #expect(await trellis.holder == nil)
    }

    @Test func aCancelledApplySavesItsStateAndGivesTheLockBack() async throws {
        let files = [
            "main.tf": """
            resource "terraform_data" "first" { input = 1 }
            resource "terraform_data" "slow" {
              input = terraform_data.first.id
              provisioner "local-exec" { command = "touch ${path.module}/../../running; exec sleep 600" }
            }
            resource "terraform_data" "never" { input = terraform_data.slow.id }
            """
        ]
        let plan = order(.plan, files: files)
        let planned = try await run(plan, services())
        let applying = Mutex<ChildProcess?>(nil)
        let services = services(
            onStop: { applying.withLock { _ = $0?.send(.interrupt) } },
            started: { command, child in if command.name == "apply" { applying.withLock { $0 = child } } })
        let deploy = order(.deploy, files: files, plan: try await record(plan, planned))
        await trellis.grant(deploy)
        let runner = try JobRunner(
            deploy,
            host: Fixtures.host(
                place, trellis, services, engines: RealTerraform.folder.map { [$0] }, sleeper: .system))
        async let done: Void = runner.run()
        while place.text(of: "running") == nil { try await Task.sleep(for: .milliseconds(5)) }
        await trellis.cancel(deploy.jobId)
        await runner.cancel()
        await done
        let report = try #require(await trellis.lastReport)
        #expect(report.status == nil)
        #expect(report.outcome?.result == .interrupted)
        #expect(report.outcome?.serialBefore == nil)
        #expect(report.outcome?.serialAfter != nil)
        #expect(report.outcome?.lockReleased == true)
        let state = String(decoding: try #require(await trellis.states.last), as: UTF8.self)
        #expect(state.contains("\"first\""))
        #expect(!state.contains("\"never\""))
    }

    @Test func anInitThatFailsIsTold() async throws {
        let report = try await run(order(.plan, files: ["main.tf": "resource \"x"]), services())
        #expect(report.status == .failed)
        #expect(report.outcome?.phase == "init")
        #expect(report.errorMessage?.contains("terraform init ended with exit status 1") == true)
    }

    @Test func aLocalPathOfTheSourcesOwnIsRefusedBeforeAPlan() async throws {
        let files = ["main.tf": "terraform {\n  backend \"local\" {\n    path = \"mine.tfstate\"\n  }\n}\n"]
        let services = services()
        let report = try await run(order(.plan, files: files), services)
        #expect(report.status == .failed)
        #expect(services.phases == ["init"])
        #expect(report.errorMessage?.contains("mine.tfstate") == true)
    }

    @Test func aStateKeptElsewhereIsPulled() async throws {
        let files = [
            "main.tf": """
            terraform {
              backend "local" {
                path = "\(place.path)/elsewhere.tfstate"
              }
            }
            resource "terraform_data" "a" { input = 1 }
            output "a" { value = terraform_data.a.input }
            """
        ]
        let plan = order(.plan, files: files)
        let planned = try await run(plan, services())
        #expect(planned.status == .success)
        let report = try await run(order(.deploy, files: files, plan: try await record(plan, planned)), services())
        #expect(report.status == .success, "\(place.text(of: "log") ?? "")")
        #expect(report.outcome?.serialAfter != nil)
        #expect(report.executionMetadata?["outputs"] == ["a": 1])
        #expect(await trellis.stored.isEmpty)
        #expect(place.text(of: "elsewhere.tfstate") != nil)
    }
}
