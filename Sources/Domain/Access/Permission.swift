/// What somebody may do. Each call of the API names one; a token's scopes are permissions too.
public enum Permission: String, Hashable, Codable, CaseIterable, Sendable {
    /// Sees oneself, and signs out. Everybody who is signed in may, whatever a token's scopes are.
    case accountRead = "account:read"
    /// Changes one's own account. Everybody who is signed in may, unless a token's scopes leave it out.
    case accountWrite = "account:write"

    case vinesRead = "vines:read"
    /// Changes the variables of vines.
    case variablesWrite = "variables:write"
    /// Creates, changes and deletes vines.
    case vinesWrite = "vines:write"
    case jobsRead = "jobs:read"
    case jobsPlan = "jobs:plan"
    /// Applies plans, and destroys.
    case jobsApply = "jobs:apply"
    case jobsCancel = "jobs:cancel"
    /// Kills Terraform, and gives up jobs.
    case jobsForce = "jobs:force"
    case logsRead = "logs:read"
    /// Downloads states, which hold secrets.
    case stateRead = "state:read"
    /// Writes states and takes their locks, as one's own Terraform does.
    case stateWrite = "state:write"
    case locksBreak = "locks:break"
    case tendrilsRead = "tendrils:read"
    /// Grants and revokes roles.
    case grantsManage = "grants:manage"
    /// Creates, changes and deletes cloud identities and repository credentials.
    case identitiesManage = "identities:manage"

    /// Creates and deletes vineyards.
    case vineyardsManage = "vineyards:manage"
    /// Registers and revokes Tendrils.
    case tendrilsManage = "tendrils:manage"
    /// Invites people, ends their access, and arranges teams.
    case usersManage = "users:manage"
    case auditRead = "audit:read"
    /// Reads the metrics, as a monitoring system does.
    case metricsRead = "metrics:read"

    /// Where a permission counts.
    public enum Level: Hashable, Sendable {
        /// Everybody who is signed in has it.
        case account
        /// It is granted on the installation, a vineyard or a vine.
        case vine
        /// It is granted on the installation only.
        case installation
    }

    public var level: Level {
        switch self {
        case .accountRead, .accountWrite: .account
        case .vineyardsManage, .tendrilsManage, .usersManage, .auditRead, .metricsRead: .installation
        default: .vine
        }
    }

    /// What it allows, to follow "to": "apply plans".
    public var deed: String {
        switch self {
        case .accountRead: "see this account"
        case .accountWrite: "change this account"
        case .vinesRead: "see vines"
        case .variablesWrite: "change variables"
        case .vinesWrite: "create, change or delete vines"
        case .jobsRead: "see jobs"
        case .jobsPlan: "create plans"
        case .jobsApply: "apply or destroy"
        case .jobsCancel: "cancel jobs"
        case .jobsForce: "kill Terraform or give up jobs"
        case .logsRead: "read logs"
        case .stateRead: "download states"
        case .stateWrite: "write states"
        case .locksBreak: "break locks"
        case .tendrilsRead: "see Tendrils"
        case .grantsManage: "grant roles"
        case .identitiesManage: "manage cloud identities and repository credentials"
        case .vineyardsManage: "create or delete vineyards"
        case .tendrilsManage: "register or revoke Tendrils"
        case .usersManage: "manage people and teams"
        case .auditRead: "read the audit"
        case .metricsRead: "read metrics"
        }
    }
}
