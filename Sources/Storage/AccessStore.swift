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

    /// Uses a sign-in link up: its user the first time, before it expires; nil ever after.
    func redeemSignInLink(hash: Data, at now: Timestamp) async throws -> String?

    func createSession(hash: Data, user: String, expiresAt: Timestamp) async throws

    /// The user of a session that has not expired.
    func sessionUser(hash: Data, at now: Timestamp) async throws -> String?

    func deleteSession(hash: Data) async throws

    /// Deletes links and sessions that have expired.
    func deleteExpiredAccess(at now: Timestamp) async throws
}
