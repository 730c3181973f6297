import Domain
import Foundation
import NIOCore
import NIOPosix
import Testing
import Wire

/// Tests `vintner plan DIR` with real Terraform.
extension EndToEndTests {
    /// A temporary folder for one test.
    private func withFolder(_ body: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/vintner-folder-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await body(folder)
    }

    private func write(_ text: String, to path: String, mode: Int = 0o644) throws {
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }

    @Test func aFolderIsPlannedAndAppliedWithItsModesModulesAndHiddenFiles() async throws {
        try await RunningVintner.with { vintner in
            try await withFolder { folder in
                let data = ["--data", vintner.data]
                try write("[core]\n", to: folder + "/.git/config")
                try write(
                    """
                    module "note" { source = "../../modules/note" }
                    resource "terraform_data" "made" {
                      provisioner "local-exec" { command = "./tools/make.sh" }
                    }
                    output "facts" {
                      value = [module.note.text, fileexists(".hidden/x"), filesha256("logo.bin"), file("linked.txt")]
                    }
                    """, to: folder + "/live/eu/main.tf")
                try write("output \"text\" { value = \"from beside\" }", to: folder + "/modules/note/main.tf")
                try write("#!/bin/sh\necho made by a script\n", to: folder + "/live/eu/tools/make.sh", mode: 0o755)
                try write("h", to: folder + "/live/eu/.hidden/x")
                try write("linked content", to: folder + "/shared/l.txt")
                try FileManager.default.createSymbolicLink(
                    atPath: folder + "/live/eu/linked.txt", withDestinationPath: "../../shared/l.txt")
                try Data([0x80, 0x00, 0xff]).write(to: URL(fileURLWithPath: folder + "/live/eu/logo.bin"))
                try write("{\"project_name\": \"everything\"}", to: folder + "/live/eu/vine.json")
                let planned = try await Repository.vintner(["plan", folder + "/live/eu", "--follow"] + data)
                #expect(planned.status == 0, "\(planned.output)")
                let id = try #require(planned.output.split(separator: " ").dropFirst().first).description
                let applied = try await Repository.vintner(["apply", id, "--follow"] + data)
                #expect(applied.status == 0, "\(applied.output)")
                for text in ["made by a script", "from beside", "true", "linked content"] {
                    #expect(applied.output.contains(text), "\(text) in \(applied.output)")
                }
            }
        }
    }

    @Test func aFolderIsTheTruthAndOneVine() async throws {
        try await RunningVintner.with { vintner in
            try await withFolder { folder in
                let data = ["--data", vintner.data]
                let main = "variable \"tier\" { default = \"basic\" }\noutput \"tier\" { value = var.tier }\n"
                for team in ["red", "blue"] { try write(main, to: "\(folder)/\(team)/cellar/main.tf") }
                let first = try await Repository.vintner(["plan", folder + "/red/cellar", "--follow"] + data)
                #expect(first.status == 0, "\(first.output)")
                let other = try await Repository.vintner(["plan", folder + "/blue/cellar"] + data)
                #expect(other.status == 1 && other.output.contains("--vine") && other.output.contains("vine.json"))
                #expect(!other.output.contains("Usage:"))
                let vines: ListResponse<VineResponse> = try await vintner.get("/api/vines")
                let vine = try #require(vines.items.first)
                #expect(vines.items.count == 1 && vine.origin?.hasSuffix("/red/cellar") == true)
                #expect(try await Repository.vintner(["plan", folder + "/red/cellar"] + data).status == 0)
                // `--vine` moves a vine to another folder.
                let moved = ["plan", folder + "/blue/cellar", "--vine", vine.id.rawValue] + data
                #expect(try await Repository.vintner(moved).status == 0)
                #expect(try await Repository.vintner(["plan", folder + "/blue/cellar"] + data).status == 0)
                #expect(try await Repository.vintner(["plan", folder + "/red/cellar"] + data).status == 1)

                let settings = folder + "/blue/cellar/vine.json"
                try write(
                    """
                    {"project_name": "cellar", "region": "eu-3", "variables": {"tier": "gold"}, "engine": "terraform",
                     "environment": {"A": "b"}, "sensitive_variables": {"key": "key-value-1", "pin": "pin-value-1"},
                     "sensitive_environment": {"TOKEN": "token-value-1"}}
                    """, to: settings)
                try write(main + "variable \"key\" {}\nvariable \"pin\" {}\n", to: folder + "/blue/cellar/main.tf")
                let gold = try await Repository.vintner(["plan", folder + "/blue/cellar", "--follow"] + data)
                #expect(gold.status == 0 && gold.output.contains("\"gold\""), "\(gold.output)")
                var now: VineResponse = try await vintner.get("/api/vines/\(vine.id)")
                #expect(now.sensitiveVariables == ["key", "pin"] && now.sensitiveEnvironment == ["TOKEN"])
                #expect(now.region == "eu-3" && now.engine == .terraform && now.environment == ["A": "b"])

                try write("{\"project_name\": \"cellar\", \"sensitive_variables\": {\"pin\": null}}", to: settings)
                try write(main + "variable \"pin\" {}\n", to: folder + "/blue/cellar/main.tf")
                let basic = try await Repository.vintner(["plan", folder + "/blue/cellar", "--follow"] + data)
                #expect(basic.status == 0 && basic.output.contains("\"basic\""), "\(basic.output)")
                for name in ["key", "TOKEN"] {
                    #expect(basic.output.contains("\"\(name)\""), "it says what it removed")
                }
                now = try await vintner.get("/api/vines/\(vine.id)")
                #expect(now.sensitiveVariables == ["pin"] && now.sensitiveEnvironment.isEmpty && now.variables.isEmpty)
                #expect(now.region == nil && now.engine == nil && now.environment.isEmpty)
                for (text, says) in [
                    ("{\"variable\": {}}", "variable"), ("{\"project_name\": 5}", "project_name"), ("{", "JSON"),
                    ("{\"sensitive_variables\": {\"new\": null}}", "new"),
                ] {
                    try write(text, to: settings)
                    let refused = try await Repository.vintner(["plan", folder + "/blue/cellar"] + data)
                    #expect(refused.status == 1 && refused.output.contains("vine.json"), "\(refused.output)")
                    #expect(refused.output.contains(says) && !refused.output.contains("Usage:"), "\(refused.output)")
                }
            }
        }
    }

    @Test func aServerThatIsAwayIsReportedAtOnce() async throws {
        // One without a listener, and one that accepts connections and never answers.
        let silent = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(silent.localAddress?.port)
        for url in ["http://127.0.0.1:1", "http://127.0.0.1:\(port)"] {
            for command in [["jobs", "list"], ["jobs", "logs", UUID().uuidString, "--follow"], ["vines", "list"]] {
                let begun = ContinuousClock.now
                let (status, output) = try await Repository.vintner(
                    command, environment: ["VINTNER_URL": url, "VINTNER_TOKEN": "x"])
                #expect(status == 1 && output.contains(url) && !output.contains("Usage:"), "\(output)")
                #expect(begun.duration(to: .now) < .seconds(20), "\(command) \(url)")
            }
        }
        try await silent.close()
        let missing = try await Repository.vintner(["plan", "/nowhere/at/all"])
        #expect(missing.status == 1 && missing.output.contains("does not exist") && !missing.output.contains("Usage:"))
    }
}
