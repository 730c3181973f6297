internal import Crypto
internal import Domain
internal import Foundation
internal import Wire

/// What a `vintner login` keeps to itself, so that nobody else can use its code.
struct LoginChallenge {
    let verifier: String
    /// What a browser must bring back with the code.
    let state: String

    init(ambient: SystemDependencies = .system) {
        verifier = Self.base64URL(Data(ambient.randomBytes(32)))
        state = Self.base64URL(Data(ambient.randomBytes(16)))
    }

    /// The page of the server that gives out the code.
    ///
    /// - Parameter port: of a ``LoginListener``, which the page sends the code to; nil for a code to be pasted.
    func address(server: String, name: String, port: Int? = nil) -> String {
        let challenge = Self.base64URL(Data(SHA256.hash(data: Data(verifier.utf8))))
        let allowed = CharacterSet.alphanumerics.intersection(CharacterSet(charactersIn: "\u{0}"..."\u{7f}"))
        let title = name.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
        let page = "\(server)/dashboard/account/login?challenge=\(challenge)&name=\(title)"
        return port.map { "\(page)&port=\($0)&state=\(state)" } ?? page
    }

    private static func base64URL(_ data: Data) -> String {
        data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}

/// The server and token that `vintner login` stored, in a file that only its owner can read.
struct StoredLogin: Codable, Equatable {
    var url: String
    var token: String

    /// `$XDG_CONFIG_HOME/vintner/login.json`, else `~/.config/vintner/login.json`.
    static func path(_ environment: [String: String] = ProcessInfo.processInfo.environment) -> String {
        if let folder = environment["XDG_CONFIG_HOME"], folder.hasPrefix("/") { return folder + "/vintner/login.json" }
        return (environment["HOME"] ?? NSHomeDirectory()) + "/.config/vintner/login.json"
    }

    /// nil without a file. - Throws: `CommandFailure` for one that others can read, or that is damaged.
    static func read(_ path: String = path()) throws -> StoredLogin? {
        guard let data = FileManager.default.contents(atPath: path) else { return nil }
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int ?? 0
        guard mode & 0o077 == 0 else {
            throw CommandFailure("Others can read \(path). Run \"chmod 600\" on it, and replace the token.")
        }
        guard let login = try? WireJSON.decode(StoredLogin.self, from: data) else {
            throw CommandFailure("\(path) is damaged. Run \"vintner login\" again.")
        }
        return login
    }

    /// Written beside and renamed, so that it is never readable by others, and never half written.
    func write(_ path: String = path()) throws {
        let folder = (path as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let draft = "\(path).\(ProcessInfo.processInfo.processIdentifier)"
        try? FileManager.default.removeItem(atPath: draft)
        guard
            FileManager.default.createFile(
                atPath: draft, contents: try WireJSON.encode(self), attributes: [.posixPermissions: 0o600]),
            rename(draft, path) == 0
        else { throw CommandFailure("\(path) can't be written.") }
    }
}
