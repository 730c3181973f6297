import Domain
import Foundation
import Testing

@testable import vintner

/// A folder of its own for a test, gone when the test is.
final class Ground: Sendable {
    let path: String

    init() throws {
        let made = FileManager.default.temporaryDirectory.path + "/vintner-cli-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: made, withIntermediateDirectories: true)
        path = FolderOrigin.real(made) ?? made
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ data: Data, to name: String, mode: Int = 0o644) throws {
        let full = "\(path)/\(name)"
        try FileManager.default.createDirectory(
            atPath: (full as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try data.write(to: URL(fileURLWithPath: full))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: full)
    }

    func write(_ text: String, to name: String, mode: Int = 0o644) throws {
        try write(Data(text.utf8), to: name, mode: mode)
    }

    func link(_ name: String, to target: String) throws {
        let full = "\(path)/\(name)"
        try FileManager.default.createDirectory(
            atPath: (full as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: full, withDestinationPath: target)
    }

    /// Makes the ground, or a folder in it, a repository.
    func makeRepository(_ name: String = "", remote: String? = nil) throws {
        let section = remote.map { "[remote \"origin\"]\n\turl = \($0)\n" } ?? ""
        try write(
            "[core]\n\tbare = false\n[remote \"other\"]\n\turl = https://x/y\n" + section, to: name + "/.git/config")
    }

    func files(_ name: String = "", rules: VineRules = VineRules()) throws -> FolderFiles {
        try FolderFiles(FolderOrigin("\(path)/\(name)"), rules: rules)
    }

    /// What stops the upload.
    func failure(_ name: String = "", rules: VineRules = VineRules()) -> String? {
        do {
            _ = try files(name, rules: rules)
            return nil
        } catch { return "\(error)" }
    }
}

@Suite struct FolderFilesTests {
    private let ground: Ground

    init() throws { ground = try Ground() }

    @Test func everythingIsTakenAsItIs() throws {
        try ground.write("x", to: "main.tf")
        try ground.write("y", to: "conf/.hidden/.env")
        try ground.write("#!/bin/sh", to: "bin/deploy", mode: 0o755)
        try ground.write(Data([0xff, 0xfe, 0x00]), to: "logo.png")
        try ground.write("z", to: "old.tfstate.tf")
        try ground.write("lock", to: ".terraform.lock.hcl")
        try ground.write("{}", to: "vine.json")
        try ground.write("n", to: "docs/vine.json")
        try ground.write("secret", to: ".git/config")
        try ground.write("plugin", to: "sub/.terraform/providers/p")
        let files = try ground.files()
        #expect(
            files.files == [
                "main.tf": "x", "conf/.hidden/.env": "y", "bin/deploy": InlineFile("#!/bin/sh", isExecutable: true),
                "logo.png": InlineFile("//4A", encoding: .base64), "old.tfstate.tf": "z", ".terraform.lock.hcl": "lock",
                "docs/vine.json": "n",
            ])
        #expect(files.path == nil && files.leftOut.isEmpty)
    }

    @Test func stateIsLeftOutAndSaidSo() throws {
        try ground.write("x", to: "main.tf")
        for name in [
            "terraform.tfstate", "terraform.tfstate.backup", "errored.tfstate",
            "terraform.tfstate.d/eu/terraform.tfstate",
            "terraform.tfstate.1700000000.backup", ".terraform.tfstate.lock.info", "old/prod.tfstate",
        ] { try ground.write("{}", to: name) }
        let files = try ground.files()
        #expect(Set(files.files.keys) == ["main.tf"])
        for name in ["terraform.tfstate", "errored.tfstate", "terraform.tfstate.d/", "old/prod.tfstate"] {
            #expect(files.leftOut.contains { $0.contains(name) }, "\(name): \(files.leftOut)")
        }
    }

    // MARK: - Links

    @Test func linksInsideTheRepositoryAreFollowed() throws {
        try ground.makeRepository()
        try ground.write("common", to: "shared/providers.tf")
        try ground.write("vars", to: "shared/eu.tfvars")
        try ground.write("mod", to: "lib/net/main.tf")
        try ground.write("x", to: "live/eu/main.tf")
        try ground.link("live/eu/providers.tf", to: "../../shared/providers.tf")
        try ground.link("live/eu/terraform.tfvars", to: "\(ground.path)/shared/eu.tfvars")
        try ground.link("live/eu/modules", to: "../../lib")
        let files = try ground.files("live/eu")
        #expect(
            files.files == [
                "main.tf": "x", "providers.tf": "common", "terraform.tfvars": "vars", "modules/net/main.tf": "mod",
            ])
        #expect(files.path == nil)
    }

