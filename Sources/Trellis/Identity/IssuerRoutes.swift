internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Storage
internal import Wire

/// What clouds read to check a token: open to everybody, and nothing in it is secret.
struct IssuerRoutes: Sendable {
    static let discovery = "/.well-known/openid-configuration"
    static let keySet = "/.well-known/jwks.json"
    static let paths: Set<String> = [discovery, keySet]

    var issuer: TokenIssuer

    func add(to router: some RouterMethods<TrellisContext>) {
        router.get(RouterPath(Self.discovery)) { _, _ in
            guard let configuration = issuer.configuration else { throw Refusal.notFound("page") }
            return Self.document(Self.discoveryDocument(of: configuration.url))
        }
        router.get(RouterPath(Self.keySet)) { _, _ in
            guard issuer.configuration != nil else { throw Refusal.notFound("page") }
            let keys = try await issuer.keys.published().map { try JSONValue(parsing: $0.publicKey.utf8) }
            return Self.document(["keys": .array(keys)])
        }
    }

    private static func discoveryDocument(of url: String) -> JSONValue {
        [
            "issuer": .string(url), "jwks_uri": .string(url + keySet),
            "response_types_supported": ["id_token"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "claims_supported": [
                "iss", "sub", "aud", "iat", "nbf", "exp", "jti", "vineyard_id", "vine_id", "project", "stage", "phase",
                "job_id", "job_type", "commit", "requested_by", "approved_by", "plan_digest",
            ],
        ]
    }

    /// Kept by whoever reads it for a minute at most: a new key is published days before it is used.
    private static func document(_ value: JSONValue) -> Response {
        var response = Response.json(Data(value.bytes), status: .ok)
        response.headers[.cacheControl] = "public, max-age=60"
        return response
    }
}
