import Crypto
import CryptoExtras
import Domain
import Foundation
import JWTKit
import Synchronization

@testable import OpenID

/// A provider in memory, whose answers a test changes.
final class FakeProvider: OpenIDTransport, Sendable {
    static let issuer = "https://id.example.com"
    static let clientID = "vintner"
    static let redirect = "https://vintner.example.com/sign-in/oidc/callback"

    struct State: Sendable {
        var keyID = "one"
        var key = ES256PrivateKey()
        var documents: [String: OpenIDAnswer] = [:]
        var claims: [String: JSONValue] = [:]
        var refreshClaims: [String: JSONValue]?
        var refreshToken: String? = "refresh-1"
        var userInfo: JSONValue = .null
        var requests: [OpenIDRequest] = []
        var now = Timestamp(milliseconds: 1_800_000_000_000)
    }

    let state = Mutex(State())

    init() {
        state.withLock { state in
            state.claims = [
                "iss": .string(Self.issuer), "aud": .string(Self.clientID), "sub": "42", "groups": ["ops", "dev"],
                "preferred_username": "ana", "iat": .integer(1_800_000_000), "exp": .integer(1_800_000_300),
            ]
        }
    }

    var ambient: SystemDependencies {
        SystemDependencies(
            now: { self.state.withLock { $0.now } }, randomBytes: SystemDependencies.system.randomBytes)
    }

    func client(_ change: (inout OpenIDProvider) -> Void = { _ in }) -> OpenIDClient {
        var provider = OpenIDProvider(
            id: "sso", name: "Company SSO", issuer: Self.issuer, clientID: Self.clientID, clientSecret: "s3 cret:")
        change(&provider)
        return OpenIDClient(provider, transport: self, ambient: ambient)
    }

    static var metadata: [String: JSONValue] {
        [
            "issuer": .string(issuer), "authorization_endpoint": "https://id.example.com/authorize",
            "token_endpoint": "https://id.example.com/token", "jwks_uri": "https://keys.example.net/jwks",
            "userinfo_endpoint": "https://id.example.com/userinfo",
        ]
    }

    func requests(to path: String) -> [OpenIDRequest] {
        state.withLock { $0.requests.filter { $0.url.hasSuffix(path) } }
    }

    func set(_ path: String, _ document: JSONValue, status: Int = 200) {
        state.withLock { $0.documents[path] = OpenIDAnswer(status: status, body: document.bytes) }
    }

    func advance(seconds: Int64) { state.withLock { $0.now = $0.now.advanced(by: seconds * 1000) } }

    func send(_ request: OpenIDRequest) async throws(OpenIDError) -> OpenIDAnswer {
        let (state, path) = self.state.withLock { state in
            state.requests.append(request)
            return (state, "/" + request.url.split(separator: "/").dropFirst(2).joined(separator: "/"))
        }
        if let answer = state.documents[path] { return answer }
        switch path {
        case "/.well-known/openid-configuration":
            return OpenIDAnswer(status: 200, body: JSONValue.object(Self.metadata).bytes)
        case "/jwks": return OpenIDAnswer(status: 200, body: Self.jwks(state).bytes)
        case "/userinfo": return OpenIDAnswer(status: 200, body: state.userInfo.bytes)
        case "/token":
            let isRefresh = request.form?.contains(.init("grant_type", "refresh_token")) == true
            let claims = isRefresh ? state.refreshClaims : state.claims
            var response: [String: JSONValue] = ["access_token": "access", "token_type": "Bearer"]
            if let claims { response["id_token"] = .string(await Self.sign(claims, state)) }
            if let token = state.refreshToken { response["refresh_token"] = .string(token) }
            return OpenIDAnswer(status: 200, body: JSONValue.object(response).bytes)
        default: return OpenIDAnswer(status: 404, body: [])
        }
    }

    static func jwks(_ state: State) -> JSONValue {
        let point = state.key.publicKey.parameters
        func url(_ text: String?) -> JSONValue { .string(Data(base64Encoded: text ?? "")?.base64URL ?? "") }
        return [
            "keys": [
                ["kty": "oct", "kid": "secret", "k": "AAAA"],
                ["kty": "EC", "crv": "P-256", "use": "enc", "kid": .string(state.keyID), "x": "AA", "y": "AA"],
                [
                    "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": .string(state.keyID),
                    "x": url(point?.x), "y": url(point?.y),
                ],
            ]
        ]
    }

    static func sign(_ claims: [String: JSONValue], _ state: State) async -> String {
        let keys = await JWTKeyCollection().add(ecdsa: state.key)
        let header: JSONValue = ["alg": "ES256", "kid": .string(state.keyID)]
        let signed = "\(Data(header.bytes).base64URL).\(Data(JSONValue.object(claims).bytes).base64URL)"
        let signature = try? await keys.getKey().sign(Data(signed.utf8))
        return "\(signed).\(Data(signature ?? []).base64URL)"
    }

    /// Signs in; the ID token has the nonce of the attempt, unless the claims have one.
    func signIn(_ client: OpenIDClient) async throws -> OpenIDIdentity {
        let attempt = SignInAttempt(provider: "sso", next: "/dashboard/jobs", ambient: ambient)
        state.withLock { state in
            if state.claims["nonce"] == nil { state.claims["nonce"] = .string(attempt.nonce) }
        }
        defer { state.withLock { $0.claims["nonce"] = nil } }
        return try await client.signIn(code: "the code", attempt: attempt, redirectURI: Self.redirect)
    }
}
