/// Who is signed in, as the check of rights needs it.
public struct Account: Hashable, Sendable {
    public enum Kind: String, Hashable, Codable, CaseIterable, Sendable {
        /// A person.
        case user
        /// A machine, which signs in with tokens only.
        case service
    }

    public var name: String
    public var kind: Kind
    /// The groups that the identity provider says this person is in.
    public var groups: Set<String>
    /// Limits what the roles give, as the scopes of a token do; nil for no limit.
    public var scopes: Set<Permission>?

    public init(name: String, kind: Kind = .user, groups: Set<String> = [], scopes: Set<Permission>? = nil) {
        self.name = name
        self.kind = kind
        self.groups = groups
        self.scopes = scopes
    }
}
