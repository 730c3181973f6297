import Domain
import Foundation
import SystemCalls
import Testing

@testable import Tendril

@Suite struct SafePathTests {
    @Test(arguments: ["main.tf", "modules/a/main.tf", ".terraform.lock.hcl", "a b/ü.tf", "..a", "a..b/c"])
    func takes(path: String) throws {
        #expect(try SafePath.components(path).joined(separator: "/") == path)
    }

    @Test(arguments: [
        "", "/etc/passwd", "..", "../x", "a/../../x", "a/..", "./a", "a//b", "a/", "a\0b", "a\nb", "a/./b",
    ])
    func refuses(path: String) {
        #expect(throws: SafePath.Violation.self) { try SafePath.components(path) }
    }

    @Test func resolvesLinksWithoutDiskAccess() {
        #expect(SafePath.resolve(link: "../b/c", in: ["a"]) == ["b", "c"])
        #expect(SafePath.resolve(link: "./c", in: ["a"]) == ["a", "c"])
        #expect(SafePath.resolve(link: "../../b", in: ["a"]) == nil)
        #expect(SafePath.resolve(link: "/etc", in: ["a"]) == nil)
    }
}

@Suite struct WorkspaceTests {
    private let place: Place
    private let workspace: Workspace

    init() throws {
        place = try Place()
        workspace = Workspace(runRoot: place.path + "/run", vine: SystemDependencies.system.makeID())
    }

    @Test func isEmptiedAndFilled() throws {
        try workspace.empty()
        try workspace.write(["old.tf": "x"])
        let outside = place.path + "/outside"
        try Files.makeFolder(outside)
        try Files.write(Data(), to: outside + "/keep")
        try FileManager.default.createSymbolicLink(atPath: workspace.folder + "/link", withDestinationPath: outside)
        try workspace.empty()
        try workspace.write(["main.tf": "a", "modules/m/main.tf": "b"])
        let tree = FileManager.default.enumerator(atPath: workspace.folder)?.compactMap { $0 as? String }.sorted()
        #expect(tree == ["main.tf", "modules", "modules/m", "modules/m/main.tf"])
        #expect(Files.kind(of: outside + "/keep") == .file)
    }

    @Test func aLinkInThePlaceOfTheFolderIsNotFollowed() throws {
        let outside = place.path + "/outside"
        try Files.makeFolder(outside)
        try Files.write(Data(), to: outside + "/keep")
        try Files.makeFolder(workspace.runRoot)
        try FileManager.default.createSymbolicLink(atPath: workspace.folder, withDestinationPath: outside)
        try workspace.empty()
        #expect(Files.kind(of: workspace.folder) == .folder)
        #expect(Files.kind(of: outside + "/keep") == .file)
    }

    @Test func badPathsAreRefused() throws {
        try workspace.empty()
        #expect(throws: SafePath.Violation.self) { try workspace.write(["../x": ""]) }
        #expect(throws: SafePath.Violation.self) { try workspace.write(["a": "", "a/b": ""]) }
        #expect(throws: SafePath.Violation.self) { try workspace.workingDirectory(path: "../x") }
        try FileManager.default.createSymbolicLink(atPath: workspace.folder + "/l", withDestinationPath: place.path)
        #expect(throws: SafePath.Violation.self) { try workspace.write(["l/x": ""]) }
        #expect(throws: SafePath.Violation.self) { try workspace.write(["l": ""]) }
        #expect(Files.kind(of: place.path + "/x") == nil)
    }

    @Test func linksOutOfTheTreeAreRefused() throws {
        func check(_ target: String, at path: String) throws {
            try workspace.empty()
            try workspace.write(["dir/file": ""])
            try FileManager.default.createSymbolicLink(
                atPath: "\(workspace.folder)/\(path)", withDestinationPath: target)
            try workspace.checkTree(workingDirectory: workspace.folder)
        }
        try check("dir/file", at: "good")
        try check("../dir", at: "dir/also-good")
        try check("nowhere", at: "dangling")
        for (target, path) in [("/etc/passwd", "a"), ("../..", "b"), ("../../x", "dir/c"), ("../nowhere", "d")] {
            #expect(throws: SafePath.Violation.self, "\(path) -> \(target)") { try check(target, at: path) }
        }
    }

    @Test(arguments: [
        ("caf\\351", "/etc/hostname"), ("d\\374r/in\\377", "../.."), ("caf\\351", "d\\374r/../../x"),
    ])
    func linksOutOfTheTreeAreFoundWhateverTheirNamesAre(name: String, target: String) async throws {
        try workspace.empty()
        let script = """
            set -e; cd "$1"; mkdir "$(printf 'd\\374r')"; ln -s "$(printf "$3")" "$(printf "$2")"
            """
        let made = try await Command(executable: "/bin/sh", environment: ["PATH": "/usr/bin:/bin"])
            .run(["-c", script, "sh", workspace.folder, name, target])
        try #require(made.status == 0, "\(made.complaint)")
        #expect(throws: SafePath.Violation.self) { try workspace.checkTree(workingDirectory: workspace.folder) }
    }

    @Test func namesThatAreNotUTF8AreCountedAndMayLinkInside() async throws {
        try workspace.empty()
        let script = """
            cd "$1"; mkdir "$(printf 'd\\374r')"; printf 12345 > "$(printf 'd\\374r/f\\377')"
            ln -s "$(printf 'd\\374r')" "$(printf 'l\\340')"
            """
        let made = try await Command(executable: "/bin/sh", environment: ["PATH": "/usr/bin:/bin"])
            .run(["-c", script, "sh", workspace.folder])
        try #require(made.status == 0, "\(made.complaint)")
        try workspace.checkTree(workingDirectory: workspace.folder)
        #expect(try FolderSize(of: workspace.folder).bytes == 5)
    }

