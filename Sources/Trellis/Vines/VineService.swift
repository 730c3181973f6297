internal import Domain
internal import Storage
internal import Wire

/// What can be done with vines.
struct VineService: Sendable {
    var store: any Store
    var ambient: SystemDependencies
    var rules: VineRules
    /// Makes the fingerprints of secrets.
    var vault: Vault

    func create(_ request: CreateVineRequest, by caller: AuditContext) async throws -> Vine {
        let secrets = VineSecrets(
            variables: request.sensitiveVariables ?? [:], environment: request.sensitiveEnvironment ?? [:])
        let settings = VineSettings(
            projectName: request.projectName, environmentStage: request.environmentStage, region: request.region,
            variables: request.variables ?? [:], sensitiveVariables: secrets.variables.keys.sorted(),
            environment: request.environment ?? [:], sensitiveEnvironment: secrets.environment.keys.sorted(),
            engine: request.engine, source: request.source.normalized, origin: request.origin,
            identity: request.identityId)
        try rules.check(settings, secrets: secrets)
        let now = ambient.now()
        let vine = Vine(
            id: ambient.makeID(), settings: settings, createdBy: caller.name, createdAt: now, updatedAt: now,
            vineyard: request.vineyardId ?? Vineyard.defaultID, needsTwoPeople: request.twoPeople ?? false)
        try await store.recording(caller.event(.createVine, on: vine, ambient)).createVine(vine, secrets: secrets)
        return vine
    }

    /// - Parameter revision: what the caller has seen.
    /// - Throws: ``Refusal`` `.outdated` if the vine has another revision.
    func update(
        _ id: VineID, with patch: PatchVineRequest, ifRevision revision: Int? = nil, by caller: AuditContext
    ) async throws -> Vine {
        var vine = try await find(id)
        try Self.check(vine, has: revision)
        var secrets = try await store.vineSecrets(id)
        let (old, oldSecrets) = (vine, secrets)
        patch.sensitiveVariables?.forEach { secrets.variables[$0] = $1 }
        patch.sensitiveEnvironment?.forEach { secrets.environment[$0] = $1 }
        var settings = vine.settings
        settings.projectName = patch.projectName ?? settings.projectName
        settings.environmentStage = patch.environmentStage ?? settings.environmentStage
        // An empty region was the way to clear it before null was.
        settings.region = patch.region.applied(to: settings.region).flatMap { $0.isEmpty ? nil : $0 }
        settings.variables = patch.variables ?? settings.variables
        settings.environment = patch.environment ?? settings.environment
        settings.engine = patch.engine.applied(to: settings.engine)
        settings.source = patch.source?.normalized ?? settings.source
        settings.origin = patch.origin ?? settings.origin
        settings.identity = patch.identityId.applied(to: settings.identity)
        settings.sensitiveVariables = secrets.variables.keys.sorted()
        settings.sensitiveEnvironment = secrets.environment.keys.sorted()
        try rules.check(settings, secrets: secrets)
        vine.settings = settings
        vine.vineyard = patch.vineyardId ?? vine.vineyard
        vine.needsTwoPeople = patch.twoPeople ?? vine.needsTwoPeople
        vine.updatedAt = ambient.now()
        let changes = VineChanges(vault: vault).between(old, oldSecrets, vine, secrets)
        let event = caller.event(.updateVine, on: vine, changes: changes, ambient)
        do {
            return try await store.recording(event).updateVine(vine, secrets: secrets)
        } catch let refusal as Refusal where refusal.kind == .conflict && revision != nil {
            // Somebody else was faster.
            try Self.check(try await find(id), has: revision)
            throw refusal
        }
    }

    private static func check(_ vine: Vine, has revision: Int?) throws(Refusal) {
        guard let revision, revision != vine.revision else { return }
        throw Refusal(
            .outdated,
            "The vine was changed in the meantime: it has revision \(vine.revision), and your change is based on "
                + "revision \(revision). Reload it, then change it again.")
    }

