/// What a plan does to one resource. The order is that in which people should read: what loses data comes first.
public enum PlanAction: String, Codable, CaseIterable, Hashable, Sendable {
    case replaceDeleteFirst = "replace_delete_first"
    case replaceCreateFirst = "replace_create_first"
    case delete
    case update
    case create
    case `import`
    case move
    case forget
    case read
    /// The resource is at most read again.
    case noOp = "no-op"

    /// The action that a plan's JSON spells as a list; nil for `no-op`, and for what only a newer engine knows.
    public init?(engine actions: [String]) {
        switch actions {
        case ["create"]: self = .create
        case ["update"]: self = .update
        case ["delete"]: self = .delete
        case ["read"]: self = .read
        case ["forget"]: self = .forget
        case ["delete", "create"]: self = .replaceDeleteFirst
        case ["create", "delete"]: self = .replaceCreateFirst
        default: return nil
        }
    }

    public var isReplacement: Bool { self == .replaceDeleteFirst || self == .replaceCreateFirst }

    /// True if the resource, as it is now, is gone afterwards.
    public var isDestructive: Bool { isReplacement || self == .delete }
}

/// One resource that a plan changes, without its attributes. No field holds a value of the configuration.
public struct PlanChange: Codable, Hashable, Sendable {
    /// Its place in the list of the plan's changes, from 1.
    public var n: Int
    public var address: String
    /// The address that it is moved from.
    public var previousAddress: String?
    /// The key of a deposed object.
    public var deposed: String?
    /// The module's address; empty for the root module.
    public var module: String
    public var type: String
    public var action: PlanAction
    /// The engine's reason, as the plan names it; unknown ones are possible.
    public var reason: String?
    /// Paths of the attributes that force a replacement.
    public var forces: [String]
    /// The change was made outside of the engine, and the plan takes it into account.
    public var drift: Bool
    /// Why the engine puts the change off to a later plan.
    public var deferred: String?
    /// Names of the attributes that change: the first few.
    public var attributes: [String]

    public init(
        n: Int, address: String, previousAddress: String? = nil, deposed: String? = nil, module: String = "",
        type: String = "", action: PlanAction, reason: String? = nil, forces: [String] = [], drift: Bool = false,
        deferred: String? = nil, attributes: [String] = []
    ) {
        self.n = n
        self.address = address
        self.previousAddress = previousAddress
        self.deposed = deposed
        self.module = module
        self.type = type
        self.action = action
        self.reason = reason
        self.forces = forces
        self.drift = drift
        self.deferred = deferred
        self.attributes = attributes
    }
}

/// Limits of a plan's stored changes.
public enum PlanChangeLimits {
    /// Resources; of more, the first ones are kept.
    public static let resources = 20_000
    /// Encoded bytes of one resource's attributes.
    public static let resourceBytes = 64 << 10
    /// Bytes of one value.
    public static let valueBytes = 16 << 10
    /// Encoded bytes of all attributes of a plan.
    public static let totalBytes = 32 << 20
    /// Encoded bytes of the summary: outputs, checks and counts.
    public static let summaryBytes = 256 << 10
    /// Bytes of an address, a path or a reason.
    public static let nameBytes = 4 << 10
    /// Resources in one message of the Tendril.
    public static let pieceResources = 200
    /// Encoded bytes of such a message, about: one resource always fits.
    public static let pieceBytes = 512 << 10
    /// Bytes of such a message that Trellis takes.
    public static let messageBytes = 4 << 20
}
