internal import Domain
internal import Storage
internal import Wire

/// What can be done with vines.
struct VineService: Sendable {
    var store: any Store
    var ambient: Ambient
    var rules: VineRules

    func create(_ request: CreateVine, by user: String) async throws -> Vine {
        let secrets = VineSecrets(
            variables: request.sensitiveVariables ?? [:], environment: request.sensitiveEnvironment ?? [:])
        let settings = VineSettings(
            projectName: request.projectName, environmentStage: request.environmentStage, region: request.region,
            variables: request.variables ?? [:], sensitiveVariables: secrets.variables.keys.sorted(),
            environment: request.environment ?? [:], sensitiveEnvironment: secrets.environment.keys.sorted(),
            engine: request.engine, source: request.source.normalized, origin: request.origin)
        try rules.check(settings, secrets: secrets)
        let now = ambient.now()
        let vine = Vine(
            id: ambient.makeID(), settings: settings, createdBy: user, createdAt: now, updatedAt: now)
        try await store.createVine(vine, secrets: secrets)
        return vine
    }

    func update(_ id: VineID, with patch: PatchVine) async throws -> Vine {
        var vine = try await find(id)
        var secrets = try await store.vineSecrets(id)
        patch.sensitiveVariables?.forEach { secrets.variables[$0] = $1 }
        patch.sensitiveEnvironment?.forEach { secrets.environment[$0] = $1 }
        var settings = vine.settings
        settings.projectName = patch.projectName ?? settings.projectName
        settings.environmentStage = patch.environmentStage ?? settings.environmentStage
        settings.region = patch.region.map { $0.isEmpty ? nil : $0 } ?? settings.region
        settings.variables = patch.variables ?? settings.variables
        settings.environment = patch.environment ?? settings.environment
        if let engine = patch.engine { settings.engine = try Self.engine(named: engine) }
        settings.source = patch.source?.normalized ?? settings.source
        settings.origin = patch.origin ?? settings.origin
        settings.sensitiveVariables = secrets.variables.keys.sorted()
        settings.sensitiveEnvironment = secrets.environment.keys.sorted()
        try rules.check(settings, secrets: secrets)
        vine.settings = settings
        vine.updatedAt = ambient.now()
        return try await store.updateVine(vine, secrets: secrets)
    }

    /// The engine that `name` says; nil for the empty name.
    private static func engine(named name: String) throws -> Engine.Name? {
        guard !name.isEmpty else { return nil }
        guard let engine = Engine.Name(rawValue: name) else {
            throw Refusal(.invalid, "\"engine\" is \"terraform\", \"tofu\" or empty.")
        }
        return engine
    }

    func find(_ id: VineID) async throws -> Vine {
        guard let vine = try await store.vine(id) else { throw Refusal(.notFound, "There is no such vine.") }
        return vine
    }
}
