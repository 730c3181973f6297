import Domain
import Foundation
import SystemCalls

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// One checkout of a git source: the repository, its submodules, and the content of Git LFS files.
struct GitCheckout: Sendable {
    let source: GitSource
    let folder: String
    let scratch: String

    /// How deep submodules may hold submodules, and how many there may be.
    static let maxDepth = 8
    static let maxSubmodules = 200

    func run(_ commit: String) async throws -> String {
        defer { try? Files.remove(scratch) }
        let commit = try await place(source.url, commit, at: folder)
        let rules = try ignoreRules()
        try await complete(source.url, commit, below: nil, rules)
        var pending = try await submodules(of: commit, url: source.url, below: nil, depth: 1)
        var count = 0
        while let next = pending.popLast() {
            // What is left out anyway is not fetched.
            if let rules, rules.excludes(next.path) || rules.excludesAll(below: next.path) { continue }
            count += 1
            guard count <= Self.maxSubmodules, next.depth <= Self.maxDepth else {
                throw GitSourceError(
                    description: "The repository has more than \(Self.maxSubmodules) submodules, or nests them deeper "
                        + "than \(Self.maxDepth) levels.")
            }
            do {
                try await checkOut(next)
                try await complete(next.url, next.commit, below: next.path, rules)
                pending += try await submodules(
                    of: next.commit, url: next.url, below: next.path, depth: next.depth + 1)
            } catch let problem as GitSourceError {
                throw GitSourceError(description: "Submodule \"\(next.path)\" (\(next.url)): \(problem.description)")
            }
        }
        return commit
    }

