import Domain
import Foundation
import SystemCalls

@testable import Tendril

/// An engine that leaves the files that Terraform leaves, and does what a test says besides.
struct ScriptedEngine: Sendable {
    var serial: Int64 = 1
    var lineage = "l-1"
    var backend: String?
    var outputs = "{}"
    /// Called before the phase does its work; an end ends it there.
    var hook: @Sendable (PhaseCommand) async throws -> PhaseEnd? = { _ in nil }

    @Sendable func run(_ command: PhaseCommand) async throws -> PhaseEnd {
        if let end = try await hook(command) { return end }
        let here = command.workingDirectory
        switch command.name {
        case "init":
            if let backend {
                try Files.makeFolder(here + "/.terraform")
                try Files.write(
                    Data(#"{"version":3,"backend":{"type":"\#(backend)","config":{}}}"#.utf8),
                    to: here + "/.terraform/terraform.tfstate")
            }
        case "plan":
            let out = command.arguments.first { $0.hasPrefix("-out=") }?.dropFirst(5) ?? "/nowhere"
            try Files.write(Data("PLAN".utf8), to: String(out))
        case "show":
            let plan = #"{"resource_changes":[{"address":"terraform_data.a","change":{"actions":["create"]}}]}"#
            try Files.write(Data(plan.utf8), to: command.stdoutFile ?? "/nowhere")
        case "apply" where backend == nil:
            try Files.write(
                Fixtures.state(serial: serial, lineage: lineage, outputs: outputs), to: here + "/terraform.tfstate")
        case "pull", "pull-after":
            let state = Fixtures.state(serial: command.name == "pull" ? 10 : 11, outputs: outputs)
            try Files.write(state, to: command.stdoutFile ?? "/nowhere")
        default: break
        }
        return .exited(code: 0)
    }
}
