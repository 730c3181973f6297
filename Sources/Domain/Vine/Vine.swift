/// One infrastructure configuration: source, variables, environment.
public struct Vine: Hashable, Sendable, Identifiable {
    public var id: VineID
    public var settings: VineSettings
    public var createdBy: String
    public var createdAt: Timestamp
    public var updatedAt: Timestamp
    /// Starts at 1 and increases with every change of the settings.
    public var revision: Int
    /// When it was deleted; nil for a vine that is in use.
    public var deletedAt: Timestamp?
    public var vineyard: VineyardID
    /// Whoever applies a plan must not be whoever made it.
    public var needsTwoPeople: Bool

    public init(
        id: VineID, settings: VineSettings, createdBy: String, createdAt: Timestamp, updatedAt: Timestamp,
        revision: Int = 1, deletedAt: Timestamp? = nil, vineyard: VineyardID = Vineyard.defaultID,
        needsTwoPeople: Bool = false
    ) {
        self.id = id
        self.vineyard = vineyard
        self.needsTwoPeople = needsTwoPeople
        self.deletedAt = deletedAt
        self.settings = settings
        self.createdBy = createdBy
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.revision = revision
    }

    /// See ``VineSettings/title``.
    public var title: String { settings.title }
}

/// The settings of a vine. Sensitive values are not in here: only their names are.
public struct VineSettings: Hashable, Codable, Sendable {
    public var projectName: String
    public var environmentStage: String
    public var region: String?
    /// Terraform variables, by name; any JSON value.
    public var variables: [String: JSONValue]
    /// The names of the sensitive variables, sorted.
    public var sensitiveVariables: [String]
    /// The engine's environment, by name.
    public var environment: [String: String]
    /// The names of the sensitive entries of the environment, sorted.
    public var sensitiveEnvironment: [String]
    public var engine: Engine.Name?
    public var source: VineSource
    /// The folder that the command line plans this vine from: `git:HOST/REPOSITORY//PATH` or `folder:MACHINE:PATH`.
    /// nil for a vine that no folder has been planned as.
    public var origin: String?
    /// What the vine's jobs are in a cloud; nil for a vine that brings its own credentials, or needs none.
    public var identity: CloudIdentityID?

    public init(
        projectName: String, environmentStage: String, region: String? = nil, variables: [String: JSONValue] = [:],
        sensitiveVariables: [String] = [], environment: [String: String] = [:], sensitiveEnvironment: [String] = [],
        engine: Engine.Name? = nil, source: VineSource, origin: String? = nil, identity: CloudIdentityID? = nil
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
        self.identity = identity
    }

    /// `project / stage`: the name shown to people.
    public var title: String { "\(projectName) / \(environmentStage)" }
}

/// A vine as it was when a job was made, with a digest for comparison.
public struct Snapshot: Hashable, Codable, Sendable {
    public var vine: VineID
    public var revision: Int
    public var settings: VineSettings
    /// SHA-256 over source, variables (sensitive ones through a keyed hash), environment, engine and region.
    public var digest: String
    /// The commit that the git ref resolved to.
    public var resolvedCommit: String?

    public init(
        vine: VineID, revision: Int, settings: VineSettings, digest: String, resolvedCommit: String? = nil
    ) {
        self.vine = vine
        self.revision = revision
        self.settings = settings
        self.digest = digest
        self.resolvedCommit = resolvedCommit
    }
}
