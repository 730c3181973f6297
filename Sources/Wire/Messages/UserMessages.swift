public import Domain

/// A person or a service account in `GET /api/users`.
public struct UserResponse: Codable, Hashable, ResponseMessage {
    public var id: UserID
    public var name: String
    public var kind: Account.Kind
    /// The name of the identity provider; absent for a local account.
    public var provider: String?
    public var hasPassword: Bool
    /// The groups that the provider sent last.
    public var groups: [String]
    public var createdBy: String
    public var createdAt: Timestamp
    public var lastSeenAt: Timestamp?
    public var disabledAt: Timestamp?
    /// Until when the newest invitation works.
    public var invitedUntil: Timestamp?
    /// Whether this is the local administrator, who always gets in.
    public var isBreakGlass: Bool
    public var tokens: Int
    /// By name; those through a group of the provider, too.
    public var teams: [String]
    /// Granted to the account, or to a team of it.
    public var roles: [HeldRoleResponse]

    public init(
        id: UserID, name: String, kind: Account.Kind, provider: String?, hasPassword: Bool, groups: [String],
        createdBy: String, createdAt: Timestamp, lastSeenAt: Timestamp?, disabledAt: Timestamp?,
        invitedUntil: Timestamp?, isBreakGlass: Bool, tokens: Int, teams: [String], roles: [HeldRoleResponse]
    ) {
        self.id = id
        self.name = name
        self.kind = kind
        self.provider = provider
        self.hasPassword = hasPassword
        self.groups = groups
        self.createdBy = createdBy
        self.createdAt = createdAt
        self.lastSeenAt = lastSeenAt
        self.disabledAt = disabledAt
        self.invitedUntil = invitedUntil
        self.isBreakGlass = isBreakGlass
        self.tokens = tokens
        self.teams = teams
        self.roles = roles
    }
}

/// `POST /api/users`.
public struct CreateUserRequest: Codable, RequestMessage {
    public var name: String
    /// `user` if absent.
    public var kind: Account.Kind?
    /// The name of a role that is granted to the account, on ``scope``.
    public var role: String?
    /// `installation`, `vineyard:ID`, `vineyard:NAME` or `vine:ID`.
    public var scope: String?
    /// Teams that the person becomes a member of.
    public var teams: [String]?

    public init(
        name: String, kind: Account.Kind? = nil, role: String? = nil, scope: String? = nil, teams: [String]? = nil
    ) {
        self.name = name
        self.kind = kind
        self.role = role
        self.scope = scope
        self.teams = teams
    }
}

/// The account, and the link that is shown only once. The secret is in the fragment, which browsers send to no server.
public struct CreateUserResponse: Codable, ResponseMessage {
    public var user: UserResponse
    /// Absent for a service account, which signs in with tokens only.
    public var url: String?
    public var expiresAt: Timestamp?

    public init(user: UserResponse, url: String?, expiresAt: Timestamp?) {
        self.user = user
        self.url = url
        self.expiresAt = expiresAt
    }
}

/// An identity provider in `GET /api/providers`.
public struct ProviderResponse: Codable, ResponseMessage {
    public var id: String
    public var name: String
    public var issuer: String
    public var groupsClaim: String
    /// The last sign-in since the server's start.
    public var lastSignInAt: Timestamp?
    /// The last failure since the server's start.
    public var lastFailureAt: Timestamp?
    public var lastFailure: String?

    public init(
        id: String, name: String, issuer: String, groupsClaim: String, lastSignInAt: Timestamp?,
        lastFailureAt: Timestamp?, lastFailure: String?
    ) {
        self.id = id
        self.name = name
        self.issuer = issuer
        self.groupsClaim = groupsClaim
        self.lastSignInAt = lastSignInAt
        self.lastFailureAt = lastFailureAt
        self.lastFailure = lastFailure
    }
}
