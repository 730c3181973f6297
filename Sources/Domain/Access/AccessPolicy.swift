/// What a permission is asked for.
public enum AccessPlace: Hashable, Sendable {
    case installation
    case vineyard(VineyardID)
    case vine(VineID, in: VineyardID)
    /// At least one place: for lists, which then show only what one may see.
    case anywhere
}

/// What the policy says.
public enum AccessDecision: Hashable, Sendable {
    case allowed
    /// One may know of it, but not do this.
    case denied(AccessDenial)
    /// For this account it does not exist.
    case hidden
}

/// Why something is denied.
public enum AccessDenial: Hashable, Sendable {
    /// No role gives the permission there.
    case missing(Permission)
    /// A role gives it, but the token's scopes leave it out.
    case outOfScope(Permission)

    public var permission: Permission {
        switch self {
        case .missing(let permission), .outOfScope(let permission): permission
        }
    }
}

/// What an account was granted, directly and through its teams. This is the one policy: everything that asks who may do
/// what asks here.
public struct Rights: Hashable, Sendable {
    /// A role that the account has.
    public struct Held: Hashable, Sendable {
        public var role: Role
        public var scope: GrantScope
        /// Who it was granted to: the account, or a team of it.
        public var through: GrantPrincipal

        public init(role: Role, scope: GrantScope, through: GrantPrincipal) {
            self.role = role
            self.scope = scope
            self.through = through
        }
    }

    public var held: [Held]
    /// See ``Account/scopes``.
    public var scopes: Set<Permission>?

    public init(_ held: [Held] = [], scopes: Set<Permission>? = nil) {
        self.held = held
        self.scopes = scopes
    }

    /// Who has one of these on a vine or a vineyard may know that it exists.
    private static let seeing: Set<Permission> = [.vinesRead, .jobsRead]

    public func decide(_ permission: Permission, on place: AccessPlace) -> AccessDecision {
        switch permission.level {
        case .account:
            // Signing out, and seeing what one may do, work with every token.
            return permission == .accountRead || isInScope(permission) ? .allowed : .denied(.outOfScope(permission))
        case .vine, .installation:
            let granted = granted(on: permission.level == .installation ? .installation : place)
            if granted.contains(permission) {
                return isInScope(permission) ? .allowed : .denied(.outOfScope(permission))
            }
            switch place {
            case .vine, .vineyard:
                return granted.isDisjoint(with: Self.seeing) ? .hidden : .denied(.missing(permission))
            case .installation, .anywhere: return .denied(.missing(permission))
            }
        }
    }

    public func allows(_ permission: Permission, on place: AccessPlace) -> Bool {
        decide(permission, on: place) == .allowed
    }

    /// What the account may do there.
    public func permissions(on place: AccessPlace) -> Set<Permission> {
        Set(Permission.allCases.filter { allows($0, on: place) })
    }

    /// The roles that count there.
    public func roles(on place: AccessPlace) -> [Held] { held.filter { $0.scope.covers(place) } }

    /// Where the account has `permission`.
    public func visible(_ permission: Permission) -> VisibleVines {
        guard isInScope(permission) else { return .none }
        let scopes = held.filter { $0.role.permissions.contains(permission) }.map(\.scope)
        if scopes.contains(.installation) { return .all }
        var visible = VisibleVines.none
        for scope in scopes {
            switch scope {
            case .installation: break
            case .vineyard(let id): visible.vineyards.insert(id)
            case .vine(let id): visible.vines.insert(id)
            }
        }
        return visible
    }

    private func isInScope(_ permission: Permission) -> Bool { scopes?.contains(permission) ?? true }

    /// What the roles give there, whatever the scopes of a token are.
    private func granted(on place: AccessPlace) -> Set<Permission> {
        roles(on: place).reduce(into: []) { all, held in
            all.formUnion(held.role.permissions.filter { held.scope == .installation || $0.level != .installation })
        }
    }
}

extension GrantScope {
    /// Whether a grant here counts there.
    public func covers(_ place: AccessPlace) -> Bool {
        switch (self, place) {
        case (.installation, _), (_, .anywhere): true
        case (.vineyard(let id), .vineyard(let other)), (.vineyard(let id), .vine(_, in: let other)): id == other
        case (.vine(let id), .vine(let other, in: _)): id == other
        case (.vineyard, .installation), (.vine, .installation), (.vine, .vineyard): false
        }
    }
}

/// The vines for which somebody has a permission.
public struct VisibleVines: Hashable, Sendable {
    public var isAll: Bool
    public var vineyards: Set<VineyardID>
    /// Besides those of ``vineyards``.
    public var vines: Set<VineID>

    public init(isAll: Bool = false, vineyards: Set<VineyardID> = [], vines: Set<VineID> = []) {
        self.isAll = isAll
        self.vineyards = vineyards
        self.vines = vines
    }

    public static let all = VisibleVines(isAll: true)
    public static let none = VisibleVines()

    public func contains(_ vine: VineID, in vineyard: VineyardID) -> Bool {
        isAll || vineyards.contains(vineyard) || vines.contains(vine)
    }
}
