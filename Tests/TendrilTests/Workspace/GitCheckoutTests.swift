import Crypto
import Domain
import Foundation
import SystemCalls
import Testing

@testable import Tendril

/// Submodules, Git LFS, `.terraformignore`, tags and slow servers, with real repositories.
@Suite struct GitCheckoutTests {
    private let place: Place
    private let environment = ["PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent"]

    init() throws { place = try Place() }

    private func source(
        _ url: String, ref: String = "main", path: String? = nil, allowFile: Bool = true,
        limits: GitSource.Limits = GitSource.Limits()
    ) throws -> GitSource {
        var environment = environment
        if let path { environment["PATH"] = path }
        return try GitSource(
            url: url, ref: ref, executable: "/usr/bin/git", environment: environment, allowFile: allowFile,
            limits: limits)
    }

    /// Runs a script in the place; `commit NAME` makes a commit of everything in the repository NAME.
    @discardableResult
    private func sh(_ script: String) async throws -> String {
        let head = """
            set -e; cd \(place.path)
            export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
            make() { mkdir -p "$1" && git init -q -b main "$1"; }
            commit() { git -C "$1" add -A && git -C "$1" commit -qm x; }
            sub() { git -C "$1" -c protocol.file.allow=always submodule --quiet add "$2" "$3"; }

            """
        let made = try await Command(executable: "/bin/sh", environment: environment).run(["-c", head + script])
        try #require(made.status == 0, "\(made.complaint)")
        return made.text
    }

    private var root: String { "file://\(place.path)" }

    private func checkOut(_ source: GitSource) async throws {
        try Files.remove(place.path + "/out")
        try Files.makeFolder(place.path + "/out")
        try await source.checkOut(
            try await source.resolve(), into: place.path + "/out", scratch: place.path + "/scratch")
    }

    // MARK: - Submodules