    /// Deletes the vine. One whose state has, or may have, resources needs its name as `confirm`.
    func delete(_ id: VineID, confirm: String?, by caller: AuditContext) async throws {
        let vine = try await find(id)
        if let confirm, !vine.isCalled(confirm) {
            throw Refusal(.invalid, "\"confirm\" must be the vine's name, \"\(vine.confirmation)\".")
        }
        if try await store.vineFacts([id])[id]?.resources == .stored(nil) {
            _ = try await StorageError.refusingCorruptData("The state") {
                try await ResourceCount(store: store).count(id)
            }
        }
        let event = caller.event(.deleteVine, on: vine, ambient)
        let held = try await store.recording(event).deleteVine(id, isConfirmed: confirm != nil, at: ambient.now())
        if let held {
            throw Refusal(
                .conflict,
                "\(held.sentence) Destroy what is there first, or pass \"confirm=\(vine.confirmation)\" to leave it behind."
            )
        }
    }

    /// Takes the state lock from its holder. Only the lock that the user saw is broken, and only with the vine's name.
    func breakLock(of id: VineID, _ request: BreakLockRequest, by caller: AuditContext) async throws -> VineResponse {
        let vine = try await find(id)
        guard request.confirm == vine.settings.projectName else {
            throw Refusal(
                .invalid,
                "\"confirm\" must be the vine's project name, \"\(vine.settings.projectName)\": the holder may still be "
                    + "changing real infrastructure.")
        }
        let lock = try await store.stateLock(of: id)
        let holder = (lock?.holder).map { ["holder": JSONValue.string($0.shortened(toBytes: 200))] }
        let event = caller.event(.breakLock, on: vine, changes: holder ?? [:], ambient)
        try await store.recording(event).breakStateLock(of: id, id: request.lockId)
        if let job = lock?.job {
            try await store.appendSystemLines(
                ["\(caller.name) broke the state lock of this job"], to: job, at: ambient.now())
        }
        return try await VineResponse(vine, facts: store.vineFacts([id])[id])
    }

    /// The vine as the API shows it, with what its users should know about its sensitive values.
    func record(_ vine: Vine) async throws -> VineResponse {
        try await records([vine])[0]
    }

    func records(_ vines: [Vine]) async throws -> [VineResponse] {
        let facts = try await store.vineFacts(vines.map(\.id))
        let warnings = try await store.vineWarnings(vines.map(\.id))
        return vines.map { vine in
            var record = VineResponse(vine, facts: facts[vine.id])
            record.warnings = warnings[vine.id]
            return record
        }
    }

    func find(_ id: VineID) async throws -> Vine {
        guard let vine = try await store.vine(id) else { throw Refusal.notFound("vine") }
        return vine
    }
}

extension Vine {
    /// What is typed to show that this vine is meant: `project/stage`.
    var confirmation: String { "\(settings.projectName)/\(settings.environmentStage)" }

    /// Spaces around the slash do not make it another name.
    func isCalled(_ name: String) -> Bool { name == confirmation || name == title }
}

extension VineResources {
    /// For people, about a state that is not known to be empty.
    fileprivate var sentence: String {
        switch self {
        case .none: "This vine has no state."
        case .stored(nil): "This vine's state may still have resources."
        case .stored(1): "1 resource is still in this vine's state."
        case .stored(let count?): "\(count) resources are still in this vine's state."
        case .keptBy(let keeper):
            "This vine's state is kept by \(keeper); Vintner does not know whether it still has resources."
        }
    }
}

extension VineResponse {
    /// The vine, with what is known besides its settings.
    init(_ vine: Vine, facts: VineFacts?) {
        self.init(vine)
        guard let facts else { return }
        lock = facts.lock.map { LockResponse($0, atWork: facts.isLockAtWork) }
        lastJob = facts.lastJob.map {
            LastJobResponse(
                id: $0.id, jobType: $0.type, status: $0.status, createdAt: $0.createdAt, warnings: $0.warnings)
        }
        switch facts.resources {
        case .none: resourceCount = 0
        case .stored(let count): resourceCount = count
        case .keptBy(let keeper): stateKeptBy = keeper
        }
    }
}
