internal import Domain
internal import Foundation
internal import Storage

/// Who sent a request.
enum Principal: Sendable {
    case user(User)
    case tendril(TendrilID)

    struct User: Sendable {
        var account: Account
        /// The session's CSRF token, for pages; nil where an API token was sent.
        var csrfToken: String?
        /// What the request came with.
        var credential: Credential

        var name: String { account.name }
    }
}

/// Checks whether a credential is currently valid.
struct AccessCheck: Sendable {
    var access: any AccessStore
    var ambient: SystemDependencies

    /// Whose credential it is; nil where it is unknown, revoked or has expired.
    func user(of credential: Credential) async throws -> Account? {
        switch credential {
        case .tokenHash(let hash): try await access.account(ofToken: hash, at: ambient.now())
        case .sessionHash(let hash): try await access.account(ofSession: hash, at: ambient.now())
        }
    }
}

/// A user's credential. Only its hash is kept, so that it can be checked again later.
enum Credential: Hashable, Sendable {
    case tokenHash(Data)
    case sessionHash(Data)

    static func token(_ secret: String) -> Credential { .tokenHash(Credentials.hash(secret)) }
    static func session(_ secret: String) -> Credential { .sessionHash(Credentials.hash(secret)) }
}
