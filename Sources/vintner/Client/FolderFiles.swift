internal import Domain
internal import Foundation

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// What Terraform would read if it ran in a folder: everything in it, links followed, and the modules and files beside
/// it that the configuration refers to.
///
/// Nothing is left out in silence: what can't be uploaded stops the upload, what need not be is in `leftOut`.
struct FolderFiles {
    /// By the path in the upload.
    private(set) var files: [String: InlineFile] = [:]
    /// The folder in the upload where Terraform runs; nil for its top.
    private(set) var path: String?
    /// A message for each kind of file that is not uploaded.
    private(set) var leftOut: [String] = []

    /// - Throws: ``CommandFailure`` for what can't be uploaded, by name.
    init(_ origin: FolderOrigin, rules: VineRules = VineRules()) throws {
        var reader = try FolderReader(origin)
        try reader.readAll()
        guard reader.hasConfiguration else {
            throw CommandFailure("\(origin.folder) holds no Terraform files (names that end in .tf or .tf.json).")
        }
        let below = reader.below
        let common = reader.commonFolder
        path = common == below ? nil : String(below.dropFirst(common.isEmpty ? 0 : common.count + 1))
        let prefix = common.isEmpty ? 0 : common.utf8.count + 1
        try Self.checkSize(reader.found, rules, reader.display)
        for (name, file) in reader.found {
            let name = String(decoding: name.utf8.dropFirst(prefix), as: UTF8.self)
            do throws(Refusal) { try VineRules.checkPath(name) } catch {
                throw CommandFailure(
                    "\(error.reason) If Terraform does not need the file, name it in \(IgnoreRules.fileName).")
            }
            files[name] = try file.read()
        }
        leftOut = reader.notices
    }

    private static func checkSize(
        _ found: [String: FoundFile], _ rules: VineRules, _ display: (String) -> String
    ) throws {
        let total = found.values.reduce(0) { $0 + $1.size }
        let hint =
            "Name what Terraform does not need in \(IgnoreRules.fileName), or let the vine use a git repository "
            + "(64 MiB)."
        if total > rules.sourceBytes {
            let biggest = found.sorted { ($0.value.size, $1.key) > ($1.value.size, $0.key) }.prefix(5)
                .map { "  \(display($0.key)) (\(size($0.value.size)))" }.joined(separator: "\n")
            throw CommandFailure(
                "The files have \(size(total)); an upload has at most \(size(rules.sourceBytes)). Biggest:\n\(biggest)\n"
                    + hint)
        }
        guard found.count > rules.fileCount else { return }
        let folders = Dictionary(grouping: found.keys) { (display($0) as NSString).deletingLastPathComponent }
        let fullest = folders.sorted { ($0.value.count, $1.key) > ($1.value.count, $0.key) }.prefix(5)
            .map { "  \($0.key.isEmpty ? "." : $0.key) (\($0.value.count) files)" }.joined(separator: "\n")
        throw CommandFailure(
            "There are \(found.count) files; an upload has at most \(rules.fileCount). Fullest folders:\n\(fullest)\n"
                + hint)
    }

    private static func size(_ bytes: Int) -> String {
        switch bytes {
        case ..<1024: "\(bytes) bytes"
        case ..<(1 << 20): "\((bytes + 512) >> 10) KiB"
        default: String(format: "%.1f MiB", Double(bytes) / Double(1 << 20))
        }
    }
}

/// A file that will be uploaded.
struct FoundFile {
    /// Where it really is.
    var source: String
    var size: Int
    var isExecutable: Bool

    func read() throws -> InlineFile {
        guard let data = FileManager.default.contents(atPath: source) else {
            throw CommandFailure("\(source) can't be read.")
        }
        if let text = String(validating: data, as: UTF8.self) {
            return InlineFile(text, isExecutable: isExecutable)
        }
        return InlineFile(data.base64EncodedString(), isExecutable: isExecutable, encoding: .base64)
    }
}

