public import Domain

/// A cloud identity in `/api/identities`.
public struct IdentityResponse: Codable, ResponseMessage {
    public var id: CloudIdentityID
    public var name: String
    public var vineyardId: VineyardID
    public var provider: CloudProvider
    /// For planning.
    public var plan: CloudAccess
    /// For applying and destroying.
    public var apply: CloudAccess
    public var createdBy: String
    public var createdAt: Timestamp
    public var updatedAt: Timestamp
    /// The vines that use it and that the caller may see; at most ``maximumVines``.
    public var usedBy: [IdentityUseResponse]
    /// What to paste so that the cloud trusts the identity; absent in lists.
    public var policies: [TrustPolicyResponse]?
    /// What the caller may do with it, as permissions.
    public var rights: [String]

    public static let maximumVines = 200

    public init(_ identity: CloudIdentity, usedBy: [IdentityUseResponse], rights: [String]) {
        id = identity.id
        name = identity.name
        vineyardId = identity.vineyard
        provider = identity.provider
        plan = identity.plan
        apply = identity.apply
        createdBy = identity.createdBy
        createdAt = identity.createdAt
        updatedAt = identity.updatedAt
        self.usedBy = usedBy
        self.rights = rights
    }
}

/// A vine that uses an identity.
public struct IdentityUseResponse: Codable, Hashable, Sendable {
    public var vineId: VineID
    public var title: String

    public init(vineId: VineID, title: String) {
        self.vineId = vineId
        self.title = title
    }
}

/// What an administrator of a cloud pastes.
public struct TrustPolicyResponse: Codable, Hashable, Sendable {
    /// `plan` or `apply`: the side of the identity that it is for.
    public var phase: TokenPhase
    /// `vineyard` for every vine of the vineyard, also later ones; `vines` for those that use the identity now.
    public var covers: String
    public var instruction: String
    public var text: String

    public init(phase: TokenPhase, covers: String, instruction: String, text: String) {
        self.phase = phase
        self.covers = covers
        self.instruction = instruction
        self.text = text
    }
}

/// `POST /api/identities`.
public struct CreateIdentityRequest: Codable, RequestMessage {
    public var name: String
    /// The default vineyard if absent.
    public var vineyardId: VineyardID?
    public var provider: CloudProvider
    public var plan: CloudAccess
    public var apply: CloudAccess

    public init(
        name: String, vineyardId: VineyardID? = nil, provider: CloudProvider, plan: CloudAccess, apply: CloudAccess
    ) {
        self.name = name
        self.vineyardId = vineyardId
        self.provider = provider
        self.plan = plan
        self.apply = apply
    }
}

/// `PATCH /api/identities/{id}`: absent fields stay as they are; `plan` and `apply` are replaced as a whole.
public struct PatchIdentityRequest: Codable, RequestMessage {
    public var name: String?
    public var plan: CloudAccess?
    public var apply: CloudAccess?

    public init(name: String? = nil, plan: CloudAccess? = nil, apply: CloudAccess? = nil) {
        self.name = name
        self.plan = plan
        self.apply = apply
    }
}

/// `GET /api/identity-issuer`: who issues the tokens of jobs.
public struct IdentityIssuerResponse: Codable, ResponseMessage {
    /// `iss` in the tokens; absent if the installation has no issuer.
    public var issuer: String?
    /// Placeholders in braces.
    public var subject: String
    /// Seconds.
    public var tokenLifetime: Int
    /// The key that signs now.
    public var keyId: String?
    /// When the next key takes over, if it is published already.
    public var nextKeyFrom: Timestamp?

    public init(issuer: String?, subject: String, tokenLifetime: Int, keyId: String?, nextKeyFrom: Timestamp?) {
        self.issuer = issuer
        self.subject = subject
        self.tokenLifetime = tokenLifetime
        self.keyId = keyId
        self.nextKeyFrom = nextKeyFrom
    }
}

/// `POST /api/jobs/{id}/identity-token`: a token of the job's cloud identity, for the holder of the lease.
public struct IdentityTokenRequest: Codable, RequestMessage {
    public var epoch: Int
    public var phase: TokenPhase

    public init(epoch: Int, phase: TokenPhase) {
        self.epoch = epoch
        self.phase = phase
    }
}

/// The response. Never log it.
public struct IdentityTokenResponse: Codable, ResponseMessage {
    public var token: String
    public var expiresAt: Timestamp
    /// Trellis' clock, when the token was made.
    public var issuedAt: Timestamp
    public var issuer: String
    public var subject: String
    public var audience: String
    public var provider: CloudProvider
    public var access: CloudAccess

    public init(
        token: String, expiresAt: Timestamp, issuedAt: Timestamp, issuer: String, subject: String, audience: String,
        provider: CloudProvider, access: CloudAccess
    ) {
        self.token = token
        self.expiresAt = expiresAt
        self.issuedAt = issuedAt
        self.issuer = issuer
        self.subject = subject
        self.audience = audience
        self.provider = provider
        self.access = access
    }
}
