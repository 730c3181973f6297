/// An agent, as Trellis knows it. (The API's field names say `worker`.)
public struct Tendril: Hashable, Sendable, Identifiable {
    public var id: TendrilID
    public var name: String
    public var createdAt: Timestamp
    /// nil before the first heartbeat.
    public var lastSeenAt: Timestamp?
    /// It finishes its jobs and claims no new ones.
    public var draining: Bool
    public var offer: TendrilCapabilities
    /// The vineyards whose jobs it runs; empty for all.
    public var vineyards: Set<VineyardID>

    public init(
        id: TendrilID, name: String, createdAt: Timestamp, lastSeenAt: Timestamp? = nil, draining: Bool = false,
        offer: TendrilCapabilities = TendrilCapabilities(), vineyards: Set<VineyardID> = []
    ) {
        self.vineyards = vineyards
        self.id = id
        self.name = name
        self.createdAt = createdAt
        self.lastSeenAt = lastSeenAt
        self.draining = draining
        self.offer = offer
    }

    public enum Status: String, Codable, CaseIterable, Sendable {
        case online = "ONLINE"
        case draining = "DRAINING"
        case offline = "OFFLINE"
    }

    /// Whether it may run jobs of this vineyard.
    public func serves(_ vineyard: VineyardID) -> Bool { vineyards.isEmpty || vineyards.contains(vineyard) }

    /// Without a heartbeat for this long a Tendril is OFFLINE, in milliseconds.
    public static let offlineAfter: Int64 = 30_000

    public func status(at now: Timestamp) -> Status {
        guard let lastSeenAt, now.milliseconds(since: lastSeenAt) < Self.offlineAfter else { return .offline }
        return draining ? .draining : .online
    }
}

/// What a Tendril reports about itself in each heartbeat.
public struct TendrilCapabilities: Hashable, Codable, Sendable {
    /// Vintner's version.
    public var version: String
    /// The number of jobs it runs at once; at least 1.
    public var slots: Int
    public var engines: [Engine]
    /// The folder that contains its working folders.
    public var runRoot: String

    public init(version: String = "", slots: Int = 1, engines: [Engine] = [], runRoot: String = "") {
        self.version = version
        self.slots = slots
        self.engines = engines
        self.runRoot = runRoot
    }

    /// True if one of the engines meets `requirement`.
    public func meets(_ requirement: EngineRequirement) -> Bool {
        engines.contains { requirement.isMet(by: $0, runRoot: runRoot) }
    }

    /// What it lacks for `requirement`, as a predicate for a message (`has terraform 1.9.0, not 1.15.5`); nil if it
    /// lacks nothing.
    public func missingCapability(for requirement: EngineRequirement) -> String? {
        guard !meets(requirement) else { return nil }
        let named = engines.filter { requirement.name == nil || requirement.name == $0.name }
        guard !named.isEmpty else { return "has no \(requirement.name?.rawValue ?? "engine")" }
        let same = named.filter { requirement.version == nil || requirement.version == $0.version }
        if same.isEmpty, let wanted = requirement.version {
            let has = named.map { "\($0.name.rawValue) \($0.version)" }.joined(separator: " and ")
            return "has \(has), not \(wanted)"
        }
        let fitting = same.filter { requirement.platform == nil || requirement.platform == $0.platform }
        if fitting.isEmpty, let wanted = requirement.platform {
            return "runs on \(same.map(\.platform).joined(separator: " and ")), not \(wanted)"
        }
        return "can't use this plan: different --run-root (\(runRoot), plan needs \(requirement.runRoot ?? ""))"
    }
}
