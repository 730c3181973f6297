public import Domain

/// `POST /api/vines`.
public struct CreateVine: Codable, Sendable {
    public var projectName: String
    public var environmentStage: String
    public var region: String?
    public var variables: [String: JSONValue]?
    /// Write-only values, by name.
    public var sensitiveVariables: [String: JSONValue]?
    public var environment: [String: String]?
    /// Write-only values, by name.
    public var sensitiveEnvironment: [String: String]?
    public var engine: Engine.Name?
    public var source: VineSource
    /// The folder that the command line plans the vine from (``VineSettings/origin``).
    public var origin: String?

    public init(
        projectName: String, environmentStage: String, region: String? = nil, variables: [String: JSONValue]? = nil,
        sensitiveVariables: [String: JSONValue]? = nil, environment: [String: String]? = nil,
        sensitiveEnvironment: [String: String]? = nil, engine: Engine.Name? = nil, source: VineSource,
        origin: String? = nil
    ) {
        self.projectName = projectName
        self.environmentStage = environmentStage
        self.region = region
        self.variables = variables
        self.sensitiveVariables = sensitiveVariables
        self.environment = environment
        self.sensitiveEnvironment = sensitiveEnvironment
        self.engine = engine
        self.source = source
        self.origin = origin
    }
}

/// `PATCH /api/vines/{id}`: absent fields stay as they are. `region` and `engine` go if they are null or empty. In the
/// two sensitive maps a name given null is removed, a name not given stays.
public struct PatchVine: Codable, Sendable {
    public var projectName: String?
    public var environmentStage: String?
    public var region: String?
    public var variables: [String: JSONValue]?
    public var sensitiveVariables: [String: JSONValue?]?
    public var environment: [String: String]?
    public var sensitiveEnvironment: [String: String?]?
    /// An engine's name; empty for none in particular.
    public var engine: String?
    public var source: VineSource?
    public var origin: String?

    public init() {}

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func cleared(_ key: CodingKeys) throws -> String? {
            guard container.contains(key) else { return nil }
            return try container.decodeIfPresent(String.self, forKey: key) ?? ""
        }
        projectName = try container.decodeIfPresent(String.self, forKey: .projectName)
        environmentStage = try container.decodeIfPresent(String.self, forKey: .environmentStage)
        region = try cleared(.region)
        variables = try container.decodeIfPresent([String: JSONValue].self, forKey: .variables)
        sensitiveVariables = try container.decodeIfPresent([String: JSONValue?].self, forKey: .sensitiveVariables)
        environment = try container.decodeIfPresent([String: String].self, forKey: .environment)
        sensitiveEnvironment = try container.decodeIfPresent([String: String?].self, forKey: .sensitiveEnvironment)
        engine = try cleared(.engine)
        source = try container.decodeIfPresent(VineSource.self, forKey: .source)
        origin = try container.decodeIfPresent(String.self, forKey: .origin)
    }
}

/// A vine as the API shows it. Of sensitive entries it shows the names.
public struct VineRecord: Codable, Sendable {
    public var id: VineID
    public var projectName: String
    public var environmentStage: String
    public var region: String?
    public var variables: [String: JSONValue]
    public var sensitiveVariables: [String]
    public var environment: [String: String]
    public var sensitiveEnvironment: [String]
    public var engine: Engine.Name?
    public var source: VineSource
    public var origin: String?
    public var revision: Int
    public var createdBy: String
    public var createdAt: Timestamp
    public var updatedAt: Timestamp
    /// Present while somebody holds the vine's state lock.
    public var lock: LockRecord?

    public init(_ vine: Vine, lock: StateLock? = nil) {
        let settings = vine.settings
        id = vine.id
        projectName = settings.projectName
        environmentStage = settings.environmentStage
        region = settings.region
        variables = settings.variables
        sensitiveVariables = settings.sensitiveVariables
        environment = settings.environment
        sensitiveEnvironment = settings.sensitiveEnvironment
        engine = settings.engine
        source = settings.source
        origin = settings.origin
        revision = vine.revision
        createdBy = vine.createdBy
        createdAt = vine.createdAt
        updatedAt = vine.updatedAt
        self.lock = lock.map(LockRecord.init)
    }
}

/// Who holds a vine's state.
public struct LockRecord: Codable, Sendable {
    /// Which lock it is: asked for where it is broken.
    public var id: String
    public var holder: String
    public var jobId: JobID?
    public var since: Timestamp

    public init(_ lock: StateLock) {
        id = lock.id
        holder = lock.holder
        jobId = lock.job
        since = lock.createdAt
    }
}

/// `POST /api/vines/{id}/break-lock`: takes the lock from its holder, whose later versions are kept aside.
public struct BreakLock: Codable, Sendable {
    /// ``LockRecord/id``: no other lock is broken.
    public var lockId: String
    /// The vine's project name, to show that it is meant.
    public var confirm: String

    public init(lockId: String, confirm: String) {
        self.lockId = lockId
        self.confirm = confirm
    }
}

/// A stored version of a vine's state, without its bytes.
public struct StateVersionRecord: Codable, Sendable {
    public var number: Int
    public var serial: Int64
    public var lineage: String
    public var jobId: JobID?
    public var createdAt: Timestamp
    /// Kept, but not the vine's state: it came after its lock had been broken.
    public var aside: Bool

    public init(_ version: StateVersion) {
        number = version.number
        serial = version.position.serial
        lineage = version.position.lineage
        jobId = version.job
        createdAt = version.createdAt
        aside = version.aside
    }
}
