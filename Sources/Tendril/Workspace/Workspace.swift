import Domain
import Foundation
import SystemCalls

/// The folder in which a vine's jobs run, one at a time: `RUN_ROOT/VINE`.
///
/// Always the same path: a plan that was made under one fails under another.
struct Workspace: Sendable {
    let runRoot: String
    let vine: VineID

    var folder: String { "\(runRoot)/\(vine)" }

    /// Where the engine runs: the folder itself, or the source's path in it.
    func workingDirectory(path: String?) throws -> String {
        guard let path, !path.isEmpty, path != "." else { return folder }
        return ([folder] + (try SafePath.components(path))).joined(separator: "/")
    }

    /// Locks the vine's folder for one job. Other Tendrils may share the run root.
    func take(sleeper: Sleeper, onWait: () async -> Void) async throws -> FileLock {
        let locks = "\(runRoot)/.locks"
        try Files.makeFolder(locks)
        return try await FileLock.wait(for: "\(locks)/\(vine)", sleep: sleeper.sleep, onWait: onWait)
    }

    /// Removes whatever an earlier job left, and makes the folder again. What can't be removed (it belongs to another
    /// user) is moved out of the way, so that the vine's next job runs.
    ///
    /// - Returns: where it was moved; nil if everything was removed.
    @discardableResult
    func empty() throws -> String? {
        var place: String?
        do { try Files.remove(folder) } catch let problem {
            let aside = "\(runRoot)/.leftovers"
            let new = "\(aside)/\(vine)-\(UUID().uuidString.lowercased())"
            try Files.makeFolder(aside)
            do { try Files.move(folder, to: new) } catch { throw problem }
            place = new
        }
        try Files.makeFolder(folder)
        return place
    }

    /// Writes the files of an inline source into the empty folder. Follows no links and replaces no files.
    func write(_ files: [String: InlineFile]) throws {
        for (path, file) in files.sorted(by: { $0.key < $1.key }) {
            var parents = try SafePath.components(path)
            let name = parents.removeLast()
            var place = folder
            for parent in parents {
                place += "/\(parent)"
                switch Files.kind(of: place) {
                case nil: try Files.makeFolder(place)
                case .folder: break
                default:
                    throw SafePath.Violation(path: path, reason: "goes through \"\(parent)\", which is a file")
                }
            }
            place += "/\(name)"
            guard Files.kind(of: place) == nil else {
                throw SafePath.Violation(path: path, reason: "is both a folder and a file")
            }
            guard let data = file.data else { throw SafePath.Violation(path: path, reason: "is not valid base64") }
            try Files.create(data, at: place, mode: file.isExecutable ? 0o755 : 0o644)
        }
    }

    /// What an engine leaves in its working folder and reads again: never taken from a source, never part of an
    /// artifact. `.terraform` itself may be: its modules are.
    static let stateFiles = [
        "terraform.tfstate", "terraform.tfstate.backup", "terraform.tfstate.d", "errored.tfstate",
        ".terraform.tfstate.lock.info",
    ]

    /// Removes state files from the source, which would be mistaken for the vine's state; returns the names of what it
    /// was.
    func removeForeignState(in workingDirectory: String) throws -> [String] {
        let found = (Self.stateFiles + [".terraform"]).filter { Files.kind(of: "\(workingDirectory)/\($0)") != nil }
        for name in found { try Files.remove("\(workingDirectory)/\(name)") }
        return found
    }

    /// Refuses links that lead out of the folder, at any depth and whatever bytes their names have, and a working
    /// directory that does not exist.
    func checkTree(workingDirectory: String) throws {
        let place = RawPath(folder)
        guard let root = place.real else { throw FileError(path: folder, reason: "it is gone") }
        func isInside(_ path: [UInt8]) -> Bool { path == root || path.starts(with: root + [UInt8(ascii: "/")]) }
        try TreeWalk.visit(folder) { entry in
            guard entry.kind == .link else { return true }
            let link = place.appending(entry.path)
            let target = String(decoding: try link.linkTarget(), as: UTF8.self)
            let parents = entry.name.split(separator: "/").dropLast().map(String.init)
            // A dangling link is checked by its target: the file may appear later.
            let staysInside =
                link.real.map(isInside) ?? (SafePath.resolve(link: target, in: parents) != nil)
            guard staysInside, !target.hasPrefix("/") else {
                throw SafePath.Violation(path: entry.name, reason: "is a link that points outside the source")
            }
            return true
        }
        guard Files.kind(of: workingDirectory) == .folder, RawPath(workingDirectory).real.map(isInside) == true else {
            throw MissingFolder(path: String(workingDirectory.dropFirst(folder.count + 1)))
        }
    }

    struct MissingFolder: Error, Hashable, CustomStringConvertible {
        var path: String

        var description: String { "Folder \"\(path)\" not found in the repository." }
    }
}

extension InlineFile {
    /// The file's bytes; nil for invalid base64.
    var data: Data? { encoding == .base64 ? Data(base64Encoded: content) : Data(content.utf8) }
}
