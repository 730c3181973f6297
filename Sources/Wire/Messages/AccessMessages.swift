public import Domain

/// `POST /api/tokens`.
public struct CreateToken: Codable, Sendable {
    public var name: String

    public init(name: String) { self.name = name }
}

/// The answer: the only time the token is shown.
public struct CreatedToken: Codable, Sendable {
    public var id: String
    public var name: String
    public var token: String

    public init(id: String, name: String, token: String) {
        self.id = id
        self.name = name
        self.token = token
    }
}

/// An API token in `GET /api/tokens`.
public struct TokenRecord: Codable, Hashable, Sendable {
    public var id: String
    public var name: String
    public var createdAt: Timestamp

    public init(id: String, name: String, createdAt: Timestamp) {
        self.id = id
        self.name = name
        self.createdAt = createdAt
    }
}

/// A session or a sign-in link in `GET /api/sessions`.
public struct SessionRecord: Codable, Hashable, Sendable {
    public var id: String
    /// `session` or `link`.
    public var kind: String
    public var user: String
    public var expiresAt: Timestamp

    public init(id: String, kind: String, user: String, expiresAt: Timestamp) {
        self.id = id
        self.kind = kind
        self.user = user
        self.expiresAt = expiresAt
    }
}

/// `POST /api/tokens/replace-admin`.
public struct ReplaceAdminToken: Codable, Sendable {
    /// Leave the other API tokens alone; false where absent.
    public var keepTokens: Bool?

    public init(keepTokens: Bool?) { self.keepTokens = keepTokens }
}

/// The answer: the only time the new token is shown. It is in `admin.token` of the data folder, too.
public struct ReplacedAdminToken: Codable, Sendable {
    public var id: String
    public var token: String
    public var endedSessions: Int
    public var endedLinks: Int
    public var revokedTokens: Int

    public init(id: String, token: String, endedSessions: Int, endedLinks: Int, revokedTokens: Int) {
        self.id = id
        self.token = token
        self.endedSessions = endedSessions
        self.endedLinks = endedLinks
        self.revokedTokens = revokedTokens
    }
}
