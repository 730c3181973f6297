/// A person or a machine that signs in.
public struct User: Hashable, Sendable {
    public var id: UserID
    /// Unique without regard to case, never changed and never given to anybody else: what is granted is granted to it.
    public var name: String
    public var kind: Account.Kind
    /// Where the person signs in; nil for a local account.
    public var identity: ExternalIdentity?
    public var hasPassword: Bool
    /// The groups that the identity provider sent last.
    public var groups: [String]
    /// When it sent them.
    public var groupsAt: Timestamp?
    public var createdBy: String
    public var createdAt: Timestamp
    public var lastSeenAt: Timestamp?
    /// Since when the account can't be used.
    public var disabledAt: Timestamp?

    public init(
        id: UserID, name: String, kind: Account.Kind = .user, identity: ExternalIdentity? = nil,
        hasPassword: Bool = false, groups: [String] = [], groupsAt: Timestamp? = nil, createdBy: String,
        createdAt: Timestamp, lastSeenAt: Timestamp? = nil, disabledAt: Timestamp? = nil
    ) {
        self.id = id
        self.name = name
        self.kind = kind
        self.identity = identity
        self.hasPassword = hasPassword
        self.groups = groups
        self.groupsAt = groupsAt
        self.createdBy = createdBy
        self.createdAt = createdAt
        self.lastSeenAt = lastSeenAt
        self.disabledAt = disabledAt
    }

    /// The local administrator, who can always sign in. Nobody else gets this name.
    public static let administrator = "admin"

    /// How long the groups of an identity provider count after it sent them, in milliseconds. A session reads them again
    /// every minute; this bounds what a token can do with groups of long ago.
    public static let groupsLifetime: Int64 = 12 * 3_600_000

    /// The groups that count at `now`.
    public func groups(at now: Timestamp) -> Set<String> {
        guard let groupsAt, now.milliseconds(since: groupsAt) < Self.groupsLifetime else { return [] }
        return Set(groups)
    }

    /// - Throws: ``Refusal`` `.invalid` for a name that nobody can have.
    public static func check(name: String) throws(Refusal) {
        guard !name.isEmpty, name.count <= 64, name.utf8.count <= 255, PlainName.isPlain(name),
            name.first != " ", name.last != " "
        else { throw Refusal(.invalid, "A name has 1 to 64 characters, none of them a control or bidirectional one.") }
    }
}

public typealias UserID = Identifier<User>

/// A person at an identity provider.
public struct ExternalIdentity: Hashable, Sendable {
    public var issuer: String
    public var subject: String

    public init(issuer: String, subject: String) {
        self.issuer = issuer
        self.subject = subject
    }
}

/// How a session began.
public enum SignInMethod: String, Hashable, Codable, CaseIterable, Sendable {
    case link, token, password, provider
}
