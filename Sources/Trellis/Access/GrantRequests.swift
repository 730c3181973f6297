internal import Domain
internal import Hummingbird
internal import Logging
internal import Storage
internal import Wire

/// Grants that a request asks for, on their own or with an invitation.
struct GrantRequests: Sendable {
    var store: any Store
    var check: RightsCheck
    var ambient: SystemDependencies
    /// Asks open connections and streams again.
    var onChange: @Sendable () async -> Void

    /// The grant that is asked for, if the caller may make it.
    ///
    /// - Throws: ``Refusal`` `.invalid` for an unknown role or scope, 404 for a place that the caller may not see, 403 for
    ///   one where the caller may not grant.
    func grant<Path>(
        _ role: String, to principal: GrantPrincipal, on scope: String, _ call: APICall<Path>
    ) async throws -> Grant {
        guard let role = Role(rawValue: role) else {
            let names = Role.allCases.map(\.rawValue).joined(separator: ", ")
            throw Refusal(.invalid, "\"role\" is one of \(names).")
        }
        let scope = try await self.scope(scope, call)
        try await requireManagement(of: scope, call)
        return Grant(
            id: ambient.makeID(), principal: principal, role: role, scope: scope, createdBy: try call.user,
            createdAt: ambient.now())
    }

    /// Stores a grant that ``grant(_:to:on:_:)`` returned.
    func make<Path>(_ asked: Grant, _ call: APICall<Path>) async throws -> Grant {
        let grant = try await store.recording(event(.createGrant, asked, call)).createGrant(asked)
        call.context.logger.notice(
            "a role was granted",
            metadata: [
                "role": "\(asked.role)", "to": "\(asked.principal)", "on": "\(asked.scope)", "by": "\(asked.createdBy)",
            ])
        await onChange()
        return grant
    }

    func event<Path>(_ action: AuditAction, _ grant: Grant, _ call: APICall<Path>) -> AuditEvent {
        call.audit.event(
            action,
            on: AuditResource(
                "grant", grant.id.rawValue, name: "\(grant.role.rawValue) for \(grant.principal) on \(grant.scope)"),
            changes: [
                "principal": .string(grant.principal.description), "role": .string(grant.role.rawValue),
                "scope": .string(grant.scope.description),
            ], ambient)
    }

    static func principal(_ text: String) throws -> GrantPrincipal {
        guard let principal = GrantPrincipal(text) else {
            throw Refusal(
                .invalid,
                "A principal is \"user:NAME\", \"team:NAME\" or \"service:NAME\"; a name has 1 to \(RightsLimits.name) "
                    + "characters, none of them a control or bidirectional one.")
        }
        return principal
    }

    /// A vineyard can also be given by its name. - Throws: 404 for what the caller may not see.
    func scope<Path>(_ text: String, _ call: APICall<Path>) async throws -> GrantScope {
        if let scope = GrantScope(text) {
            if try await isVisible(scope, call) { return scope }
            throw Refusal.notFound(scope.noun)
        }
        let parts = text.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, parts[0] == "vineyard" else {
            throw Refusal(.invalid, "A scope is \"installation\", \"vineyard:ID\" or \"vine:ID\".")
        }
        let named = try await store.vineyards().first { $0.name == parts[1] }
        guard let named, try await isVisible(.vineyard(named.id), call) else { throw Refusal.notFound("vineyard") }
        return .vineyard(named.id)
    }

    func isVisible<Path>(_ scope: GrantScope, _ call: APICall<Path>) async throws -> Bool {
        guard let resource = scope.resource else { return true }
        guard let place = try await check.place(of: resource) else { return false }
        return call.rights.decide(.vinesRead, on: place) != .hidden
    }

    func requireManagement<Path>(of scope: GrantScope, _ call: APICall<Path>) async throws {
        guard let resource = scope.resource else { return try await call.require(.grantsManage, at: .installation) }
        try await call.require(.grantsManage, on: resource)
    }
}

extension GrantScope {
    fileprivate var resource: PathResource? {
        switch self {
        case .installation: nil
        case .vineyard(let id): .vineyard(id)
        case .vine(let id): .vine(id)
        }
    }

    fileprivate var noun: String { resource?.noun ?? "page" }
}
