internal import Foundation

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// A file that appears under its name once it is complete; only its owner can read it.
final class OutputFile {
    private let path: String
    private let draft: String
    private let handle: FileHandle

    init(_ path: String) throws {
        self.path = path
        draft = path + ".part"
        guard
            FileManager.default.createFile(atPath: draft, contents: nil, attributes: [.posixPermissions: 0o600]),
            let handle = FileHandle(forWritingAtPath: draft)
        else { throw CommandFailure("\(path) can't be written.") }
        self.handle = handle
    }

    func write(_ data: Data) throws {
        do { try handle.write(contentsOf: data) } catch { throw CommandFailure("\(path) can't be written: \(error)") }
    }

    /// Gives the file its name.
    func finish() throws {
        try handle.close()
        guard rename(draft, path) == 0 else { throw CommandFailure("\(path) can't be written.") }
    }

    /// Removes what was written.
    func discard() {
        try? handle.close()
        try? FileManager.default.removeItem(atPath: draft)
    }

    /// Writes a file with what `body` writes; leaves none if it throws.
    static func write(to path: String, _ body: (OutputFile) async throws -> Void) async throws {
        let file = try OutputFile(path)
        do {
            try await body(file)
            try file.finish()
        } catch {
            file.discard()
            throw error
        }
    }
}
