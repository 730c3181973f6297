public import Domain

/// `GET /api/me`: who the caller is, and what the caller may do.
public struct MeResponse: Codable, ResponseMessage {
    /// `user:NAME` or `service:NAME`.
    public var principal: String
    public var roles: [HeldRoleResponse]
    /// The permissions at the place that was asked for; without one, those that the caller has anywhere.
    public var rights: [String]
    /// What the token is limited to; absent for no limit.
    public var scopes: [String]?

    public init(principal: String, roles: [HeldRoleResponse], rights: [String], scopes: [String]?) {
        self.principal = principal
        self.roles = roles
        self.rights = rights
        self.scopes = scopes
    }
}

/// A role that the caller has.
public struct HeldRoleResponse: Codable, Hashable, Sendable {
    public var role: String
    /// `installation`, `vineyard:ID` or `vine:ID`.
    public var scope: String
    /// The principal that it was granted to: the caller, or a team of the caller.
    public var through: String

    public init(_ held: Rights.Held) {
        role = held.role.rawValue
        scope = held.scope.description
        through = held.through.description
    }
}

/// A grant in `/api/grants`.
public struct GrantResponse: Codable, ResponseMessage {
    public var id: GrantID
    public var principal: String
    public var role: String
    public var scope: String
    public var createdBy: String
    public var createdAt: Timestamp
    /// The principal became an administrator because nobody had granted a role yet.
    public var automatic: Bool

    public init(_ grant: Grant) {
        id = grant.id
        principal = grant.principal.description
        role = grant.role.rawValue
        scope = grant.scope.description
        createdBy = grant.createdBy
        createdAt = grant.createdAt
        automatic = grant.isAutomatic
    }
}

/// `POST /api/grants`.
public struct CreateGrantRequest: Codable, RequestMessage {
    /// `user:NAME`, `team:NAME` or `service:NAME`.
    public var principal: String
    /// A role's name.
    public var role: String
    /// `installation`, `vineyard:ID` or `vine:ID`.
    public var scope: String

    public init(principal: String, role: String, scope: String) {
        self.principal = principal
        self.role = role
        self.scope = scope
    }
}

/// A team in `/api/teams`.
public struct TeamResponse: Codable, ResponseMessage {
    public var name: String
    /// The identity provider's group that makes one a member.
    public var group: String?
    /// The listed members.
    public var members: [String]
    public var createdBy: String
    public var createdAt: Timestamp

    public init(_ team: Team) {
        name = team.name
        group = team.group
        members = team.members.sorted()
        createdBy = team.createdBy
        createdAt = team.createdAt
    }
}

/// `POST /api/teams`.
public struct CreateTeamRequest: Codable, RequestMessage {
    public var name: String
    public var group: String?
    public var members: [String]?

    public init(name: String, group: String? = nil, members: [String]? = nil) {
        self.name = name
        self.group = group
        self.members = members
    }
}

/// `PATCH /api/teams/{name}`: absent fields stay as they are; null clears `group`.
public struct PatchTeamRequest: Codable, RequestMessage {
    public var group: PatchField<String> = .unchanged
    public var members: [String]?

    public init() {}
}

/// A vineyard in `/api/vineyards`.
public struct VineyardResponse: Codable, ResponseMessage {
    public var id: VineyardID
    public var name: String
    public var createdBy: String
    public var createdAt: Timestamp

    public init(_ vineyard: Vineyard) {
        id = vineyard.id
        name = vineyard.name
        createdBy = vineyard.createdBy
        createdAt = vineyard.createdAt
    }
}

/// `POST /api/vineyards` and `PATCH /api/vineyards/{id}`.
public struct VineyardRequest: Codable, RequestMessage {
    public var name: String

    public init(name: String) { self.name = name }
}
