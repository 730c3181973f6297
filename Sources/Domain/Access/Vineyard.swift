/// A workspace of a team: each vine belongs to one, and roles can be granted on it.
public struct Vineyard: Hashable, Sendable, Identifiable {
    public var id: VineyardID
    public var name: String
    public var createdBy: String
    public var createdAt: Timestamp

    public init(id: VineyardID, name: String, createdBy: String, createdAt: Timestamp) {
        self.id = id
        self.name = name
        self.createdBy = createdBy
        self.createdAt = createdAt
    }

    /// The vineyard that every installation has, for vines that name none.
    public static let defaultID = VineyardID(randomBytes: [UInt8](repeating: 0, count: 15) + [1])
}

public typealias VineyardID = Identifier<Vineyard>

/// People who are granted roles together.
public struct Team: Hashable, Sendable {
    public var name: String
    /// The identity provider's group that makes one a member; nil for listed members only.
    public var group: String?
    /// The listed members, by name.
    public var members: Set<String>
    public var createdBy: String
    public var createdAt: Timestamp

    public init(name: String, group: String? = nil, members: Set<String>, createdBy: String, createdAt: Timestamp) {
        self.name = name
        self.group = group
        self.members = members
        self.createdBy = createdBy
        self.createdAt = createdAt
    }
}

/// How much of it an installation takes.
public enum RightsLimits {
    public static let vineyards = 1000
    public static let teams = 1000
    public static let members = 1000
    public static let grants = 20_000
    /// Characters of the name of a vineyard, a team or a member.
    public static let name = 64
}
