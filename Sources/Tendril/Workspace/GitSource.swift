import Foundation

/// A git repository at a ref, as a source of files.
///
/// Nothing on this machine but the arguments decides what git does: no system or user configuration, no hooks, no
/// templates, no prompts, no submodules, and only the protocols that are meant.
struct GitSource: Sendable {
    struct Problem: Error, Hashable, CustomStringConvertible {
        var description: String
    }

    let url: String
    let ref: String
    private let git: Tool

    /// `environment` is the engine's own base: PATH, HOME, proxies, and what the operator passes.
    ///
    /// - Throws: ``Problem`` for a URL or a ref that is not taken.
    init(url: String, ref: String, executable: String, environment: [String: String], allowFile: Bool) throws(Problem) {
        try Self.check(url, allowFile: allowFile)
        try Self.check(ref: ref)
        self.url = url
        self.ref = ref
        var environment = environment
        environment["GIT_TERMINAL_PROMPT"] = "0"
        environment["GIT_ASKPASS"] = environment["GIT_ASKPASS"] ?? "/bin/false"
        environment["GIT_SSH_COMMAND"] = environment["GIT_SSH_COMMAND"] ?? "ssh -oBatchMode=yes"
        environment["GIT_CONFIG_NOSYSTEM"] = "1"
        environment["GIT_CONFIG_GLOBAL"] = "/dev/null"
        environment["GIT_ATTR_NOSYSTEM"] = "1"
        environment["GIT_ALLOW_PROTOCOL"] = allowFile ? "https:ssh:file" : "https:ssh"
        environment["LC_ALL"] = "C"
        git = Tool(executable: executable, environment: environment)
    }

    static func check(_ url: String, allowFile: Bool) throws(Problem) {
        func refuse(_ why: String) -> Problem { Problem(description: "The git URL is refused: \(why).") }
        guard !url.hasPrefix("-"), url.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7f }) else {
            throw refuse("it has characters that no URL has")
        }
        guard let parts = URLComponents(string: url), let scheme = parts.scheme?.lowercased(), url.contains("://")
        else {
            // host:path, as ssh has it
            let pieces = url.split(separator: ":", maxSplits: 1)
            guard pieces.count == 2, !pieces[0].contains("/"), !pieces[1].hasPrefix(":"),
                !(pieces[0].split(separator: "@").last ?? "-").hasPrefix("-")
            else { throw refuse("only https and ssh are taken") }
            return
        }
        switch scheme {
        case "https", "ssh":
            guard parts.password == nil, scheme == "ssh" || parts.user == nil else {
                throw refuse("it has credentials in it")
            }
            guard let host = parts.host, !host.isEmpty, !host.hasPrefix("-") else { throw refuse("it names no host") }
        case "file" where allowFile: break
        default: throw refuse("only https and ssh are taken")
        }
    }

    static func check(ref: String) throws(Problem) {
        let bad: Set<Character> = ["~", "^", ":", "?", "*", "[", "\\", " "]
        guard !ref.isEmpty, ref.utf8.count <= 255, !ref.hasPrefix("-"), !ref.contains(".."), !ref.contains("@{"),
            ref.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7f }), !ref.contains(where: bad.contains)
        else { throw Problem(description: "\"\(ref.prefix(80))\" is no name of a branch, a tag or a commit.") }
    }

    static func isCommit(_ text: String) -> Bool {
        (text.utf8.count == 40 || text.utf8.count == 64)
            && text.utf8.allSatisfy { byte in
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
            }
    }

    /// The commit that the ref stands for now.
    func resolve() async throws -> String {
        if Self.isCommit(ref) { return ref }
        let names = ["refs/heads/\(ref)", "refs/tags/\(ref)^{}", "refs/tags/\(ref)", ref]
        let answer = try await run(["ls-remote", "--quiet", "--", url, ref, "refs/tags/\(ref)^{}"])
        var found: [String: String] = [:]
        for line in answer.text.split(separator: "\n") {
            let fields = line.split(separator: "\t")
            if fields.count == 2 { found[String(fields[1])] = String(fields[0]) }
        }
        guard let commit = names.lazy.compactMap({ found[$0] }).first(where: Self.isCommit) else {
            throw Problem(description: "\"\(ref)\" is no branch, tag or full commit of \(url).")
        }
        return commit
    }

    /// Puts the files of `commit` into `folder`, which is empty. `scratch` is a folder that this may make and remove.
    func checkOut(_ commit: String, into folder: String, scratch: String) async throws {
        guard Self.isCommit(commit) else { throw Problem(description: "\"\(commit.prefix(80))\" is no commit.") }
        try Files.remove(scratch)
        try Files.makeFolder(scratch)
        defer { try? Files.remove(scratch) }
        try await run(["init", "--quiet", "--bare", "--template=", "--", scratch])
        let inside = ["--git-dir=\(scratch)", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"]
        let fetch = inside + ["fetch", "--quiet", "--no-tags", "--no-recurse-submodules"]
        do {
            try await run(fetch + ["--depth=1", "--", url, commit])
        } catch is Problem {
            // Some servers give no commit that is not the tip of a ref.
            try await run(fetch + ["--", url, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"])
        }
        try await run(
            inside + [
                "-c", "core.bare=false", "--work-tree=\(folder)", "checkout", "--quiet", "--force", commit, "--", ".",
            ])
    }

    @discardableResult
    private func run(_ arguments: [String]) async throws -> Tool.Result {
        let result = try await git.run(arguments)
        guard result.status == 0 else {
            let verb = arguments.first { ["ls-remote", "init", "fetch", "checkout"].contains($0) } ?? "git"
            throw Problem(description: "git \(verb) failed: \(result.complaint)")
        }
        return result
    }
}
