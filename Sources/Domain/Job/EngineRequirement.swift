/// An engine that a Tendril has.
public struct Engine: Hashable, Codable, Sendable {
    public enum Name: String, Codable, CaseIterable, Sendable {
        case terraform, tofu
    }

    public var name: Name
    /// The exact version: `1.15.5`.
    public var version: String
    /// The provider platform: `linux_amd64`.
    public var platform: String

    public init(name: Name, version: String, platform: String) {
        self.name = name
        self.version = version
        self.platform = platform
    }
}

/// What a Tendril must offer to run a job; nil fields match anything.
///
/// A PLAN asks at most for an engine's name. A DEPLOY asks for everything that its PLAN ran with: a plan
/// made by another version, or under another path, fails at apply.
public struct EngineRequirement: Hashable, Codable, Sendable {
    public var name: Engine.Name?
    public var version: String?
    public var platform: String?
    /// The folder under which the working folders lie.
    public var runRoot: String?

    public init(
        name: Engine.Name? = nil, version: String? = nil, platform: String? = nil, runRoot: String? = nil
    ) {
        self.name = name
        self.version = version
        self.platform = platform
        self.runRoot = runRoot
    }

    /// This requirement, with the fields of `other` that it leaves open.
    public func completed(by other: EngineRequirement) -> EngineRequirement {
        EngineRequirement(
            name: name ?? other.name, version: version ?? other.version, platform: platform ?? other.platform,
            runRoot: runRoot ?? other.runRoot)
    }

    /// Whether `engine` under `runRoot` meets the requirement.
    public func isMet(by engine: Engine, runRoot: String) -> Bool {
        (name == nil || name == engine.name) && (version == nil || version == engine.version)
            && (platform == nil || platform == engine.platform) && (self.runRoot == nil || self.runRoot == runRoot)
    }
}