    @Test func linksOutOfTheRepositoryAreRefusedByName() throws {
        try ground.write("out", to: "outside/key.pem")
        try ground.makeRepository("repo")
        try ground.write("x", to: "repo/live/main.tf")
        try ground.link("repo/live/certs/key.pem", to: "../../../outside/key.pem")
        #expect(ground.failure("repo/live")?.contains("\"certs/key.pem\"") == true)
        try ground.write("certs/\n", to: "repo/live/.terraformignore")
        let files = try ground.files("repo/live")
        #expect(Set(files.files.keys) == ["main.tf", ".terraformignore"])
        #expect(files.leftOut.contains { $0.contains("certs/") })
    }

    @Test func withoutARepositoryTheFolderIsTheBoundary() throws {
        try ground.write("x", to: "env/main.tf")
        try ground.write("y", to: "shared/common.tf")
        try ground.link("env/common.tf", to: "../shared/common.tf")
        #expect(ground.failure("env")?.contains("\"common.tf\"") == true)
    }

    @Test func aCircleIsRefusedAndADanglingLinkIsNamed() throws {
        try ground.write("x", to: "main.tf")
        try ground.link("gone.tf", to: "nowhere")
        #expect(try ground.files().leftOut.contains { $0.contains("gone.tf") })
        try ground.link("sub/loop", to: "..")
        #expect(ground.failure()?.contains("\"sub/loop\"") == true)
    }

    // MARK: - .terraformignore

    @Test func terraformignoreOfTheFolderAndOfTheRepository() throws {
        try ground.makeRepository()
        try ground.write("x", to: "live/main.tf")
        try ground.write(Data(count: 9 << 20), to: "live/build/fn.zip")
        try ground.write("k", to: "live/build/keep.json")
        try ground.write("big", to: "live/media/a.mov")
        try ground.write("build/\n!build/keep.json\n", to: "live/.terraformignore")
        try ground.write("/live/media/\n", to: ".terraformignore")
        let files = try ground.files("live")
        #expect(Set(files.files.keys) == ["main.tf", "build/keep.json", ".terraformignore"])
        #expect(files.leftOut.contains { $0.contains("build/fn.zip") && $0.contains("media/") }, "\(files.leftOut)")
    }

    // MARK: - Modules beside the folder