    @Test func filesKeepTheirModeAndTheirBytes() throws {
        try workspace.empty()
        try workspace.write([
            "run.sh": InlineFile("#!/bin/sh", isExecutable: true), "plain.txt": "x",
            "logo.bin": InlineFile("/wCA", encoding: .base64),
        ])
        #expect(Files.isExecutable(workspace.folder + "/run.sh"))
        #expect(!Files.isExecutable(workspace.folder + "/plain.txt"))
        #expect(try Files.read(workspace.folder + "/logo.bin") == Data([0xff, 0x00, 0x80]))
        #expect(throws: SafePath.Violation.self) {
            try workspace.write(["bad.bin": InlineFile("%", encoding: .base64)])
        }
    }

    @Test func theWorkingDirectoryMustBeThere() throws {
        try workspace.empty()
        try workspace.write(["dir/file": ""])
        try workspace.checkTree(workingDirectory: workspace.workingDirectory(path: "dir"))
        #expect(throws: Workspace.MissingFolder.self) {
            try workspace.checkTree(workingDirectory: workspace.workingDirectory(path: "dir/file"))
        }
        #expect(throws: Workspace.MissingFolder.self) {
            try workspace.checkTree(workingDirectory: workspace.workingDirectory(path: "other"))
        }
    }

    @Test func stateOfTheSourceIsRemoved() throws {
        try workspace.empty()
        try workspace.write(["terraform.tfstate": "{}", ".terraform/providers/x": "", "main.tf": "", "a.tfstate": ""])
        #expect(try workspace.removeForeignState(in: workspace.folder) == ["terraform.tfstate", ".terraform"])
        #expect(Files.kind(of: workspace.folder + "/a.tfstate") == .file)
    }

    @Test func oneJobAtATimeHasTheFolder() async throws {
        var first: FileLock? = try await workspace.take(sleeper: Fixtures.hurried, onWait: {})
        #expect(first != nil)
        let waits = Gate()
        let second = Task { [workspace] in
            try await workspace.take(sleeper: Fixtures.hurried, onWait: { await waits.pass() })
        }
        await waits.someone()
        first = nil
        waits.open()
        _ = try await second.value
    }
}

@Suite struct ArtifactTests {
    private let place: Place
    private let workspace: Workspace

    init() throws {
        place = try Place()
        workspace = Workspace(runRoot: place.path + "/run", vine: SystemDependencies.system.makeID())
        try workspace.empty()
        try Files.makeFolder(place.path + "/job")
        try Files.write(Data("PLAN".utf8), to: place.path + "/job/plan.tfplan")
    }

    private func artifact(limit: Int = 1 << 20) -> Artifact {
        Artifact(
            workspace: workspace, planFolder: place.path + "/job",
            tar: Command(executable: "/usr/bin/tar", environment: ["PATH": "/usr/bin:/bin"]), limit: limit)
    }

    @Test func excludesProvidersAndState() async throws {
        try workspace.write([
            "sub/main.tf": "a", "sub/made.zip": "z", "module/m.tf": "m", "sub/.terraform.lock.hcl": "lock",
            "sub/.terraform/providers/big": "p", "sub/.terraform/modules/modules.json": "{}",
            "sub/.terraform/terraform.tfstate": "backend", "sub/terraform.tfstate": "secret",
            "sub/terraform.tfstate.backup": "secret", "-x": "dash", "module/terraform.tfstate": "not the vine's",
        ])
        let tar = place.path + "/job/a.tar"
        let digest = try await artifact().pack(to: tar, workingDirectory: workspace.folder + "/sub")
        #expect(try Artifact.digest(of: tar) == digest)
        #expect(digest.count == 64)
        try workspace.empty()
        try Files.remove(place.path + "/job/plan.tfplan")
        try await artifact().unpack(tar, sha256: digest)
        let below = "run/\(workspace.vine)/"
        #expect(
            place.tree.filter { $0.hasPrefix(below) }.map { String($0.dropFirst(below.count)) } == [
                "-x", "module/m.tf", "module/terraform.tfstate", "sub/.terraform.lock.hcl",
                "sub/.terraform/modules/modules.json", "sub/made.zip", "sub/main.tf",
            ])
        #expect(place.text(of: "job/plan.tfplan") == "PLAN")
    }

    @Test func anotherDigestIsRefusedBeforeAnythingIsWritten() async throws {
        try workspace.write(["main.tf": "a"])
        let tar = place.path + "/job/a.tar"
        let digest = try await artifact().pack(to: tar, workingDirectory: workspace.folder)
        try workspace.empty()
        await #expect(throws: ArtifactError.self) {
            try await artifact().unpack(tar, sha256: String(digest.reversed()))
        }
        #expect(Files.kind(of: workspace.folder + "/main.tf") == nil)
    }

    @Test func theLimitHolds() async throws {
        try workspace.write(["big": InlineFile(String(repeating: "x", count: 20_000))])
        let problem = await #expect(throws: ArtifactError.self) {
            try await artifact(limit: 10_000).pack(to: place.path + "/job/a.tar", workingDirectory: workspace.folder)
        }
        #expect(problem?.description.contains("big (") == true)
        try artifact(limit: 20_000).checkSize(workingDirectory: workspace.folder)
        #expect(throws: ArtifactError.self) {
            try artifact(limit: 19_999).checkSize(workingDirectory: workspace.folder)
        }
    }
}
