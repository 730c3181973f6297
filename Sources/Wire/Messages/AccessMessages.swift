public import Domain

/// `POST /api/tokens`.
public struct CreateTokenRequest: Codable, RequestMessage {
    public var name: String
    /// What the token may do of what its owner may; all of it if absent.
    public var scopes: [Permission]?
    public var expiresAt: Timestamp?
    /// The service account that it is for; the caller if absent.
    public var user: String?

    public init(name: String, scopes: [Permission]? = nil, expiresAt: Timestamp? = nil, user: String? = nil) {
        self.name = name
        self.scopes = scopes
        self.expiresAt = expiresAt
        self.user = user
    }
}

/// The response; the token is shown only once.
public struct CreateTokenResponse: Codable, ResponseMessage {
    public var id: String
    public var name: String
    public var token: String
    public var expiresAt: Timestamp?

    public init(id: String, name: String, token: String, expiresAt: Timestamp? = nil) {
        self.id = id
        self.name = name
        self.token = token
        self.expiresAt = expiresAt
    }
}

/// An API token in `GET /api/tokens`.
public struct TokenResponse: Codable, Hashable, ResponseMessage {
    public var id: String
    public var name: String
    /// Who is signed in.
    public var user: String
    public var createdAt: Timestamp
    /// Absent if it may do all that its owner may.
    public var scopes: [Permission]?
    public var expiresAt: Timestamp?
    /// Written once a minute.
    public var lastUsedAt: Timestamp?

    public init(
        id: String, name: String, user: String, createdAt: Timestamp, scopes: [Permission]?, expiresAt: Timestamp?,
        lastUsedAt: Timestamp?
    ) {
        self.id = id
        self.name = name
        self.user = user
        self.createdAt = createdAt
        self.scopes = scopes
        self.expiresAt = expiresAt
        self.lastUsedAt = lastUsedAt
    }
}

/// A session or a link in `GET /api/sessions`.
public struct SessionResponse: Codable, Hashable, ResponseMessage {
    public var id: String
    /// `session`, `link`, `invitation`, or `login`: the code of a `vintner login`.
    public var kind: String
    public var user: String
    public var expiresAt: Timestamp
    /// How it began: `link`, `token`, `password` or `provider`.
    public var method: SignInMethod?
    public var address: String?
    /// The browser, as it names itself.
    public var agent: String?
    public var createdAt: Timestamp?
    public var lastUsedAt: Timestamp?
    /// Whether the request came with it.
    public var isCurrent: Bool

    public init(
        id: String, kind: String, user: String, expiresAt: Timestamp, method: SignInMethod? = nil,
        address: String? = nil, agent: String? = nil, createdAt: Timestamp? = nil, lastUsedAt: Timestamp? = nil,
        isCurrent: Bool = false
    ) {
        self.id = id
        self.kind = kind
        self.user = user
        self.expiresAt = expiresAt
        self.method = method
        self.address = address
        self.agent = agent
        self.createdAt = createdAt
        self.lastUsedAt = lastUsedAt
        self.isCurrent = isCurrent
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

/// `POST /sign-in`: the secret of a link, an API token, a name and a password, or an invitation and its first password.
public struct SignInRequest: Codable, RequestMessage {
    public var link: String?
    public var token: String?
    public var name: String?
    public var invitation: String?
    public var password: String?

    public init(
        link: String? = nil, token: String? = nil, name: String? = nil, invitation: String? = nil,
        password: String? = nil
    ) {
        self.link = link
        self.token = token
        self.name = name
        self.invitation = invitation
        self.password = password
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

/// `POST /sign-in/invitation`: the secret of an invitation.
public struct InvitationRequest: Codable, RequestMessage {
    public var invitation: String

    public init(invitation: String) { self.invitation = invitation }
}

/// Whom an invitation is for.
public struct InvitationResponse: Codable, ResponseMessage {
    public var user: String
    public var invitedBy: String?
    public var expiresAt: Timestamp

    public init(user: String, invitedBy: String?, expiresAt: Timestamp) {
        self.user = user
        self.invitedBy = invitedBy
        self.expiresAt = expiresAt
    }
}

/// `GET /api/account`.
public struct AccountResponse: Codable, ResponseMessage {
    public var name: String
    public var kind: Account.Kind
    /// The name of the identity provider; absent for a local account.
    public var provider: String?
    public var groups: [String]
    public var hasPassword: Bool
    public var lastSeenAt: Timestamp?

    public init(
        name: String, kind: Account.Kind, provider: String?, groups: [String], hasPassword: Bool,
        lastSeenAt: Timestamp?
    ) {
        self.name = name
        self.kind = kind
        self.provider = provider
        self.groups = groups
        self.hasPassword = hasPassword
        self.lastSeenAt = lastSeenAt
    }
}

/// `PUT /api/account/password`.
public struct SetPasswordRequest: Codable, RequestMessage {
    /// Needed if there is a password already.
    public var current: String?
    public var password: String

    public init(current: String?, password: String) {
        self.current = current
        self.password = password
    }
}

/// `POST /api/account/sign-out-others`.
public struct EndedSessionsResponse: Codable, ResponseMessage {
    public var endedSessions: Int

    public init(endedSessions: Int) { self.endedSessions = endedSessions }
}

/// `POST /api/account/login-codes`.
public struct CreateLoginCodeRequest: Codable, RequestMessage {
    /// The SHA-256 of the command's secret, in base64url.
    public var challenge: String
    /// What the token is called.
    public var name: String

    public init(challenge: String, name: String) {
        self.challenge = challenge
        self.name = name
    }
}

/// The code works once, for five minutes, and only for the command that made the challenge.
public struct LoginCodeResponse: Codable, ResponseMessage {
    public var code: String
    public var expiresAt: Timestamp

    public init(code: String, expiresAt: Timestamp) {
        self.code = code
        self.expiresAt = expiresAt
    }
}

/// `POST /sign-in/code`.
public struct RedeemLoginCodeRequest: Codable, RequestMessage {
    public var code: String
    /// The secret whose SHA-256 is the challenge.
    public var verifier: String
    public var name: String

    public init(code: String, verifier: String, name: String) {
        self.code = code
        self.verifier = verifier
        self.name = name
    }
}