    @Test func modulesAndFilesBesideTheFolderComeAlong() throws {
        try ground.makeRepository()
        try ground.write(
            """
            module "net" { source = "../../modules/net" }
            # module "old" { source = "../../modules/old" }
            locals {
              a = file("${path.module}/../shared/a.json")
              b = [for f in fileset("${path.root}/../../policies", "*.rego") : f]
              c = templatefile("../shared/${var.name}.tpl", {})
            }
            """, to: "live/eu/main.tf")
        try ground.write(
            "{\"module\": {\"dns\": {\"source\": \"../dns\"}}}".replacing("{\"source", with: "\n{\"source"),
            to: "modules/net/main.tf.json")
        try ground.write("d", to: "modules/dns/main.tf")
        try ground.write("o", to: "modules/old/main.tf")
        try ground.write("a", to: "live/shared/a.json")
        try ground.write("t", to: "live/shared/eu.tpl")
        try ground.write("p", to: "policies/x.rego", mode: 0o755)
        try ground.write("u", to: "unrelated/file")
        let files = try ground.files("live/eu")
        #expect(files.path == "live/eu")
        #expect(
            Set(files.files.keys) == [
                "live/eu/main.tf", "modules/net/main.tf.json", "modules/dns/main.tf", "live/shared/a.json",
                "live/shared/eu.tpl", "policies/x.rego",
            ])
        #expect(files.files["policies/x.rego"]?.isExecutable == true)
    }

    @Test func theLayoutBeginsWhereTheFilesDo() throws {
        try ground.makeRepository()
        try ground.write("module \"m\" {\n  source = \"../m\"\n}\n", to: "a/b/live/main.tf")
        try ground.write("m", to: "a/b/m/main.tf")
        let files = try ground.files("a/b/live")
        #expect(files.path == "live")
        #expect(Set(files.files.keys) == ["live/main.tf", "m/main.tf"])
    }

    @Test func aModuleOutsideOfTheRepositoryIsRefusedByName() throws {
        try ground.write("m", to: "modules/x/main.tf")
        try ground.write("module \"x\" {\n  source = \"../modules/x\"\n}", to: "env/main.tf")
        let failure = ground.failure("env")
        #expect(failure?.contains("main.tf, line 2") == true && failure?.contains("../modules/x") == true)
        // What is not there is Terraform's to complain about.
        try ground.write("module \"x\" {\n  source = \"../modules/y\"\n}", to: "env/main.tf")
        #expect(ground.failure("env") == nil)
    }

    @Test func aReferenceThatOnlyTerraformKnowsIsSaid() throws {
        try ground.makeRepository()
        try ground.write("locals { x = file(\"${path.module}/../../${var.where}/x\") }", to: "live/eu/main.tf")
        let files = try ground.files("live/eu")
        #expect(files.leftOut.contains { $0.contains("line 1") && $0.contains("${var.where}") })
    }

    // MARK: - Limits and names

    @Test func limitsNameTheBiggestAndTheFullest() throws {
        try ground.write("x", to: "main.tf")
        try ground.write(String(repeating: "b", count: 70), to: "data/big.json")
        try ground.write(String(repeating: "s", count: 28), to: "small.json")
        let rules = VineRules(sourceBytes: 98, fileCount: 3)
        let tooLarge = ground.failure(rules: rules)
        #expect(tooLarge?.contains("data/big.json (70 bytes)") == true && tooLarge?.contains("98 bytes") == true)
        try ground.write(String(repeating: "s", count: 27), to: "small.json")
        #expect(ground.failure(rules: rules) == nil)
        try ground.write("", to: "data/one-more")
        #expect(ground.failure(rules: rules)?.contains("data (2 files)") == true)
    }

    @Test func aNameThatCannotBeUploadedIsNamed() throws {
        try ground.write("x", to: "main.tf")
        try ground.write("y", to: "notes/a+b.txt")
        #expect(ground.failure()?.contains("notes/a+b.txt") == true)
        try ground.write("*+*\n", to: ".terraformignore")
        #expect(ground.failure() == nil)
    }

    @Test func aFolderWithoutConfigurationIsRefused() throws {
        try ground.write("x", to: "modules/a/main.tf")
        #expect(ground.failure()?.contains("holds no Terraform files") == true)
        #expect(ground.failure("nowhere")?.contains("does not exist") == true)
        #expect(ground.failure("modules/a/main.tf")?.contains("is not a folder") == true)
    }
}

@Suite struct FolderOriginTests {
    private let ground: Ground

    init() throws { ground = try Ground() }

    @Test(arguments: [
        "https://Code.example.org/team/infra.git", "git@code.example.org:team/infra.git",
        "ssh://git@code.example.org/team/infra", "https://user:token@code.example.org/team/infra/",
    ])
    func everyCloneHasTheSameName(remote: String) throws {
        try ground.makeRepository("clone", remote: remote)
        try ground.write("x", to: "clone/live/eu/main.tf")
        let origin = try FolderOrigin(ground.path + "/clone/live/../live/eu/")
        #expect(origin.name == "git:code.example.org/team/infra//live/eu")
        #expect(origin.top == ground.path + "/clone" && origin.folder == ground.path + "/clone/live/eu")
    }

    @Test func aWorktreeHasTheNameOfItsRepository() throws {
        try ground.makeRepository("clone", remote: "https://h/r")
        try ground.write("../..", to: "clone/.git/worktrees/w/commondir")
        try ground.write("gitdir: \(ground.path)/clone/.git/worktrees/w\n", to: "tree/.git")
        #expect(try FolderOrigin(ground.path + "/tree").name == "git:h/r//")
    }

    @Test func otherFoldersAreNamedByMachineAndPath() throws {
        try ground.write("x", to: "team-a/network/main.tf")
        try ground.write("x", to: "team-b/network/main.tf")
        try ground.link("alias", to: "team-a/network")
        let (a, b) = (
            try FolderOrigin(ground.path + "/team-a/network"), try FolderOrigin(ground.path + "/team-b/network")
        )
        #expect(a.name.hasPrefix("folder:") && a.name.hasSuffix(":" + ground.path + "/team-a/network"))
        #expect(a.name != b.name)
        #expect(try FolderOrigin(ground.path + "/alias").name == a.name)
        try ground.makeRepository("local", remote: "/srv/git/x.git")
        #expect(try FolderOrigin(ground.path + "/local").name.hasPrefix("folder:"))
    }
}
