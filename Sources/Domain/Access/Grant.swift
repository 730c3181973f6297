/// A role that somebody has somewhere.
public struct Grant: Hashable, Sendable, Identifiable {
    public var id: GrantID
    public var principal: GrantPrincipal
    public var role: Role
    public var scope: GrantScope
    public var createdBy: String
    public var createdAt: Timestamp
    /// True for an administrator whom nobody made one: see ``RightsStore/admit(_:id:at:)``.
    public var isAutomatic: Bool

    public init(
        id: GrantID, principal: GrantPrincipal, role: Role, scope: GrantScope, createdBy: String, createdAt: Timestamp,
        isAutomatic: Bool = false
    ) {
        self.id = id
        self.principal = principal
        self.role = role
        self.scope = scope
        self.createdBy = createdBy
        self.createdAt = createdAt
        self.isAutomatic = isAutomatic
    }

    /// The administrator whose token is in the data folder. The role can't be taken from it.
    public static let admin = GrantPrincipal(.user, "admin")
}

public typealias GrantID = Identifier<Grant>

/// Who is granted a role: `user:NAME`, `team:NAME` or `service:NAME`.
public struct GrantPrincipal: Hashable, Sendable, CustomStringConvertible {
    public enum Kind: String, CaseIterable, Sendable {
        case user, team, service
    }

    public var kind: Kind
    public var name: String

    public init(_ kind: Kind, _ name: String) {
        self.kind = kind
        self.name = name
    }

    /// nil for any other form, and for a name that is empty, too long, or holds what changes a text's direction.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let kind = Kind(rawValue: String(parts[0])), !parts[1].isEmpty,
            parts[1].count <= RightsLimits.name, PlainName.isPlain(String(parts[1]))
        else { return nil }
        self.init(kind, String(parts[1]))
    }

    /// An account by itself, without its teams.
    public init(_ account: Account) { self.init(account.kind == .user ? .user : .service, account.name) }

    public var description: String { "\(kind.rawValue):\(name)" }
}

/// Where a grant counts: `installation`, `vineyard:ID` or `vine:ID`. It counts for everything below, too.
public enum GrantScope: Hashable, Sendable, CustomStringConvertible {
    case installation
    case vineyard(VineyardID)
    case vine(VineID)

    public init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        switch (parts.first, parts.count) {
        case ("installation", 1): self = .installation
        case ("vineyard", 2):
            guard let id = VineyardID(String(parts[1])) else { return nil }
            self = .vineyard(id)
        case ("vine", 2):
            guard let id = VineID(String(parts[1])) else { return nil }
            self = .vine(id)
        default: return nil
        }
    }

    public var description: String {
        switch self {
        case .installation: "installation"
        case .vineyard(let id): "vineyard:\(id)"
        case .vine(let id): "vine:\(id)"
        }
    }
}