    private var inside: [String] {
        ["--git-dir=\(scratch)", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"]
    }

    /// Fetches the commit from `url` and puts its files into `place`. The repository stays in `scratch`.
    private func place(_ url: String, _ commit: String, at place: String) async throws -> String {
        try Files.remove(scratch)
        try Files.makeFolder(scratch)
        try await source.run(["init", "--quiet", "--bare", "--template=", "--", scratch])
        // A server that stops sending is not waited for.
        let patience = ["-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=60"]
        let fetch = inside + patience + ["fetch", "--quiet", "--no-tags", "--no-recurse-submodules"]
        do {
            try await source.run(fetch + ["--depth=1", "--", url, commit])
        } catch is GitSourceError {
            // Some servers only serve commits that are the tip of a ref.
            try await source.run(fetch + ["--", url, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"])
        }
        let found: String
        do {
            let answer = try await source.run(inside + ["rev-parse", "--verify", "--quiet", "\(commit)^{commit}"])
            found = answer.text.trimmingCharacters(in: .whitespacesAndNewlines)
        } catch is GitSourceError {
            throw GitSourceError(description: "Commit \"\(commit)\" not found in \(url).")
        }
        try await source.run(
            inside + [
                "-c", "core.bare=false", "--work-tree=\(place)", "checkout", "--quiet", "--force", found, "--", ".",
            ])
        return found
    }

    // MARK: - What is left out

    private func ignoreRules() throws -> IgnoreRules? {
        try RawPath("\(folder)/\(IgnoreRules.fileName)").read(limit: 1 << 20)
            .map { IgnoreRules(String(decoding: $0, as: UTF8.self)) }
    }

    /// Removes what is left out of the repository that was just placed, and fetches the LFS files that remain.
    private func complete(_ url: String, _ commit: String, below path: String?, _ rules: IgnoreRules?) async throws {
        let place = path.map { "\(folder)/\($0)" } ?? folder
        if let rules {
            var folders: [RawPath] = []
            try TreeWalk.visit(place) { entry in
                let name = path.map { "\($0)/\(entry.name)" } ?? entry.name
                let full = RawPath(place).appending(entry.path)
                if entry.kind == .folder {
                    folders.append(full)
                } else if rules.excludes(name) {
                    try full.removeFile()
                }
                return true
            }
            for folder in folders.reversed() { folder.removeEmptyFolder() }
        }
        try await GitLFS(source: source, url: url, gitFolder: scratch, folder: place).fetch()
    }

    // MARK: - Submodules

    private struct Submodule {
        /// Below the top of the source.
        var path: String
        var url: String
        var commit: String
        var depth: Int
    }

    /// The submodules of the commit that lies in `scratch`.
    private func submodules(
        of commit: String, url: String, below parent: String?, depth: Int
    ) async throws -> [Submodule] {
        let tree = try await source.run(inside + ["ls-tree", "-r", "-z", "--full-tree", commit], output: 512 << 20)
        // MODE TYPE ID<tab>PATH
        let links = tree.output.split(separator: 0).filter { $0.starts(with: "160000 ".utf8) }
        guard !links.isEmpty else { return [] }
        let urls = try await submoduleURLs(of: commit)
        return try links.map { entry in
            let parts = entry.split(separator: UInt8(ascii: "\t"), maxSplits: 1)
            let fields = parts[0].split(separator: UInt8(ascii: " "))
            guard parts.count == 2, fields.count == 3, let path = String(validating: parts[1], as: UTF8.self) else {
                throw GitSourceError(description: "The repository has a submodule whose name is not UTF-8.")
            }
            let full = parent.map { "\($0)/\(path)" } ?? path
            guard let named = urls[path] else {
                throw GitSourceError(description: "Submodule \"\(full)\" has no URL in .gitmodules.")
            }
            let target = GitRules.normalizedURL(Self.resolve(named, against: url))
            do throws(GitSourceError) { try GitSource.check(target, allowFile: source.allowFile) } catch {
                throw GitSourceError(description: "Submodule \"\(full)\": \(error.description)")
            }
            return Submodule(
                path: full, url: target, commit: String(decoding: fields[2], as: UTF8.self), depth: depth)
        }
    }

    /// The URLs in `.gitmodules`, by path; none if the file does not exist.
    private func submoduleURLs(of commit: String) async throws -> [String: String] {
        let pattern = #"^submodule\..*\.(path|url)$"#
        let answer = try await source.git.run(
            inside + ["config", "--blob=\(commit):.gitmodules", "-z", "--get-regexp", pattern])
        guard answer.status == 0 else { return [:] }
        var modules: [String: [String: String]] = [:]
        for item in answer.text.split(separator: "\0") {
            let parts = item.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let dot = parts[0].lastIndex(of: ".") else { continue }
            modules[String(parts[0][..<dot]), default: [:]][String(parts[0][dot...])] = String(parts[1])
        }
        var urls: [String: String] = [:]
        for module in modules.values {
            if let path = module[".path"], let url = module[".url"] { urls[path] = url }
        }
        return urls
    }

    /// A submodule's URL, which may be relative to that of its repository: `../other.git`.
    static func resolve(_ url: String, against base: String) -> String {
        guard url.hasPrefix("./") || url.hasPrefix("../") else { return url }
        var place = base[...]
        while place.hasSuffix("/") { place.removeLast() }
        let start = base.range(of: "://").map { base[$0.upperBound...].firstIndex(of: "/") ?? base.endIndex }
        var rest = url[...]
        while true {
            if rest.hasPrefix("./") {
                rest = rest.dropFirst(2)
            } else if rest.hasPrefix("../"), let slash = place.lastIndex(of: "/"), slash >= start ?? place.startIndex {
                rest = rest.dropFirst(3)
                place = place[..<slash]
            } else {
                return "\(place)/\(rest)"
            }
        }
    }

    /// Puts the submodule's files into the folder that its repository's checkout made for it.
    private func checkOut(_ submodule: Submodule) async throws {
        let components = try SafePath.components(submodule.path)
        guard GitSource.isCommit(submodule.commit) else { throw GitSourceError(description: "it names no commit.") }
        let place = "\(folder)/\(components.joined(separator: "/"))"
        if Files.kind(of: place) == nil { try Files.makeFolder(place) }
        // No link on the way, or the files would end up in another folder.
        guard let root = Files.real(folder), Files.real(place) == "\(root)/\(components.joined(separator: "/"))" else {
            throw GitSourceError(description: "its folder is reached by a link.")
        }
        _ = try await self.place(submodule.url, submodule.commit, at: place)
    }
}

/// The files of a checkout whose content is kept by Git LFS: git itself only has pointers to them.
struct GitLFS: Sendable {
    let source: GitSource
    let url: String
    /// The bare repository that the files come from.
    let gitFolder: String
    let folder: String

    struct Pointer: Hashable {
        var sha256: String
        var size: Int

        /// nil for a file that is not a pointer (git-lfs/docs/spec.md).
        init?(_ data: Data) {
            guard data.count < 1024, let text = String(validating: data, as: UTF8.self) else { return nil }
            let lines = text.split(separator: "\n")
            func value(_ key: String) -> Substring? {
                lines.dropFirst().first { $0.hasPrefix(key + " ") }?.dropFirst(key.count + 1)
            }
            guard let version = lines.first, Self.versions.contains(version), let oid = value("oid"),
                oid.hasPrefix("sha256:"), let size = value("size").flatMap({ Int($0) }), size >= 0
            else { return nil }
            sha256 = String(oid.dropFirst("sha256:".count))
            self.size = size
        }

        private static let versions: Set<Substring> = [
            "version https://git-lfs.github.com/spec/v1", "version https://hawser.github.com/spec/v1",
        ]
    }

    /// Replaces every pointer by its file.
    ///
    /// - Throws: ``GitSourceError`` that names the files where that can't be done.
    func fetch() async throws {
        var pointers: [(entry: TreeEntry, pointer: Pointer)] = []
        try TreeWalk.visit(folder) { entry in
            if entry.kind == .file, entry.size < 1024,
                let pointer = try RawPath(folder).appending(entry.path).read(limit: 1024).flatMap({ Pointer($0) })
            {
                pointers.append((entry, pointer))
            }
            return true
        }
        guard !pointers.isEmpty else { return }
        let names = pointers.prefix(5).map(\.entry.name).joined(separator: ", ")
        let list = pointers.count > 5 ? "\(names) and \(pointers.count - 5) more" : names
        guard let program else {
            throw GitSourceError(
                description: "Git LFS files can't be fetched because this Tendril has no git-lfs on its PATH: \(list).")
        }
        try await source.run(["--git-dir=\(gitFolder)", "config", "remote.origin.url", url])
        for (entry, pointer) in pointers { try await replace(entry, pointer, program) }
    }

    private var program: String? {
        (source.git.environment["PATH"] ?? "").split(separator: ":").map { "\($0)/git-lfs" }
            .first(where: Files.isExecutable)
    }

    private func replace(_ entry: TreeEntry, _ pointer: Pointer, _ program: String) async throws {
        let (asked, got) = ("\(gitFolder)/lfs-pointer", "\(gitFolder)/lfs-object")
        let target = RawPath(folder).appending(entry.path)
        for old in [asked, got] { try Files.remove(old) }
        try Files.create(try target.read(limit: 1024) ?? Data(), at: asked)
        var environment = source.git.environment
        environment["GIT_DIR"] = gitFolder
        let shell = Command(executable: "/bin/sh", environment: environment)
        let result = try await shell.run(
            ["-c", #"exec "$0" smudge < "$1" > "$2""#, program, asked, got], timeout: source.limits.fetching)
        guard let result else {
            throw GitSourceError(description: "Git LFS file \"\(entry.name)\" took too long to fetch.")
        }
        guard result.status == 0, Files.size(of: got) == pointer.size,
            try Artifact.digest(of: got) == pointer.sha256
        else {
            throw GitSourceError(
                description: "Git LFS file \"\(entry.name)\" can't be fetched from \(url): "
                    + (result.complaint.isEmpty ? "the content is not what the pointer says." : result.complaint))
        }
        guard chmod(got, entry.mode) == 0, target.withCString({ rename(got, $0) }) == 0 else {
            throw FileError.last(target.name)
        }
    }
}
