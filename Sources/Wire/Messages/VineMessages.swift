public import Domain

/// `POST /api/vines`.
public struct CreateVineRequest: Codable, RequestMessage {
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
    /// The default vineyard if absent.
    public var vineyardId: VineyardID?
    /// Whoever applies a plan must not be whoever made it; false if absent.
    public var twoPeople: Bool?
    /// What the vine's jobs are in a cloud.
    public var identityId: CloudIdentityID?

    public init(
        projectName: String, environmentStage: String, region: String? = nil, variables: [String: JSONValue]? = nil,
        sensitiveVariables: [String: JSONValue]? = nil, environment: [String: String]? = nil,
        sensitiveEnvironment: [String: String]? = nil, engine: Engine.Name? = nil, source: VineSource,
        origin: String? = nil, vineyardId: VineyardID? = nil, twoPeople: Bool? = nil,
        identityId: CloudIdentityID? = nil
    ) {
        self.identityId = identityId
        self.vineyardId = vineyardId
        self.twoPeople = twoPeople
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

/// A field of a PATCH that can be cleared.
public enum PatchField<Value: Codable & Sendable>: Sendable {
    /// The field is absent: what is stored stays.
    case unchanged
    /// The field is null.
    case cleared
    case value(Value)

    public var isUnchanged: Bool { if case .unchanged = self { true } else { false } }

    /// What the field holds after the PATCH.
    public func applied(to stored: Value?) -> Value? {
        switch self {
        case .unchanged: stored
        case .cleared: nil
        case .value(let value): value
        }
    }
}

extension PatchField: Equatable where Value: Equatable {}

// Synthesized conformances in this module find these overloads: only the container knows whether a field is there.
extension KeyedDecodingContainer {
    func decode<Value>(_: PatchField<Value>.Type, forKey key: Key) throws -> PatchField<Value> {
        guard contains(key) else { return .unchanged }
        return try decodeIfPresent(Value.self, forKey: key).map { .value($0) } ?? .cleared
    }
}

extension KeyedEncodingContainer {
    mutating func encode<Value>(_ field: PatchField<Value>, forKey key: Key) throws {
        switch field {
        case .unchanged: break
        case .cleared: try encodeNil(forKey: key)
        case .value(let value): try encode(value, forKey: key)
        }
    }
}

extension PatchField: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        self = container.decodeNil() ? .cleared : .value(try container.decode(Value.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if case .value(let value) = self { try container.encode(value) } else { try container.encodeNil() }
    }
}

/// `PATCH /api/vines/{id}`: absent fields stay as they are; null clears `region`, `engine` and `identity_id`. In the two sensitive
/// maps a name given null is removed, a name not given stays.
public struct PatchVineRequest: Codable, RequestMessage {
    public var projectName: String?
    public var environmentStage: String?
    public var region: PatchField<String> = .unchanged
    public var variables: [String: JSONValue]?
    public var sensitiveVariables: [String: JSONValue?]?
    public var environment: [String: String]?
    public var sensitiveEnvironment: [String: String?]?
    public var engine: PatchField<Engine.Name> = .unchanged
    public var source: VineSource?
    public var origin: String?
    public var vineyardId: VineyardID?
    public var twoPeople: Bool?
    public var identityId: PatchField<CloudIdentityID> = .unchanged

    public init() {}

    /// Whether it changes variables, and nothing else.
    public var isOfVariablesOnly: Bool {
        projectName == nil && environmentStage == nil && region.isUnchanged && environment == nil
            && sensitiveEnvironment == nil && engine.isUnchanged && source == nil && origin == nil && vineyardId == nil
            && twoPeople == nil && identityId.isUnchanged
    }
}

/// A vine as the API shows it. Sensitive entries appear by name only.
public struct VineResponse: Codable, ResponseMessage {
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
    public var vineyardId: VineyardID
    /// Whoever applies a plan must not be whoever made it.
    public var twoPeople: Bool
    /// What its jobs are in a cloud; absent for a vine that brings its own credentials, or needs none.
    public var identityId: CloudIdentityID?
    /// What the caller may do with the vine and its jobs, as permissions; absent where nobody asks.
    public var rights: [String]?
    /// Present while the vine's state is locked.
    public var lock: LockResponse?
    /// The newest job; absent if there is none.
    public var lastJob: LastJobResponse?
    /// Instances of managed resources in the newest state; absent if unknown.
    public var resourceCount: Int?
    /// The backend of the vine's own that keeps its state; absent where Vintner does.
    public var stateKeptBy: String?
    /// Present for a deleted vine.
    public var deletedAt: Timestamp?
    /// What to know about the vine's sensitive values, in sentences; absent if there is nothing to say, and in lists.
    public var warnings: [String]?

    public init(_ vine: Vine) {
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
        vineyardId = vine.vineyard
        twoPeople = vine.needsTwoPeople
        identityId = settings.identity
        deletedAt = vine.deletedAt
    }
}

/// A vine's newest job, in short.
public struct LastJobResponse: Codable, ResponseMessage {
    public var id: JobID
    public var jobType: JobType
    public var status: JobStatus
    public var createdAt: Timestamp
    public var warnings: Int

    public init(id: JobID, jobType: JobType, status: JobStatus, createdAt: Timestamp, warnings: Int) {
        self.warnings = warnings
        self.id = id
        self.jobType = jobType
        self.status = status
        self.createdAt = createdAt
    }
}

/// Who holds a vine's state.
public struct LockResponse: Codable, ResponseMessage {
    /// Identifies the lock; required to break it.
    public var id: String
    public var holder: String
    public var jobId: JobID?
    public var since: Timestamp
    /// Whether the job may still be at work, and will then give the lock back by itself. False for a lock of a user's
    /// own Terraform, of which nothing is known.
    public var atWork: Bool

    public init(_ lock: StateLock, atWork: Bool) {
        self.atWork = atWork
        id = lock.id
        holder = lock.holder
        jobId = lock.job
        since = lock.createdAt
    }
}

/// `POST /api/vines/{id}/break-lock`: takes the lock from its holder, whose later versions are kept aside.
public struct BreakLockRequest: Codable, RequestMessage {
    /// ``LockResponse/id``: no other lock is broken.
    public var lockId: String
    /// The vine's project name, as a confirmation.
    public var confirm: String

    public init(lockId: String, confirm: String) {
        self.lockId = lockId
        self.confirm = confirm
    }
}

/// A stored version of a vine's state, without its bytes.
public struct StateVersionResponse: Codable, ResponseMessage {
    public var number: Int
    public var serial: Int64
    public var lineage: String
    public var jobId: JobID?
    public var createdAt: Timestamp
    /// Kept, but not the vine's state: it arrived after its lock was broken.
    public var aside: Bool
    /// Instances of managed resources; absent if they were not counted.
    public var resources: Int?
    /// Bytes; absent for a version of an earlier Vintner.
    public var size: Int?

    public init(_ version: StateVersion) {
        number = version.number
        serial = version.position.serial
        lineage = version.position.lineage
        jobId = version.job
        createdAt = version.createdAt
        aside = version.isSuperseded
        resources = version.resources
        size = version.size
    }
}

/// `POST /api/vines/{id}/state`: the stored version.
public struct StateWriteResponse: Codable, ResponseMessage {
    public var version: Int

    public init(version: Int) { self.version = version }
}
