internal import Domain

/// What a provider's discovery document says (OpenID Connect Discovery 1.0).
struct ProviderMetadata: Hashable, Sendable {
    var authorizationEndpoint: String
    var tokenEndpoint: String
    var keysURL: String
    var userInfoEndpoint: String?
    var sendsSecretInBody: Bool
    var hasOfflineAccess: Bool
    /// Whether an authorization response always names its issuer (RFC 9207).
    var namesIssuerInResponse: Bool

    static func url(ofIssuer issuer: String) -> String {
        (issuer.hasSuffix("/") ? String(issuer.dropLast()) : issuer) + "/.well-known/openid-configuration"
    }

    /// - Throws: ``OpenIDError`` `.malformed`, also if the document belongs to another issuer.
    init(_ body: [UInt8], issuer: String) throws(OpenIDError) {
        let problem = OpenIDError.malformed("discovery document")
        guard let document = JSONValue.untrusted(body), document["issuer"]?.stringValue == issuer else { throw problem }
        func endpoint(_ name: String) throws(OpenIDError) -> String? {
            guard let url = document[name]?.stringValue else { return nil }
            guard EndpointRule.allows(url, issuer: issuer) else { throw problem }
            return url
        }
        guard let authorization = try endpoint("authorization_endpoint"), let token = try endpoint("token_endpoint"),
            let keys = try endpoint("jwks_uri")
        else { throw problem }
        authorizationEndpoint = authorization
        tokenEndpoint = token
        keysURL = keys
        userInfoEndpoint = try endpoint("userinfo_endpoint")
        // Basic is what a provider takes that does not say.
        let methods = document["token_endpoint_auth_methods_supported"]?.strings
        sendsSecretInBody =
            methods.map { !$0.contains("client_secret_basic") && $0.contains("client_secret_post") } ?? false
        hasOfflineAccess = document["scopes_supported"]?.strings.contains("offline_access") ?? false
        namesIssuerInResponse = document["authorization_response_iss_parameter_supported"] == .bool(true)
    }
}

/// Where a provider may be.
public enum EndpointRule {
    /// Whether an issuer can be used: https, or http on this machine, for tests.
    public static func allows(issuer: String) -> Bool {
        guard issuer.utf8.count <= 500, !issuer.contains(where: { "?#@ ".contains($0) }) else { return false }
        return isSecure(issuer) || isLoopback(issuer)
    }

    /// An endpoint may be on another host than its issuer, but not without TLS if the issuer has it.
    static func allows(_ url: String, issuer: String) -> Bool {
        guard url.utf8.count <= 2000, url.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value < 0x7f }),
            !url.contains("#")
        else { return false }
        return isSecure(url) || isLoopback(issuer) && isLoopback(url)
    }

    private static func isSecure(_ url: String) -> Bool {
        url.hasPrefix("https://") && url.utf8.count > "https://".utf8.count
    }

    private static func isLoopback(_ url: String) -> Bool {
        ["http://127.0.0.1", "http://localhost", "http://[::1]"].contains { host in
            guard url.hasPrefix(host) else { return false }
            return url.utf8.dropFirst(host.utf8.count).first.map { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "/") }
                ?? true
        }
    }
}

extension JSONValue {
    /// The document; nil for one that is malformed, too large or too deep.
    static func untrusted(_ body: [UInt8]) -> JSONValue? {
        guard body.count <= OpenIDLimits.answerBytes else { return nil }
        return try? JSONValue(parsing: body, maxDepth: OpenIDLimits.depth)
    }

    /// The texts of an array; the text itself as an array of one.
    var strings: [String] {
        switch self {
        case .array(let elements): elements.compactMap(\.stringValue)
        case .string(let text): [text]
        default: []
        }
    }
}
