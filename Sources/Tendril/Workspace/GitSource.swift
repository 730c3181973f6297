import Domain
import Foundation
import SystemCalls

/// A git repository at a ref, as a source of files.
///
/// Git's behavior depends only on the arguments: no system or user configuration, no hooks, no
/// templates, no prompts, and only the protocols that are meant, for submodules too.
struct GitSource: Sendable {
    /// How long one git command may take.
    struct Limits: Sendable {
        var resolving = Duration.seconds(60)
        var fetching = Duration.seconds(600)
    }

    let url: String
    let ref: String
    let git: Command
    let limits: Limits
    let allowFile: Bool

    /// `environment` is the engine's own base: PATH, HOME, proxies, and what the operator passes.
    ///
    /// - Throws: ``GitSourceError`` for a URL or ref that is not allowed.
    init(
        url: String, ref: String, executable: String, environment: [String: String], allowFile: Bool,
        limits: Limits = Limits()
    ) throws(GitSourceError) {
        let url = GitRules.normalizedURL(url)
        try Self.check(url, allowFile: allowFile)
        try Self.check(ref: ref)
        self.url = url
        self.ref = ref
        self.limits = limits
        self.allowFile = allowFile
        var environment = environment
        environment["GIT_TERMINAL_PROMPT"] = "0"
        environment["GIT_ASKPASS"] = environment["GIT_ASKPASS"] ?? "/bin/false"
        environment["GIT_SSH_COMMAND"] = environment["GIT_SSH_COMMAND"] ?? "ssh -oBatchMode=yes -oConnectTimeout=30"
        environment["GIT_CONFIG_NOSYSTEM"] = "1"
        environment["GIT_CONFIG_GLOBAL"] = "/dev/null"
        environment["GIT_ATTR_NOSYSTEM"] = "1"
        environment["GIT_ALLOW_PROTOCOL"] = allowFile ? "https:ssh:file" : "https:ssh"
        environment["LC_ALL"] = "C"
        git = Command(executable: executable, environment: environment)
    }

    static func check(_ url: String, allowFile: Bool) throws(GitSourceError) {
        func refuse(_ why: String) -> GitSourceError { GitSourceError(description: "Git URL not allowed: \(why).") }
        guard !url.hasPrefix("-"), url.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7f }) else {
            throw refuse("it contains invalid characters")
        }
        guard let parts = URLComponents(string: url), let scheme = parts.scheme?.lowercased(), url.contains("://")
        else {
            // host:path, as ssh has it
            let pieces = url.split(separator: ":", maxSplits: 1)
            guard pieces.count == 2, !pieces[0].contains("/"), !pieces[1].hasPrefix(":"),
                !(pieces[0].split(separator: "@").last ?? "-").hasPrefix("-")
            else { throw refuse("use https:// or ssh://") }
            return
        }
        switch scheme {
        case "https", "ssh":
            guard parts.password == nil, scheme == "ssh" || parts.user == nil else {
                throw refuse("it contains credentials")
            }
            guard let host = parts.host, !host.isEmpty, !host.hasPrefix("-") else { throw refuse("it has no host") }
        case "file" where allowFile: break
        default: throw refuse("use https:// or ssh://")
        }
    }

    static func check(ref: String) throws(GitSourceError) {
        let bad: Set<Character> = ["~", "^", ":", "?", "*", "[", "\\", " "]
        guard !ref.isEmpty, ref.utf8.count <= 255, !ref.hasPrefix("-"), !ref.contains(".."), !ref.contains("@{"),
            ref.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7f }), !ref.contains(where: bad.contains)
        else {
            throw GitSourceError(description: "\"\(ref.shortened(toBytes: 80))\" can't be a branch, tag or commit.")
        }
    }

    static func isCommit(_ text: String) -> Bool {
        (text.utf8.count == 40 || text.utf8.count == 64)
            && text.utf8.allSatisfy { byte in
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
            }
    }

    /// The commit that the ref points to now; for an annotated tag, the tagged commit.
    func resolve() async throws -> String {
        if Self.isCommit(ref) { return ref }
        let names = ["refs/heads/\(ref)", "refs/tags/\(ref)^{}", "refs/tags/\(ref)", "\(ref)^{}", ref]
        let answer = try await run(
            ["ls-remote", "--quiet", "--", url, ref, "\(ref)^{}", "refs/tags/\(ref)^{}"], within: limits.resolving)
        var found: [String: String] = [:]
        for line in answer.text.split(separator: "\n") {
            let fields = line.split(separator: "\t")
            if fields.count == 2 { found[String(fields[1])] = String(fields[0]) }
        }
        guard let commit = names.lazy.compactMap({ found[$0] }).first(where: Self.isCommit) else {
            throw GitSourceError(description: "Branch, tag or commit \"\(ref)\" not found in \(url).")
        }
        return commit
    }

    /// Puts the files of `commit`, and of its submodules, into `folder`, which is empty. What `.terraformignore` at the
    /// top of the repository names is left out. `scratch` is a folder that this may make and remove.
    ///
    /// - Returns: the commit itself, also if `commit` names a tag.
    /// - Throws: ``GitSourceError``, also for a submodule or a Git LFS file that can't be fetched: a folder without its
    ///   files would pass for one that wants nothing.
    @discardableResult
    func checkOut(_ commit: String, into folder: String, scratch: String) async throws -> String {
        guard Self.isCommit(commit) else {
            throw GitSourceError(description: "\"\(commit.shortened(toBytes: 80))\" is not a commit.")
        }
        return try await GitCheckout(source: self, folder: folder, scratch: scratch).run(commit)
    }

    /// - Throws: ``GitSourceError`` if git fails or takes longer than `limit`.
    @discardableResult
    func run(_ arguments: [String], within limit: Duration? = nil, output: Int = 4 << 20) async throws -> Command.Result
    {
        let verb = arguments.first { Self.verbs.contains($0) } ?? "git"
        let limit = limit ?? limits.fetching
        guard let result = try await git.run(arguments, limit: output, timeout: limit) else {
            throw GitSourceError(
                description: "git \(verb) took longer than \(limit.components.seconds) s and was ended.")
        }
        guard result.status == 0 else { throw GitSourceError(description: "git \(verb) failed: \(result.complaint)") }
        return result
    }

    private static let verbs: Set = ["ls-remote", "init", "fetch", "checkout", "ls-tree", "rev-parse", "config"]
}

struct GitSourceError: Error, Hashable, CustomStringConvertible {
    var description: String
}
