import Crypto
import Domain
import Foundation
import SystemCalls

/// A saved plan with everything needed to apply it, as one tar file: the vine's folder under the vine's name, and the
/// plan beside it.
///
/// It excludes providers (`init` installs them from the lock file) and state (plain text; the newest is put in
/// place anyway).
struct Artifact: Sendable {
    /// The plan file's name in the job's folder and in the tar.
    static let planName = "plan.tfplan"

    let workspace: Workspace
    /// Where the plan file is.
    let planFolder: String
    let tar: Command
    /// Bytes.
    let limit: Int

    /// Packs into the file at `path` and returns its SHA-256.
    func pack(to path: String, workingDirectory: String) async throws -> String {
        try checkSize(workingDirectory: workingDirectory)
        try Files.remove(path)
        let below = "\(workspace.vine)" + workingDirectory.dropFirst(workspace.folder.count)
        let result = try await tar.run(
            [
                "--create", "--file=\(path)", "--format=posix", "--sort=name", "--numeric-owner", "--owner=0",
                "--group=0",
            ]
                + ["--anchored", "--no-wildcards"]
                + Self.left.map { "--exclude=\(below)/\($0)" }
                + ["--directory=\(workspace.runRoot)", workspace.vine.rawValue]
                + ["--directory=\(planFolder)", Self.planName])
        guard result.status == 0 else {
            throw ArtifactError(description: "The plan could not be packed: \(result.complaint)")
        }
        guard Files.size(of: path) <= limit else {
            throw ArtifactError(
                description: "The saved plan is larger than the limit of \(FolderSize.mebibytes(limit)).")
        }
        return try Self.digest(of: path)
    }

    /// Puts the packed folder into the empty one, and the plan file into its folder.
    ///
    /// - Throws: ``ArtifactError`` if the bytes are not those with `sha256`.
    func unpack(_ path: String, sha256: String) async throws {
        guard try Self.digest(of: path) == sha256 else {
            throw ArtifactError(description: "The saved plan was altered: its digest does not match.")
        }
        for (folder, member) in [(workspace.runRoot, workspace.vine.rawValue), (planFolder, Self.planName)] {
            let result = try await tar.run([
                "--extract", "--file=\(path)", "--no-same-owner", "--directory=\(folder)", member,
            ])
            guard result.status == 0 else {
                throw ArtifactError(description: "The saved plan can't be unpacked: \(result.complaint)")
            }
        }
    }

    /// SHA-256 of the file's bytes, in hexadecimal digits.
    static func digest(of path: String) throws -> String {
        guard let file = try Files.open(path) else { throw FileError(path: path, reason: "it is not there") }
        defer { try? file.close() }
        var hash = SHA256()
        while let piece = try file.read(upToCount: 1 << 20), !piece.isEmpty { hash.update(data: piece) }
        return hash.finalize().hexadecimal
    }

    /// What of the working directory is left out.
    private static let left = Workspace.stateFiles + [".terraform/providers", ".terraform/terraform.tfstate"]

    private func excluded(_ workingDirectory: String) -> Set<String> {
        Set(Self.left.map { "\(workingDirectory)/\($0)" })
    }

    /// Everything in the folder is saved with the plan, because the apply may read it.
    ///
    /// - Throws: ``ArtifactError`` if that is more than the limit, with the biggest files.
    func checkSize(workingDirectory: String) throws {
        let size = try FolderSize(of: workspace.folder, without: excluded(workingDirectory))
        guard size.bytes <= limit else {
            throw ArtifactError(
                description: "The vine's files have \(FolderSize.mebibytes(size.bytes)), and at most "
                    + "\(FolderSize.mebibytes(limit)) can be saved with a plan. Biggest: \(size.list). Name what "
                    + "Terraform does not need in \(IgnoreRules.fileName), at the top of the source.")
        }
    }
}

struct ArtifactError: Error, Hashable, CustomStringConvertible {
    var description: String
}
