internal import Domain
internal import Hummingbird
internal import Logging
internal import Storage
internal import Wire

/// `/api/identities`, and the tokens of jobs.
struct IdentityRoutes: Sendable {
    var store: any Store
    var issuer: TokenIssuer
    var workers: WorkerService
    var ambient: SystemDependencies

    func add(to api: APIRouter) {
        api.on(IdentityEndpoints.list, use: list)
        api.on(IdentityEndpoints.create, use: create)
        api.on(IdentityEndpoints.show) { call in
            try await show(try await find(call.path), call, withPolicies: true)
        }
        api.on(IdentityEndpoints.update, use: update)
        api.on(IdentityEndpoints.delete, use: delete)
        api.on(IdentityEndpoints.issuer, use: describe)
        api.on(IdentityEndpoints.token) { call, request in
            let held = try await workers.requireLatestLease(
                call.path, epoch: request.epoch, worker: call.tendril)
            return try await issuer.token(for: held, phase: request.phase, by: call.audit(store))
        }
    }

    private func find(_ id: CloudIdentityID) async throws -> CloudIdentity {
        guard let identity = try await store.identity(id) else { throw Refusal.notFound(CloudIdentity.noun) }
        return identity
    }

    private func list(_ call: APICall<NoParameters>) async throws -> ListResponse<IdentityResponse> {
        var items: [IdentityResponse] = []
        for identity in try await store.identities()
        where call.rights.allows(.vinesRead, on: .vineyard(identity.vineyard)) {
            items.append(try await show(identity, call, withPolicies: false))
        }
        return ListResponse(items: items, nextCursor: nil)
    }

    private func create(
        _ call: APICall<NoParameters>, _ request: CreateIdentityRequest
    ) async throws -> IdentityResponse {
        let vineyard = request.vineyardId ?? Vineyard.defaultID
        try await call.require(.identitiesManage, on: .vineyard(vineyard))
        let now = ambient.now()
        let identity = CloudIdentity(
            id: ambient.makeID(), name: request.name, vineyard: vineyard, provider: request.provider,
            plan: request.plan, apply: request.apply, createdBy: try call.user, createdAt: now, updatedAt: now)
        try Self.check(identity)
        try await store.recording(event(.createIdentity, identity, call)).createIdentity(identity)
        note("a cloud identity was created", identity, call)
        return try await show(identity, call, withPolicies: true)
    }

    private func update(
        _ call: APICall<CloudIdentityID>, _ request: PatchIdentityRequest
    ) async throws -> IdentityResponse {
        var identity = try await find(call.path)
        identity.name = request.name ?? identity.name
        identity.plan = request.plan ?? identity.plan
        identity.apply = request.apply ?? identity.apply
        identity.updatedAt = ambient.now()
        try Self.check(identity)
        let stored = try await store.recording(event(.updateIdentity, identity, call)).updateIdentity(identity)
        note("a cloud identity was changed", identity, call)
        return try await show(stored, call, withPolicies: true)
    }

    private func delete(_ call: APICall<CloudIdentityID>) async throws -> NoContent {
        let identity = try await find(call.path)
        try await store.recording(event(.deleteIdentity, identity, call)).deleteIdentity(identity.id)
        note("a cloud identity was deleted", identity, call)
        return NoContent()
    }

    private func describe(_ call: APICall<NoParameters>) async throws -> IdentityIssuerResponse {
        let configuration = issuer.configuration
        let keys = configuration == nil ? [] : try await issuer.keys.published().map(\.place)
        let now = ambient.now()
        return IdentityIssuerResponse(
            issuer: configuration?.url, subject: configuration?.subject.template ?? TokenSubject.standard,
            tokenLifetime: Int((configuration?.tokenLifetime ?? IssuerConfiguration.standardLifetime) / 1000),
            keyId: issuer.keys.schedule.current(of: keys, at: now)?.id,
            nextKeyFrom: keys.map(\.usedFrom).filter { $0 > now }.min())
    }

    private static func check(_ identity: CloudIdentity) throws {
        guard !identity.name.isEmpty, identity.name.count <= RightsLimits.name, PlainName.isPlain(identity.name) else {
            throw Refusal(
                .invalid,
                "A name has 1 to \(RightsLimits.name) characters, none of them a control or bidirectional one.")
        }
        try identity.plan.check(for: identity.provider, called: "plan")
        try identity.apply.check(for: identity.provider, called: "apply")
    }

    private func event<Path>(_ action: AuditAction, _ identity: CloudIdentity, _ call: APICall<Path>) -> AuditEvent {
        call.audit.event(
            action, on: AuditResource("identity", identity.id.rawValue, name: identity.name),
            changes: [
                "provider": .string(identity.provider.rawValue), "vineyard_id": .string(identity.vineyard.rawValue),
                "plan": .string(identity.plan.title), "apply": .string(identity.apply.title),
            ], ambient)
    }

    private func note<Path>(_ message: Logger.Message, _ identity: CloudIdentity, _ call: APICall<Path>) {
        call.context.logger.notice(message, metadata: ["identity": "\(identity.id)"])
    }

    // MARK: - Responses

    private func show<Path>(
        _ identity: CloudIdentity, _ call: APICall<Path>, withPolicies: Bool
    ) async throws -> IdentityResponse {
        let vines = try await store.vines(using: identity.id, limit: IdentityResponse.maximumVines)
        let place = AccessPlace.vineyard(identity.vineyard)
        let visible = vines.filter { call.rights.allows(.vinesRead, on: .vine($0.id, in: $0.vineyard)) }
        var response = IdentityResponse(
            identity, usedBy: visible.map { IdentityUseResponse(vineId: $0.id, title: $0.title) },
            rights: call.rights.names(on: place))
        if withPolicies, let configuration = issuer.configuration {
            response.policies = policies(for: identity, vines: vines, configuration)
        }
        return response
    }

    private func policies(
        for identity: CloudIdentity, vines: [Vine], _ configuration: IssuerConfiguration
    ) -> [TrustPolicyResponse] {
        let named = vines.map { (id: $0.id, stage: $0.settings.environmentStage) }
        let scopes: [(String, [(id: VineID, stage: String)])] = [("vineyard", []), ("vines", named)]
        var policies: [TrustPolicyResponse] = []
        for isApplying in [false, true] {
            // Azure compares whole subjects.
            let hasPattern =
                identity.provider != .azure
                && configuration.subject.pattern(vineyard: identity.vineyard, phase: .plan) != nil
            for (covers, vines) in scopes {
                guard covers == "vineyard" ? hasPattern : !vines.isEmpty else { continue }
                let policy = TrustPolicy.make(
                    for: identity, applying: isApplying, issuer: configuration.url, subject: configuration.subject,
                    vines: vines)
                policies.append(
                    TrustPolicyResponse(
                        phase: policy.phase, covers: covers, instruction: policy.instruction, text: policy.text))
            }
        }
        return policies
    }
}
