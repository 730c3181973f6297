internal import Crypto
internal import Domain
internal import Foundation
internal import Storage

/// The folder with what must not be in the database: the key that seals it, and the admin token.
struct DataFolder {
    var path: String

    init(_ path: String) throws {
        self.path = path
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    func file(_ name: String) -> String { path + "/" + name }

    /// The 256-bit key: made at the first start, then kept. Without it states and secrets can't be read again.
    func vault(_ ambient: Ambient) throws -> Vault {
        if let text = try readSecret("secret.key") {
            guard let key = Data(base64Encoded: text), key.count == 32 else {
                throw DataFolderError.badKey(file("secret.key"))
            }
            return Vault(key: SymmetricKey(data: key))
        }
        let key = Data(ambient.randomBytes(32))
        try writeSecret(key.base64EncodedString(), to: "secret.key")
        return Vault(key: SymmetricKey(data: key))
    }

    /// The admin token: made at the first start, then kept.
    func adminToken(_ credentials: Credentials) throws -> String {
        if let token = try readSecret("admin.token") { return token }
        let token = credentials.make(.apiToken)
        try writeSecret(token, to: "admin.token")
        return token
    }

    func readSecret(_ name: String) throws -> String? {
        guard FileManager.default.fileExists(atPath: file(name)) else { return nil }
        let text = try String(contentsOfFile: file(name), encoding: .utf8)
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Written beside and renamed, so that nobody ever reads half a secret; never readable by others.
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
    case notWritable(String)

    var description: String {
        switch self {
        case .badKey(let path): "\(path) does not hold a key: restore it from a backup; states can't be read without it"
        case .notWritable(let path): "\(path) can't be written"
        }
    }
}