/// Collects the files. Paths are relative to the top of the repository.
struct FolderReader {
    private let origin: FolderOrigin
    /// The folder itself; empty for the top.
    let below: String
    private let topRules: IgnoreRules?
    private let folderRules: IgnoreRules?
    private(set) var found: [String: FoundFile] = [:]
    private(set) var notices: [String] = []
    private(set) var hasConfiguration = false
    private var ignored: [String] = []
    private var stateFiles: [String] = []
    private var special: [String] = []
    /// Configuration whose references have not been looked at.
    private var unread: [String] = []
    private var seen: Set<String> = []
    private var steps = 0

    /// Far more than any upload: links may make a small tree look endless.
    private static let maxSteps = 100_000

    init(_ origin: FolderOrigin) throws {
        self.origin = origin
        below = origin.folder == origin.top ? "" : String(origin.folder.dropFirst(origin.top.count + 1))
        folderRules = try Self.rules(in: origin.folder)
        topRules = origin.folder == origin.top ? nil : try Self.rules(in: origin.top)
    }

    private static func rules(in folder: String) throws -> IgnoreRules? {
        let path = "\(folder)/\(IgnoreRules.fileName)"
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw CommandFailure("\(path) can't be read as text.")
        }
        return IgnoreRules(text)
    }

    mutating func readAll() throws {
        try walk(below, inside: [])
        let prefix = below.isEmpty ? "" : below + "/"
        hasConfiguration = found.keys.contains { name in
            name.hasPrefix(prefix) && !name.dropFirst(prefix.count).contains("/") && VineRules.isConfiguration(name)
        }
        while let name = unread.popLast() { try follow(name) }
        func note(_ names: [String], _ why: String) {
            guard !names.isEmpty else { return }
            let shown = names.prefix(8).map(display).joined(separator: ", ")
            let more = names.count > 8 ? " and \(names.count - 8) more" : ""
            notices.append("Left out (\(why)): \(shown)\(more)")
        }
        note(ignored, "named in \(IgnoreRules.fileName)")
        note(stateFiles, "Vintner keeps the state")
        note(special, "neither a file nor a folder, or a link that leads nowhere")
    }

    /// The deepest folder that holds everything that was found, and the folder itself.
    var commonFolder: String {
        var common = below.split(separator: "/")
        for name in found.keys {
            let parents = name.split(separator: "/").dropLast()
            common = zip(common, parents).prefix { $0 == $1 }.map(\.0)
        }
        return common.joined(separator: "/")
    }

    /// A path as the user sees it from the folder.
    func display(_ path: String) -> String {
        if below.isEmpty { return path }
        if path.hasPrefix(below + "/") { return String(path.dropFirst(below.count + 1)) }
        var up = below.split(separator: "/")[...]
        var rest = path.split(separator: "/")[...]
        while let mine = up.first, mine == rest.first {
            up = up.dropFirst()
            rest = rest.dropFirst()
        }
        return (up.map { _ in ".." } + rest.map(String.init)).joined(separator: "/")
    }

    // MARK: - Folders

    /// - Parameter parents: the real paths of the folders around this one, so that links can't lead in a circle.
    private mutating func walk(_ path: String, inside parents: [String]) throws {
        guard seen.insert(path).inserted || path == below else { return }
        let full = self.full(path)
        guard let real = FolderOrigin.real(full) else { return }
        guard !parents.contains(real) else {
            throw CommandFailure("Link \"\(display(path))\" leads to a folder that contains it.")
        }
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: full) } catch {
            throw CommandFailure("Folder \"\(full)\" can't be read.")
        }
        // Names that Foundation can't decode would be missing here.
        guard names.count == Self.count(in: full) else {
            throw CommandFailure("Folder \"\(full)\" has a file whose name is not UTF-8.")
        }
        for name in names.sorted() where name != ".git" && name != ".terraform" {
            try take(path.isEmpty ? name : "\(path)/\(name)", inside: parents + [real])
        }
    }

    private static func count(in folder: String) -> Int {
        guard let stream = opendir(folder) else { return -1 }
        defer { closedir(stream) }
        var count = 0
        while readdir(stream) != nil { count += 1 }
        return count - 2
    }

    private mutating func take(_ path: String, inside parents: [String]) throws {
        let full = self.full(path)
        guard path != inFolder("vine.json"), found[path] == nil else { return }
        steps += 1
        guard steps <= Self.maxSteps else {
            throw CommandFailure("\(origin.folder) holds more than \(Self.maxSteps) files and folders.")
        }
        let isFolder = isFolder(full)
        if excludes(path, { isFolder ? $0.excludesAll(below: $1) : $0.excludes($1) }) {
            ignored.append(isFolder ? path + "/" : path)
            return
        }
        guard let real = FolderOrigin.real(full) else {
            special.append(path)
            return
        }
        guard isInRepository(real) else {
            let place = origin.top == origin.folder ? "the folder" : "the git repository"
            throw CommandFailure(
                "Link \"\(display(path))\" leads out of \(place), to \(real). Copy the file, or name the link in "
                    + "\(IgnoreRules.fileName) if Terraform does not need it.")
        }
        var entry = stat()
        guard stat(real, &entry) == 0 else {
            special.append(path)
            return
        }
        switch entry.st_mode & S_IFMT {
        case S_IFDIR:
            if path == inFolder("terraform.tfstate.d") { return stateFiles.append(path + "/") }
            try walk(path, inside: parents)
        case S_IFREG:
            if isState(path) { return stateFiles.append(path) }
            found[path] = FoundFile(
                source: real, size: Int(entry.st_size), isExecutable: entry.st_mode & S_IXUSR != 0)
            if VineRules.isConfiguration(path) { unread.append(path) }
        default: special.append(path)
        }
    }

    /// True for what Terraform itself writes into its folder, and for any other state: it holds secrets in clear.
    private func isState(_ path: String) -> Bool {
        let name = (path as NSString).lastPathComponent
        return name.hasSuffix(".tfstate") || name.hasSuffix(".tfstate.backup")
            || path == inFolder(".terraform.tfstate.lock.info")
            || name.hasPrefix("terraform.tfstate.") && name.hasSuffix(".backup")
    }

    private func excludes(_ path: String, _ judge: (IgnoreRules, String) -> Bool) -> Bool {
        if let topRules, judge(topRules, path) { return true }
        guard let folderRules, below.isEmpty || path.hasPrefix(below + "/") else { return false }
        return judge(folderRules, below.isEmpty ? path : String(path.dropFirst(below.count + 1)))
    }

    private func inFolder(_ name: String) -> String { below.isEmpty ? name : "\(below)/\(name)" }
    private func full(_ path: String) -> String { path.isEmpty ? origin.top : "\(origin.top)/\(path)" }

    private func isInRepository(_ real: String) -> Bool {
        origin.top == "/" || real == origin.top || real.hasPrefix(origin.top + "/")
    }

    private func isFolder(_ full: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: full, isDirectory: &isFolder) && isFolder.boolValue
    }

    // MARK: - References out of the folder

    /// Takes the files and modules that a configuration file refers to with "../".
    private mutating func follow(_ name: String) throws {
        guard let file = found[name], let text = try? String(contentsOfFile: file.source, encoding: .utf8) else {
            return
        }
        let folder = (name as NSString).deletingLastPathComponent
        for reference in ConfigurationReferences.all(in: text) {
            let bases =
                switch reference.base {
                case .file: [folder]
                case .root: [below]
                case .either: [below, folder]
                }
            for base in Set(bases) { try take(reference, from: base, in: name) }
        }
    }

    private mutating func take(
        _ reference: ConfigurationReferences.Reference, from base: String, in name: String
    ) throws {
        let shown = "\(display(name)), line \(reference.line), refers to \"\(reference.text)\""
        guard let path = Self.join(base, reference.path) else {
            guard FileManager.default.fileExists(atPath: full(base) + "/" + reference.path) else { return }
            let place = origin.top == origin.folder ? "the folder" : "the git repository"
            throw CommandFailure(
                "\(shown), which is outside of \(place). Vintner uploads what is in one git repository.")
        }
        guard path != below, !below.hasPrefix(path + "/"), !path.isEmpty else {
            // A folder around this one: which part of it is meant is only known to Terraform.
            let isPart = !reference.isWhole && path != below
            if isPart { notices.append("Not uploaded: \(shown); only Terraform knows what that is.") }
            return
        }
        let isTaken = below.isEmpty || path.hasPrefix(below + "/") || found[path] != nil || seen.contains(path)
        guard !isTaken, FileManager.default.fileExists(atPath: full(path)) else { return }
        try take(path, inside: [])
    }

    /// nil for a path that leaves the repository.
    private static func join(_ base: String, _ path: String) -> String? {
        var parts = base.split(separator: "/").map(String.init)
        for part in path.split(separator: "/") where part != "." {
            if part == ".." {
                guard parts.popLast() != nil else { return nil }
            } else {
                parts.append(String(part))
            }
        }
        return parts.joined(separator: "/")
    }
}

