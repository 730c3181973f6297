import Domain
import Foundation
import SystemCalls
import Testing

@testable import Tendril

@Suite struct GitSourceTests {
    private let place: Place
    private let environment = ["PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent"]

    init() throws { place = try Place() }

    private func source(_ url: String, ref: String, allowFile: Bool = true) throws -> GitSource {
        try GitSource(
            url: url, ref: ref, executable: "/usr/bin/git", environment: environment, allowFile: allowFile)
    }

    /// A repository with two commits on `main`, a tag on the first, and a hook that would betray itself.
    private func repository() async throws -> (url: String, first: String, second: String) {
        let script = """
            set -e
            export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
            cd \(place.path) && mkdir repo && cd repo && git init -q -b main . && mkdir sub
            echo one > sub/main.tf && git add . && git commit -qm 1 && git rev-parse HEAD && git tag -a -m t v1
            echo two > sub/main.tf && git commit -qam 2 && git rev-parse HEAD
            """
        let made = try await Command(executable: "/bin/sh", environment: environment).run(["-c", script])
        try #require(made.status == 0, "\(made.complaint)")
        let commits = made.text.split(separator: "\n").map(String.init)
        return ("file://\(place.path)/repo", commits[0], commits[1])
    }

    @Test func aRefBecomesACommitAndTheCommitFiles() async throws {
        let (url, first, second) = try await repository()
        #expect(try await source(url, ref: "main").resolve() == second)
        #expect(try await source(url, ref: "v1").resolve() == first)
        #expect(try await source(url, ref: "refs/heads/main").resolve() == second)
        #expect(try await source(url, ref: first).resolve() == first)
        await #expect(throws: GitSourceError.self) { try await source(url, ref: "missing").resolve() }
        for (commit, text) in [(first, "one\n"), (second, "two\n")] {
            let folder = "\(place.path)/out-\(commit)"
            try Files.makeFolder(folder)
            try await source(url, ref: "main").checkOut(commit, into: folder, scratch: place.path + "/scratch")
            #expect(place.text(of: "out-\(commit)/sub/main.tf") == text)
            #expect(Files.kind(of: folder + "/.git") == nil)
            #expect(Files.kind(of: place.path + "/scratch") == nil)
        }
    }

    @Test func aCommitThatIsNotThereIsAProblem() async throws {
        let (url, first, _) = try await repository()
        try Files.makeFolder(place.path + "/out")
        let other = String(first.reversed())
        await #expect(throws: GitSourceError.self) {
            try await source(url, ref: "main").checkOut(other, into: place.path + "/out", scratch: place.path + "/s")
        }
    }

    @Test(arguments: [
        "https://github.com/a/b.git", "ssh://git@host/a/b", "git@github.com:a/b.git", "https://host:8443/x",
    ])
    func takes(url: String) throws { _ = try source(url, ref: "main", allowFile: false) }

    @Test(arguments: [
        "http://host/x", "file:///etc", "/etc/repo", "../repo", "ext::sh -c x", "ext::sh", "git://host/x",
        "https://user:secret@host/x", "https://token@host/x", "ssh://-oProxyCommand=x/y", "--upload-pack=x",
        "-oProxyCommand=x:y", "https://", "https://host/a\nb", "ssh://u:p@host/x",
    ])
    func refuses(url: String) {
        #expect(throws: GitSourceError.self) { try source(url, ref: "main", allowFile: false) }
    }

    @Test(arguments: ["-x", "--upload-pack=x", "a..b", "a b", "HEAD~1", "a:b", "", "x@{1}", "a\nb", "*"])
    func refuses(ref: String) {
        #expect(throws: GitSourceError.self) { try source("https://host/x", ref: ref) }
    }
}