    @Test func submodulesOfSubmodulesAreFetchedByAbsoluteAndRelativeURL() async throws {
        try await sh(
            """
            make leaf; echo leaf > leaf/leaf.json; commit leaf
            make middle; sub middle ../leaf deep/leaf 2>/dev/null || sub middle \(root)/leaf deep/leaf
            git -C middle config -f .gitmodules submodule.deep/leaf.url ../leaf; echo mid > middle/mid.json; commit middle
            make top; sub top \(root)/middle "libs/the middle"; echo x > top/main.tf; commit top
            echo newer > middle/mid.json; commit middle
            """)
        try await checkOut(source(root + "/top"))
        #expect(
            place.text(of: "out/libs/the middle/mid.json") == "mid\n", "the commit that is recorded, not the newest")
        #expect(place.text(of: "out/libs/the middle/deep/leaf/leaf.json") == "leaf\n")
        #expect(place.text(of: "out/main.tf") == "x\n")
        #expect(Files.kind(of: place.path + "/scratch") == nil)
        let names = place.tree.filter { $0.hasPrefix("out/") }
        #expect(!names.contains { $0.contains(".git/") || $0.hasSuffix("/.git") })
    }

    @Test func aSubmoduleThatCannotBeFetchedFailsTheJobByName() async throws {
        try await sh(
            """
            make gone; echo 1 > gone/a; commit gone; make top; sub top \(root)/gone conf/gone; commit top; rm -rf gone
            make nameless; echo x > nameless/main.tf; commit nameless
            git -C nameless update-index --add --cacheinfo 160000,$(git -C top rev-parse HEAD),vendor/lib
            git -C nameless commit -qm link
            """)
        for (repository, name) in [("top", "conf/gone"), ("nameless", "vendor/lib")] {
            let problem = await #expect(throws: GitSourceError.self) {
                try await checkOut(source("\(root)/\(repository)"))
            }
            #expect(problem?.description.contains("\"\(name)\"") == true, "\(problem?.description ?? "")")
        }
    }

    @Test func aSubmoduleKeepsToTheRulesForURLs() async throws {
        for url in [
            "ext::sh -c touch% pwned", "/etc", "http://127.0.0.1:1/x", "https://u:p@127.0.0.1/x", "--upload-pack=x",
        ] {
            try await sh(
                """
                rm -rf bad sub1; make sub1; echo 1 > sub1/a; commit sub1; make bad; sub bad \(root)/sub1 s
                git -C bad config -f .gitmodules submodule.s.url '\(url)'; commit bad
                """)
            let problem = await #expect(throws: GitSourceError.self, "\(url)") {
                try await checkOut(source(root + "/bad"))
            }
            #expect(problem?.description.contains("\"s\"") == true, "\(problem?.description ?? "")")
        }
        #expect(!place.tree.contains { $0.contains("pwned") })
    }

    @Test func aSubmoduleThatIsLeftOutIsNotFetched() async throws {
        try await sh(
            """
            make gone; echo 1 > gone/a; commit gone; make top; sub top \(root)/gone vendor/gone; echo x > top/main.tf
            echo vendor/ > top/.terraformignore; commit top; rm -rf gone
            """)
        try await checkOut(source(root + "/top"))
        #expect(place.text(of: "out/main.tf") == "x\n")
    }

    @Test func relativeURLsStayOnTheirHost() {
        for (url, base, result) in [
            ("../b.git", "https://h/o/a.git", "https://h/o/b.git"), ("./b", "ssh://git@h/o/a", "ssh://git@h/o/a/b"),
            ("../../p/b", "https://h/o/a/", "https://h/p/b"), ("../../../../b", "https://h/o/a", "https://h/../../b"),
            ("https://other/x", "https://h/o/a", "https://other/x"),
        ] {
            #expect(GitCheckout.resolve(url, against: base) == result)
        }
    }

    // MARK: - Git LFS

    /// The pointer to `content`, as git keeps it.
    private func pointer(_ content: String) -> String {
        "version https://git-lfs.github.com/spec/v1\noid sha256:\(SHA256.hash(data: Data(content.utf8)).hexadecimal)\n"
            + "size \(content.utf8.count)\n"
    }

    private func repositoryWithPointers() async throws {
        try await sh("make lfs")
        try place.write(pointer("the real archive"), to: "lfs/dist/fn.zip")
        try place.write("output \"x\" {}", to: "lfs/main.tf")
        try place.write(
            "version https://git-lfs.github.com/spec/v1 is what a pointer begins with\n", to: "lfs/notes.txt")
        try await sh("chmod 755 lfs/dist/fn.zip; commit lfs")
    }

    /// A folder with git and, as `git-lfs`, a program that prints `content` for every pointer.
    private func toolsWithLFS(printing content: String, status: Int = 0) throws -> String {
        try Files.makeFolder(place.path + "/bin")
        let script = "#!/bin/sh\ncat > /dev/null\nprintf '%s' '\(content)'\nexit \(status)\n"
        try Files.write(Data(script.utf8), to: place.path + "/bin/git-lfs", mode: 0o755)
        return "\(place.path)/bin:/usr/bin:/bin"
    }

    @Test func withoutGitLFSAPointerFailsTheJobByName() async throws {
        try await repositoryWithPointers()
        let tools = place.path + "/none"
        try Files.makeFolder(tools)
        let problem = await #expect(throws: GitSourceError.self) {
            try await checkOut(source(root + "/lfs", path: tools))
        }
        #expect(problem?.description.contains("dist/fn.zip") == true)
        #expect(problem?.description.contains("notes.txt") == false)
    }

    @Test func withGitLFSThePointerIsReplaced() async throws {
        try await repositoryWithPointers()
        let tools = try toolsWithLFS(printing: "the real archive")
        try await checkOut(source(root + "/lfs", path: tools))
        #expect(place.text(of: "out/dist/fn.zip") == "the real archive")
        #expect(Files.isExecutable(place.path + "/out/dist/fn.zip"))
        #expect(place.text(of: "out/notes.txt")?.hasPrefix("version https://") == true)
    }

    private static let realLFS = ["/usr/bin", "/usr/local/bin"].contains { Files.isExecutable($0 + "/git-lfs") }

    /// git-lfs of Debian, with a local repository as its server.
    @Test(.enabled(if: realLFS, "needs git-lfs")) func theRealGitLFSFetchesContentOrTheJobFails() async throws {
        try await sh(
            """
            make lfs; cd lfs; git lfs install --local >/dev/null; git lfs track '*.zip' >/dev/null; mkdir dist
            head -c 300000 /dev/zero | tr '\\0' 'z' > dist/fn.zip; echo 'output "x" {}' > main.tf; cd ..; commit lfs
            git -C lfs show HEAD:dist/fn.zip
            """)
        let tools = "/usr/local/bin:/usr/bin:/bin"
        try await checkOut(source(root + "/lfs", path: tools))
        #expect(place.text(of: "out/dist/fn.zip") == String(repeating: "z", count: 300_000))
        #expect(place.text(of: "out/main.tf") == "output \"x\" {}\n")
        try await sh("rm -rf lfs/.git/lfs")
        let problem = await #expect(throws: GitSourceError.self) {
            try await checkOut(source(root + "/lfs", path: tools))
        }
        #expect(problem?.description.contains("dist/fn.zip") == true, "\(problem?.description ?? "")")
    }

    @Test(arguments: [("something else", 0), ("the real archive", 2), ("", 0)])
    func contentThatIsNotWhatThePointerSaysFailsTheJob(content: String, status: Int) async throws {
        try await repositoryWithPointers()
        let tools = try toolsWithLFS(printing: content, status: status)
        let problem = await #expect(throws: GitSourceError.self) {
            try await checkOut(source(root + "/lfs", path: tools))
        }
        #expect(problem?.description.contains("dist/fn.zip") == true)
    }

    @Test func aPointerThatIsLeftOutIsNoTrouble() async throws {
        try await repositoryWithPointers()
        try place.write("*.zip\n", to: "lfs/.terraformignore")
        try await sh("commit lfs")
        try await checkOut(source(root + "/lfs", path: "/nowhere"))
        #expect(place.text(of: "out/main.tf") != nil)
    }

    // MARK: - What is left out

    @Test func terraformignoreHoldsForTheWholeRepository() async throws {
        try await sh(
            """
            make repo; cd repo; mkdir -p media/raw live keep; head -c 300000 /dev/zero > media/raw/a.bin
            echo k > media/keep.txt; echo x > live/main.tf; echo z > "$(printf 'media/n\\351.bin')"
            printf 'media/\\n!media/keep.txt\\n' > .terraformignore; cd ..; commit repo
            """)
        try await checkOut(source(root + "/repo"))
        let names = place.tree.filter { $0.hasPrefix("out/") }
        #expect(names == ["out/.terraformignore", "out/live/main.tf", "out/media/keep.txt"])
        #expect(try FolderSize(of: place.path + "/out").bytes < 1000)
        #expect(Files.kind(of: place.path + "/out/media/raw") == nil)
    }

    // MARK: - Refs

    @Test(arguments: ["rel/1.0", "refs/tags/rel/1.0"]) func anAnnotatedTagIsItsCommit(ref: String) async throws {
        let ids = try await sh(
            """
            make repo; echo 1 > repo/main.tf; commit repo; git -C repo tag -a -m t rel/1.0; git -C repo rev-parse HEAD
            git -C repo rev-parse rel/1.0; echo 2 > repo/main.tf; commit repo
            """
        ).split(separator: "\n").map(String.init)
        #expect(try await source(root + "/repo", ref: ref).resolve() == ids[0])
        // The tag's own id is not known to be one before the repository is here.
        try Files.makeFolder(place.path + "/out")
        let found = try await source(root + "/repo", ref: ids[1]).checkOut(
            ids[1], into: place.path + "/out", scratch: place.path + "/scratch")
        #expect(found == ids[0])
        #expect(place.text(of: "out/main.tf") == "1\n")
    }

    @Test(.timeLimit(.minutes(5))) func aServerThatDoesNotAnswerIsNotWaitedForForever() async throws {
        try Files.makeFolder(place.path + "/bin")
        let pid = place.path + "/pid"
        try Files.write(
            Data("#!/bin/sh\necho $$ > \(pid)\nexec sleep 600\n".utf8), to: place.path + "/bin/ssh", mode: 0o755)
        var environment = environment
        environment["GIT_SSH_COMMAND"] = place.path + "/bin/ssh"
        let source = try GitSource(
            url: "git@slow.example:a/b.git", ref: "main", executable: "/usr/bin/git", environment: environment,
            allowFile: false, limits: .init(resolving: .seconds(1), fetching: .seconds(1)))
        #expect(source.url == "ssh://git@slow.example/a/b.git")
        let problem = await #expect(throws: GitSourceError.self) { try await source.resolve() }
        #expect(problem?.description.contains("ls-remote took longer than 1 s") == true)
        // Nothing of it is left; a zombie that its new parent has not reaped has no command line.
        let child = try #require(place.text(of: "pid")).trimmingCharacters(in: .whitespacesAndNewlines)
        while try Files.read("/proc/\(child)/cmdline")?.isEmpty == false { await Task.yield() }
    }
}
