/// A set of permissions that is granted under one name. Roles only add permissions; none takes one away.
public enum Role: String, Hashable, Codable, CaseIterable, Sendable {
    case viewer, planner, `operator`, maintainer, admin
    /// The right to download states, on its own: states hold secrets.
    case stateReader = "state:read"

    public var permissions: Set<Permission> {
        switch self {
        case .viewer: [.vinesRead, .jobsRead, .logsRead, .tendrilsRead]
        case .planner: Role.viewer.permissions.union([.jobsPlan])
        case .operator: Role.planner.permissions.union([.jobsApply, .jobsCancel, .variablesWrite])
        case .maintainer:
            Role.operator.permissions.union([.vinesWrite, .locksBreak, .jobsForce, .stateWrite])
        case .admin: Set(Permission.allCases.filter { $0.level != .account })
        case .stateReader: [.stateRead]
        }
    }

    /// The least of the roles that give `permission`; nil for what everybody may do.
    public static func least(for permission: Permission) -> Role? {
        let roles: [Role] = [.viewer, .planner, .operator, .maintainer, .stateReader, .admin]
        return roles.first { $0.permissions.contains(permission) }
    }

    /// One sentence for people.
    public var summary: String {
        switch self {
        case .viewer: "Sees vines, jobs, logs and changes."
        case .planner: "Creates plans."
        case .operator: "Applies, cancels, changes variables."
        case .maintainer: "Changes settings, breaks locks, gives up jobs."
        case .admin: "Everything, and grants roles."
        case .stateReader: "Downloads states, which hold secrets. Given on its own, on top of any role."
        }
    }
}
