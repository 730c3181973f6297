internal import Crypto
public import Domain
internal import Foundation

/// The secrets of one sign-in, which the browser keeps, encrypted, until the provider sends it back.
public struct SignInAttempt: Hashable, Codable, Sendable {
    /// The provider's ``OpenIDProvider/id``.
    public var provider: String
    /// Ties the answer to the browser.
    public var state: String
    /// Ties the ID token to this attempt.
    public var nonce: String
    /// PKCE (RFC 7636): ties the code to this attempt.
    public var verifier: String
    /// Where to go afterwards: a path of this server.
    public var next: String
    public var expiresAt: Timestamp

    /// How long a person may take at the provider, in milliseconds.
    public static let lifetime: Int64 = 10 * 60_000

    public init(provider: String, next: String, ambient: SystemDependencies) {
        func secret() -> String { Data(ambient.randomBytes(32)).base64URL }
        self.provider = provider
        state = secret()
        nonce = secret()
        verifier = secret()
        self.next = next
        expiresAt = ambient.now().advanced(by: Self.lifetime)
    }

    /// What the provider learns of ``verifier``.
    var challenge: String { Data(SHA256.hash(data: Data(verifier.utf8))).base64URL }
}

extension ProviderMetadata {
    /// Where the browser goes to sign in.
    func authorizationURL(_ provider: OpenIDProvider, _ attempt: SignInAttempt, redirectURI: String) -> String {
        let further = provider.scopes ?? ["profile", "email"] + (hasOfflineAccess ? ["offline_access"] : [])
        let fields: [OpenIDFormField] = [
            .init("response_type", "code"), .init("client_id", provider.clientID),
            .init("redirect_uri", redirectURI),
            .init("scope", (["openid"] + further.filter { $0 != "openid" }).joined(separator: " ")),
            .init("state", attempt.state), .init("nonce", attempt.nonce),
            .init("code_challenge", attempt.challenge), .init("code_challenge_method", "S256"),
        ]
        return authorizationEndpoint + (authorizationEndpoint.contains("?") ? "&" : "?") + fields.encoded
    }
}
