public import Domain
public import Foundation

/// Credentials of users. Only hashes are stored; the secrets themselves are shown once.
public protocol AccessStore: Sendable {
    /// Stores an API token's hash, replacing every earlier token of the same name.
    func setToken(hash: Data, name: String, at now: Timestamp) async throws

    /// The name of the API token; nil for an unknown one.
    func tokenName(hash: Data) async throws -> String?

    /// Stores a one-use sign-in link.
    func createSignInLink(hash: Data, user: String, expiresAt: Timestamp) async throws

    /// Uses a sign-in link up: returns its user once, before it expires; then nil.
    func redeemSignInLink(hash: Data, at now: Timestamp) async throws -> String?

    func createSession(hash: Data, user: String, expiresAt: Timestamp) async throws

    /// The user of a session that has not expired.
    func sessionUser(hash: Data, at now: Timestamp) async throws -> String?

    func deleteSession(hash: Data) async throws

    /// All API tokens, by name.
    func tokens() async throws -> [AccessEntry]

    /// Sessions, then sign-in links, that have not expired; the oldest first.
    func sessions(at now: Timestamp) async throws -> [AccessEntry]

    /// Deletes the token, session or link with this ``AccessEntry/id``. Returns what it was; nil if there is none.
    func revokeAccess(_ id: String) async throws -> AccessEntry?

    /// Deletes every session and link, and every token but the one of that name and those with one of the `keeping`
    /// ids. Returns what was deleted.
    func revokeAllAccess(exceptToken name: String, keeping ids: Set<String>) async throws -> [AccessEntry]

    /// Deletes links and sessions that have expired.
    func deleteExpiredAccess(at now: Timestamp) async throws
}

/// A credential, without what it is: the secret is not even known here.
public struct AccessEntry: Hashable, Sendable {
    public enum Kind: String, Codable, CaseIterable, Sendable {
        case token, session, link
    }

    public var kind: Kind
    /// SHA-256 of the secret.
    public var hash: Data
    /// The token's name, or who is (or will be) signed in.
    public var name: String
    /// nil for sessions and links, of which only the end is stored.
    public var createdAt: Timestamp?
    public var expiresAt: Timestamp?

    public init(kind: Kind, hash: Data, name: String, createdAt: Timestamp? = nil, expiresAt: Timestamp? = nil) {
        self.kind = kind
        self.hash = hash
        self.name = name
        self.createdAt = createdAt
        self.expiresAt = expiresAt
    }

    /// The first half of the hash, in hexadecimal digits: names the credential, and is no help in finding it.
    public var id: String { hash.prefix(16).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() }
}
