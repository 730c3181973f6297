public import Domain
internal import Foundation

/// Signs people in with one identity provider: authorization code with PKCE (RFC 6749, RFC 7636), then the ID token.
///
/// Keeps the provider's discovery document and keys for an hour. A token signed with an unknown key makes it fetch the
/// keys once more, so that a rotation is noticed at once.
public actor OpenIDClient {
    public nonisolated let provider: OpenIDProvider
    private let transport: any OpenIDTransport
    private let ambient: SystemDependencies

    private var metadata: (value: ProviderMetadata, at: Timestamp)?
    private var keys: (value: KeySet, at: Timestamp)?

    public init(_ provider: OpenIDProvider, transport: any OpenIDTransport, ambient: SystemDependencies) {
        self.provider = provider
        self.transport = transport
        self.ambient = ambient
    }

    /// Where to send the browser. - Throws: ``OpenIDError``.
    public func authorizationURL(for attempt: SignInAttempt, redirectURI: String) async throws(OpenIDError) -> String {
        try await currentMetadata().authorizationURL(provider, attempt, redirectURI: redirectURI)
    }

    /// Whether an authorization response with this `iss` parameter can come from this provider (RFC 9207).
    public func accepts(responseIssuer: String?) async throws(OpenIDError) -> Bool {
        guard let responseIssuer else { return try await !currentMetadata().namesIssuerInResponse }
        return responseIssuer == provider.issuer
    }

    /// Exchanges the code of an authorization response. - Throws: ``OpenIDError``.
    public func signIn(
        code: String, attempt: SignInAttempt, redirectURI: String
    ) async throws(OpenIDError) -> OpenIDIdentity {
        let response = try await requestTokens([
            .init("grant_type", "authorization_code"), .init("code", code), .init("redirect_uri", redirectURI),
            .init("code_verifier", attempt.verifier),
        ])
        guard let token = response["id_token"]?.stringValue else { throw .malformed("token response") }
        let rules = ClaimRules(provider: provider, now: ambient.now(), nonce: attempt.nonce)
        return try await identity(token, rules, response)
    }

    /// The person's identity as it is now.
    ///
    /// - Throws: ``OpenIDError`` `.refused` if the provider has ended the sign-in; `.unreachable` if it is not known.
    public func refresh(_ refreshToken: String, subject: String) async throws(OpenIDError) -> OpenIDIdentity {
        let response = try await requestTokens([
            .init("grant_type", "refresh_token"), .init("refresh_token", refreshToken),
        ])
        let rules = ClaimRules(provider: provider, now: ambient.now(), subject: subject)
        var found: OpenIDIdentity
        if let token = response["id_token"]?.stringValue {
            found = try await identity(token, rules, response)
        } else {
            let claims = try await userInfo(response, subject: subject) ?? .null
            found = OpenIDIdentity(
                subject: subject, names: [], groups: try PersonClaims.groups(claims, claim: provider.groupsClaim),
                refreshToken: nil)
        }
        // Not every provider gives out a new one each time.
        found.refreshToken = Self.refreshToken(response) ?? refreshToken
        return found
    }

    // MARK: - Tokens

    private func requestTokens(_ fields: [OpenIDFormField]) async throws(OpenIDError) -> JSONValue {
        let metadata = try await currentMetadata()
        var request = OpenIDRequest(url: metadata.tokenEndpoint, form: fields)
        if let secret = provider.clientSecret {
            if metadata.sendsSecretInBody {
                request.form? += [.init("client_id", provider.clientID), .init("client_secret", secret)]
            } else {
                let pair = "\(PercentEncoding.encode(provider.clientID)):\(PercentEncoding.encode(secret))"
                request.authorization = "Basic " + Data(pair.utf8).base64EncodedString()
            }
        } else {
            request.form?.append(.init("client_id", provider.clientID))
        }
        let answer = try await transport.send(request)
        switch answer.status {
        case 200: break
        case 400, 401, 403: throw .refused
        default: throw .unreachable
        }
        guard let response = JSONValue.untrusted(answer.body), case .object = response else {
            throw .malformed("token response")
        }
        return response
    }

    private func identity(
        _ token: String, _ rules: ClaimRules, _ response: JSONValue
    ) async throws(OpenIDError) -> OpenIDIdentity {
        let claims = try await verifiedClaims(token)
        let subject = try rules.check(claims)
        var groups = try PersonClaims.groups(claims, claim: provider.groupsClaim)
        var names = PersonClaims.names(claims)
        // Some providers put into the ID token only what identifies the person.
        if groups == nil || names.isEmpty, let info = try await userInfo(response, subject: subject) {
            if groups == nil { groups = try PersonClaims.groups(info, claim: provider.groupsClaim) }
            names += PersonClaims.names(info)
        }
        return OpenIDIdentity(
            subject: subject, names: names, groups: groups, refreshToken: Self.refreshToken(response))
    }

    private static func refreshToken(_ response: JSONValue) -> String? {
        response["refresh_token"]?.stringValue.flatMap {
            $0.isEmpty || $0.utf8.count > OpenIDLimits.tokenBytes ? nil : $0
        }
    }

    /// nil if the provider has no such endpoint. - Throws: ``OpenIDError``, also if it describes somebody else.
    private func userInfo(_ response: JSONValue, subject: String) async throws(OpenIDError) -> JSONValue? {
        guard let url = try await currentMetadata().userInfoEndpoint else { return nil }
        guard let token = response["access_token"]?.stringValue, !token.isEmpty,
            token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
        else { throw .malformed("token response") }
        let answer = try await transport.send(OpenIDRequest(url: url, authorization: "Bearer \(token)"))
        switch answer.status {
        case 200: break
        case 400, 401, 403: throw .refused
        default: throw .unreachable
        }
        guard let claims = JSONValue.untrusted(answer.body) else { throw .malformed("userinfo response") }
        guard claims["sub"]?.stringValue == subject else { throw .badToken(.subject) }
        return claims
    }

    // MARK: - Documents

    private func verifiedClaims(_ text: String) async throws(OpenIDError) -> JSONValue {
        let token = try IDToken(text)
        let known = try await currentKeys()
        if known.key(token.keyID, algorithm: token.algorithm) != nil { return try token.claims(verifiedBy: known) }
        // The provider may have changed its keys.
        if let keys,
            ambient.now().milliseconds(since: keys.at) >= OpenIDLimits.keyRefetchPause || keys.at > ambient.now()
        {
            return try token.claims(verifiedBy: try await fetchKeys())
        }
        throw .badToken(.unknownKey)
    }

    private func currentMetadata() async throws(OpenIDError) -> ProviderMetadata {
        if let metadata, isFresh(metadata.at) { return metadata.value }
        let body = try await document(ProviderMetadata.url(ofIssuer: provider.issuer))
        let found = try ProviderMetadata(body, issuer: provider.issuer)
        metadata = (found, ambient.now())
        return found
    }

    private func currentKeys() async throws(OpenIDError) -> KeySet {
        if let keys, isFresh(keys.at) { return keys.value }
        return try await fetchKeys()
    }

    private func fetchKeys() async throws(OpenIDError) -> KeySet {
        let found = try await KeySet(try await document(try await currentMetadata().keysURL))
        keys = (found, ambient.now())
        return found
    }

    private func isFresh(_ time: Timestamp) -> Bool {
        (0..<OpenIDLimits.documentAge).contains(ambient.now().milliseconds(since: time))
    }

    private func document(_ url: String) async throws(OpenIDError) -> [UInt8] {
        let answer = try await transport.send(OpenIDRequest(url: url))
        guard answer.status == 200 else { throw .unreachable }
        return answer.body
    }
}
