public import Domain

/// `POST /api/tokens`.
public struct CreateTokenRequest: Codable, RequestMessage {
    public var name: String

    public init(name: String) { self.name = name }
}

/// The response; the token is shown only once.
public struct CreateTokenResponse: Codable, ResponseMessage {
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
public struct TokenResponse: Codable, Hashable, ResponseMessage {
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
public struct SessionResponse: Codable, Hashable, ResponseMessage {
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
public struct ReplaceAdminTokenRequest: Codable, RequestMessage {
    /// Leave the other API tokens alone; false where absent.
    public var keepTokens: Bool?

    public init(keepTokens: Bool?) { self.keepTokens = keepTokens }
}

/// The answer: the only time the new token is shown. It is in `admin.token` of the data folder, too.
public struct ReplaceAdminTokenResponse: Codable, ResponseMessage {
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

/// `POST /api/sign-in-links`.
public struct SignInLinkRequest: Codable, RequestMessage {
    /// Who will be signed in; the caller if absent.
    public var user: String?

    public init(user: String? = nil) { self.user = user }
}

/// A link that signs in once. The secret is in the fragment, which browsers send to no server.
public struct SignInLinkResponse: Codable, ResponseMessage {
    public var url: String

    public init(url: String) { self.url = url }
}

/// `POST /sign-in`: the secret of a link, or an API token.
public struct SignInRequest: Codable, RequestMessage {
    public var link: String?
    public var token: String?

    public init(link: String? = nil, token: String? = nil) {
        self.link = link
        self.token = token
    }
}

/// The response: the session is in its cookie.
public struct SignInResponse: Codable, ResponseMessage {
    public var user: String

    public init(user: String) { self.user = user }
}

/// `POST /sign-out`.
public struct SignOutResponse: Codable, ResponseMessage {
    public var signedOut: Bool

    public init(signedOut: Bool) { self.signedOut = signedOut }
}
