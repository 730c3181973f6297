internal import Domain
internal import Foundation

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Where a folder on this machine belongs: the git repository around it, if there is one, and the name under which a
/// vine remembers the folder.
struct FolderOrigin {
    /// The folder, every link resolved.
    let folder: String
    /// The top of the git repository around it; the folder itself outside of a repository.
    let top: String
    /// `git:HOST/REPOSITORY//PATH`, the same in every clone; `folder:MACHINE:PATH` for a repository without a remote
    /// and for a folder outside of one.
    let name: String

    /// - Throws: ``CommandFailure`` for a path that is not a folder.
    init(_ path: String) throws {
        guard let real = Self.real(path) else { throw CommandFailure("Folder \"\(path)\" does not exist.") }
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: real, isDirectory: &isFolder), isFolder.boolValue else {
            throw CommandFailure("\"\(path)\" is not a folder.")
        }
        folder = real
        let repository = Self.repository(around: real)
        top = repository ?? real
        let below = real == top ? "" : String(real.dropFirst(top == "/" ? 1 : top.count + 1))
        if let repository, let remote = Self.remote(of: repository) {
            name = "git:\(remote)//\(below)"
        } else {
            name = "folder:\(Self.machine):\(real)"
        }
    }

    /// The path with every link in it resolved; nil where something is missing.
    static func real(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private static var machine: String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "unknown" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func repository(around folder: String) -> String? {
        var place = folder
        while true {
            if FileManager.default.fileExists(atPath: place + "/.git") { return place }
            guard place != "/", !place.isEmpty else { return nil }
            place = (place as NSString).deletingLastPathComponent
        }
    }

    /// The repository's `origin` without scheme, user and `.git`; nil if it has none, or a local one.
    private static func remote(of repository: String) -> String? {
        guard let config = try? String(contentsOfFile: gitFolder(of: repository) + "/config", encoding: .utf8) else {
            return nil
        }
        var isOrigin = false
        for line in config.split(whereSeparator: \.isNewline) {
            let line = line.trimmingCharacters(in: .whitespaces)
            if line.hasPrefix("[") {
                isOrigin = line.lowercased().hasPrefix("[remote ") && line.contains("\"origin\"")
            } else if isOrigin, let equals = line.firstIndex(of: "="),
                line[..<equals].trimmingCharacters(in: .whitespaces).lowercased() == "url"
            {
                return canonical(line[line.index(after: equals)...].trimmingCharacters(in: .whitespaces))
            }
        }
        return nil
    }

    /// Where the repository's configuration is: a worktree or submodule has a file that says so.
    private static func gitFolder(of repository: String) -> String {
        let git = repository + "/.git"
        func line(of path: String) -> String? {
            (try? String(contentsOfFile: path, encoding: .utf8))?.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        guard let text = line(of: git), text.hasPrefix("gitdir:") else { return git }
        let own = absolute(text.dropFirst("gitdir:".count).trimmingCharacters(in: .whitespaces), in: repository)
        return line(of: own + "/commondir").map { absolute($0, in: own) } ?? own
    }

    private static func absolute(_ path: String, in folder: String) -> String {
        path.hasPrefix("/") ? path : folder + "/" + path
    }

    static func canonical(_ url: String) -> String? {
        let url = GitRules.normalizedURL(url)
        guard let parts = URLComponents(string: url), let host = parts.host, !host.isEmpty, parts.scheme != "file"
        else {
            return nil
        }
        let port = parts.port.map { ":\($0)" } ?? ""
        var path = parts.path[...]
        while path.hasPrefix("/") { path.removeFirst() }
        while path.hasSuffix("/") { path.removeLast() }
        if path.hasSuffix(".git") { path.removeLast(4) }
        return path.isEmpty ? nil : "\(host.lowercased())\(port)/\(path)"
    }
}
