internal import Crypto
internal import Domain
internal import Foundation
internal import Storage
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The folder with the encryption key and the admin token.
struct DataFolder {
    var path: String

    init(_ path: String) throws {
        self.path = path
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        // One that was there before, too: what lies in it is for its owner alone.
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int ?? 0
        if mode & 0o077 != 0, chmod(path, 0o700) != 0 { throw DataFolderError.open(path) }
    }

    /// Takes the folder, and a database that is a file, for this process.
    ///
    /// - Throws: ``DataFolderError`` if another process uses one of them, however it was started.
    func hold(_ database: DatabaseAddress) throws -> [FileHold] {
        let folder = try FileHold(file("trellis.lock"), of: path)
        guard case .sqlite(let database) = database else { return [folder] }
        return [folder, try FileHold(database + ".lock", of: database)]
    }

    func file(_ name: String) -> String { path + "/" + name }

    /// The 256-bit key: made at the first start, then kept. Without it states and secrets can't be read again.
    ///
    /// - Parameter shared: the file with the key that several nodes share; it is never made.
    func vault(_ ambient: SystemDependencies, shared: String? = nil) throws -> Vault {
        if let shared {
            guard FileManager.default.fileExists(atPath: shared) else { throw DataFolderError.noKey(shared) }
            return try Self.vault(String(contentsOfFile: shared, encoding: .utf8), of: shared)
        }
        if let text = try readSecret("secret.key") { return try Self.vault(text, of: file("secret.key")) }
        let key = Data(ambient.randomBytes(32))
        try writeSecret(key.base64EncodedString(), to: "secret.key")
        return Vault(key: SymmetricKey(data: key))
    }

    private static func vault(_ text: String, of path: String) throws -> Vault {
        let text = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard let key = Data(base64Encoded: text), key.count == 32 else { throw DataFolderError.badKey(path) }
        return Vault(key: SymmetricKey(data: key))
    }

    /// The admin token: made at the first start, then kept.
    ///
    /// Deleting the file while the server is stopped replaces the token: see ``hasAdminToken``.
    func adminToken(_ credentials: Credentials) throws -> String {
        if let token = try readSecret("admin.token") { return token }
        let token = credentials.make(.apiToken)
        try writeSecret(token, to: "admin.token")
        return token
    }

    var hasAdminToken: Bool { FileManager.default.fileExists(atPath: file("admin.token")) }

    func readSecret(_ name: String) throws -> String? {
        guard FileManager.default.fileExists(atPath: file(name)) else { return nil }
        let text = try String(contentsOfFile: file(name), encoding: .utf8)
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Written beside and renamed, atomically; never readable by others.
    func writeSecret(_ text: String, to name: String) throws {
        let draft = file(name + ".new")
        try? FileManager.default.removeItem(atPath: draft)
        guard
            FileManager.default.createFile(
                atPath: draft, contents: Data((text + "\n").utf8), attributes: [.posixPermissions: 0o600])
        else { throw DataFolderError.notWritable(draft) }
        guard rename(draft, file(name)) == 0 else { throw DataFolderError.notWritable(file(name)) }
    }
}

/// Why the data folder can't be used.
enum DataFolderError: Error, CustomStringConvertible {
    case badKey(String)
    case noKey(String)
    case notWritable(String)
    case open(String)
    case inUse(String)

    var description: String {
        switch self {
        case .badKey(let path):
            "\(path) is not a valid key. Restore it from a backup; states can't be decrypted without it"
        case .noKey(let path):
            "there is no key in \(path): copy it from the first node, or make it with \"openssl rand -base64 32\""
        case .notWritable(let path): "\(path) can't be written"
        case .open(let path): "\(path) can be read by others, and its mode can't be changed to 0700"
        case .inUse(let path): "another Trellis uses \(path): stop it, or use another folder for this one"
        }
    }
}

/// A lock on a file (flock), held until it is released or the process ends.
final class FileHold: Sendable {
    private let descriptor: Mutex<Int32>

    init(_ path: String, of what: String) throws(DataFolderError) {
        let number = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard number >= 0 else { throw .notWritable(path) }
        guard flock(number, LOCK_EX | LOCK_NB) == 0 else {
            close(number)
            throw .inUse(what)
        }
        descriptor = Mutex(number)
    }

    deinit { release() }

    func release() {
        descriptor.withLock { number in
            if number >= 0 { close(number) }
            number = -1
        }
    }
}
