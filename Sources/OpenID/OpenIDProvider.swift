internal import Domain

/// An identity provider, as it is configured.
public struct OpenIDProvider: Hashable, Sendable {
    /// Names the provider in addresses: letters, digits and dashes.
    public var id: String
    /// What people call it: "Company SSO".
    public var name: String
    /// The issuer's URL, exactly as its discovery document says it.
    public var issuer: String
    public var clientID: String
    /// nil for a client that proves itself by PKCE alone.
    public var clientSecret: String?
    /// The claim with a person's groups; with dots, a path: `realm_access.roles`.
    public var groupsClaim: String
    /// In addition to `openid`; nil for `profile`, `email`, and `offline_access` if the provider has it.
    public var scopes: [String]?

    public init(
        id: String, name: String, issuer: String, clientID: String, clientSecret: String? = nil,
        groupsClaim: String = "groups", scopes: [String]? = nil
    ) {
        self.id = id
        self.name = name
        self.issuer = issuer
        self.clientID = clientID
        self.clientSecret = clientSecret
        self.groupsClaim = groupsClaim
        self.scopes = scopes
    }
}

/// What is accepted from a provider. All of it is untrusted.
public enum OpenIDLimits {
    /// The bytes of a discovery document, of a key set, of a token or userinfo response.
    public static let answerBytes = 256 << 10
    public static let tokenBytes = 64 << 10
    public static let keys = 100
    public static let groups = 1000
    /// A group with a longer name is left out.
    public static let groupBytes = 200
    /// How far the provider's clock may be off, in milliseconds.
    public static let clockSkew: Int64 = 60_000
    /// How long the discovery document and the keys are kept, in milliseconds.
    public static let documentAge: Int64 = 3_600_000
    /// An unknown key makes Vintner fetch the keys again, at most once in this many milliseconds.
    public static let keyRefetchPause: Int64 = 5000
    /// How deep JSON may nest.
    public static let depth = 32
}

/// Who signed in, as the provider says.
public struct OpenIDIdentity: Hashable, Sendable {
    /// Identifies the person at the provider, forever.
    public var subject: String
    /// What the person may be called, the best first; may be empty.
    public var names: [String]
    /// nil if the provider did not say.
    public var groups: [String]?
    /// Gets a new identity later; nil if the provider gave none.
    public var refreshToken: String?

    public init(subject: String, names: [String], groups: [String]?, refreshToken: String?) {
        self.subject = subject
        self.names = names
        self.groups = groups
        self.refreshToken = refreshToken
    }
}

/// Sends requests to a provider. What it returns is untrusted.
public protocol OpenIDTransport: Sendable {
    /// - Throws: ``OpenIDError`` `.unreachable` without an answer in time, and for one that is too large. Redirects are
    ///   not followed: they are answers.
    func send(_ request: OpenIDRequest) async throws(OpenIDError) -> OpenIDAnswer
}

/// A request to a provider: a GET without a form, a POST with one.
public struct OpenIDRequest: Hashable, Sendable {
    public var url: String
    public var form: [OpenIDFormField]?
    /// The `Authorization` header.
    public var authorization: String?
}

public struct OpenIDFormField: Hashable, Sendable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

public struct OpenIDAnswer: Sendable {
    public var status: Int
    public var body: [UInt8]

    public init(status: Int, body: [UInt8]) {
        self.status = status
        self.body = body
    }
}

extension [OpenIDFormField] {
    /// `application/x-www-form-urlencoded`.
    public var encoded: String {
        map { "\(PercentEncoding.encode($0.name))=\(PercentEncoding.encode($0.value))" }.joined(separator: "&")
    }
}