/// The paths with "../" in the strings of a configuration file.
enum ConfigurationReferences {
    struct Reference: Hashable {
        enum Base: Hashable {
            /// The folder of the file: `source` of a module, `path.module`.
            case file
            /// The folder in which Terraform runs: `path.root`, `path.cwd`.
            case root
            case either
        }

        var base: Base
        /// Up to where an expression or a pattern begins.
        var path: String
        /// As it is written.
        var text: String
        var line: Int
        /// False if the path continues with an expression or a pattern.
        var isWhole: Bool
    }

    static func all(in text: String) -> [Reference] {
        var references: [Reference] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let code = line.drop(while: \.isWhitespace)
            guard code.contains(".."), !code.hasPrefix("#"), !code.hasPrefix("//") else { continue }
            let key = code.prefix { $0 != "=" && $0 != ":" }.filter { !$0.isWhitespace && $0 != "\"" }
            let isSource = key == "source"
            for string in strings(in: code) {
                if let reference = reference(string, isSource: isSource, line: index + 1) {
                    references.append(reference)
                }
            }
        }
        return references
    }

    /// The quoted strings of a line, without their quotes; a quote inside `${…}` does not end one.
    private static func strings(in line: Substring) -> [Substring] {
        var strings: [Substring] = []
        var start: Substring.Index?
        var depth = 0
        var at = line.startIndex
        while at < line.endIndex {
            let character = line[at]
            if let begin = start {
                if character == "\\" {
                    at = line.index(after: at)
                    guard at < line.endIndex else { break }
                } else if character == "{", depth > 0 || at > begin && "$%".contains(line[line.index(before: at)]) {
                    depth += 1
                } else if character == "}", depth > 0 {
                    depth -= 1
                } else if character == "\"", depth == 0 {
                    strings.append(line[begin..<at])
                    start = nil
                }
            } else if character == "\"" {
                start = line.index(after: at)
            }
            at = line.index(after: at)
        }
        return strings
    }

    private static func reference(_ string: Substring, isSource: Bool, line: Int) -> Reference? {
        var base = isSource ? Reference.Base.file : .either
        var path = string
        let bases: [(String, Reference.Base)] = [("path.module", .file), ("path.root", .root), ("path.cwd", .root)]
        for (name, meaning) in bases where path.hasPrefix("${\(name)}/") {
            base = meaning
            path = path.dropFirst(name.count + 4)
        }
        guard path.hasPrefix("../") || path.hasPrefix("./") || path == ".." else { return nil }
        let end = path.firstIndex { "$%*?[{".contains($0) } ?? path.endIndex
        let isWhole = end == path.endIndex
        if !isWhole { path = path[..<(path[..<end].lastIndex(of: "/") ?? path.startIndex)] }
        // A module's source may go on: "../a//b".
        let clean = path.split(separator: "/").joined(separator: "/")
        guard clean.split(separator: "/").contains("..") else { return nil }
        return Reference(base: base, path: clean, text: String(string), line: line, isWhole: isWhole)
    }
}
