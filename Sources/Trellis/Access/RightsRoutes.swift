internal import Domain
internal import Hummingbird
internal import Logging
internal import Storage
internal import Wire

/// `/api/me`, `/api/grants`, `/api/teams`, `/api/vineyards`.
struct RightsRoutes: Sendable {
    var store: any Store
    var check: RightsCheck
    var ambient: SystemDependencies
    /// Asks open connections and streams again.
    var onChange: @Sendable () async -> Void

    private var requests: GrantRequests {
        GrantRequests(store: store, check: check, ambient: ambient, onChange: onChange)
    }

    func add(to api: APIRouter) {
        api.on(RightsEndpoints.me, use: me)
        api.on(RightsEndpoints.grants, use: grants)
        api.on(RightsEndpoints.createGrant, use: createGrant)
        api.on(RightsEndpoints.revokeGrant, use: revokeGrant)
        api.on(RightsEndpoints.teams, use: teams)
        api.on(RightsEndpoints.createTeam, use: createTeam)
        api.on(RightsEndpoints.updateTeam, use: updateTeam)
        api.on(RightsEndpoints.deleteTeam, use: deleteTeam)
        api.on(RightsEndpoints.vineyards, use: vineyards)
        api.on(RightsEndpoints.createVineyard, use: createVineyard)
        api.on(RightsEndpoints.renameVineyard, use: renameVineyard)
        api.on(RightsEndpoints.deleteVineyard, use: deleteVineyard)
    }

    private func me(_ call: APICall<NoParameters>) async throws -> MeResponse {
        let account = try call.account
        var place = AccessPlace.anywhere
        if let vine = try call.query(RightsEndpoints.vine) {
            try await call.require(.vinesRead, on: .vine(vine))
            if let found = try await check.place(of: .vine(vine)) { place = found }
        }
        return MeResponse(
            principal: GrantPrincipal(account).description,
            roles: call.rights.roles(on: place).map(HeldRoleResponse.init),
            rights: call.rights.names(on: place),
            scopes: account.scopes.map { scopes in
                Permission.allCases.filter(scopes.contains).map(\.rawValue)
            })
    }

    private func note<Path>(
        _ message: Logger.Message, _ metadata: Logger.Metadata, _ call: APICall<Path>
    ) throws {
        var metadata = metadata
        metadata["by"] = "\(try call.user)"
        call.context.logger.notice(message, metadata: metadata)
    }

    // MARK: - Grants

    /// Those on the installation, and those on what the caller may see.
    private func grants(_ call: APICall<NoParameters>) async throws -> ListResponse<GrantResponse> {
        typealias Query = RightsEndpoints.Grants
        var query = GrantQuery()
        if let text = try call.query(Query.principal) { query.principal = try GrantRequests.principal(text) }
        let visible = call.rights.visible(.vinesRead)
        if let text = try call.query(Query.scope) {
            let scope = try await requests.scope(text, call)
            query.scopes = [scope]
        } else if !visible.isAll {
            query.scopes =
                [.installation] + visible.vineyards.map(GrantScope.vineyard) + visible.vines.map(GrantScope.vine)
        }
        let page = try await store.grants(
            query, limit: call.query(Query.limit) ?? 50, cursor: call.query(Query.cursor))
        return ListResponse(items: page.items.map(GrantResponse.init), nextCursor: page.next)
    }

    private func createGrant(
        _ call: APICall<NoParameters>, _ request: CreateGrantRequest
    ) async throws -> GrantResponse {
        let asked = try await requests.grant(
            request.role, to: try GrantRequests.principal(request.principal), on: request.scope, call)
        return GrantResponse(try await requests.make(asked, call))
    }

    private func revokeGrant(_ call: APICall<GrantID>) async throws -> NoContent {
        guard let grant = try await store.grant(call.path), try await requests.isVisible(grant.scope, call) else {
            throw Refusal.notFound(Grant.noun)
        }
        try await requests.requireManagement(of: grant.scope, call)
        try await store.recording(requests.event(.revokeGrant, grant, call)).revokeGrant(grant.id)
        try note(
            "a role was revoked", ["role": "\(grant.role)", "from": "\(grant.principal)", "on": "\(grant.scope)"], call)
        await onChange()
        return NoContent()
    }

    private func event<Path>(_ action: AuditAction, _ team: Team, _ call: APICall<Path>) -> AuditEvent {
        var changes: [String: JSONValue] = ["members": .array(team.members.sorted().prefix(100).map(JSONValue.string))]
        if let group = team.group { changes["group"] = .string(group) }
        return call.audit.event(
            action, on: AuditResource("team", team.name, name: team.name), changes: changes, ambient)
    }

    // MARK: - Teams

    private func teams(_ call: APICall<NoParameters>) async throws -> ListResponse<TeamResponse> {
        ListResponse(items: try await store.teams().map(TeamResponse.init), nextCursor: nil)
    }

    private func createTeam(_ call: APICall<NoParameters>, _ request: CreateTeamRequest) async throws -> TeamResponse {
        let team = Team(
            name: try Self.name(request.name), group: try Self.group(request.group),
            members: try Self.members(request.members ?? []), createdBy: try call.user, createdAt: ambient.now())
        try await store.recording(event(.createTeam, team, call)).createTeam(team)
        try note("a team was created", ["name": "\(team.name)"], call)
        return TeamResponse(team)
    }

    private func updateTeam(_ call: APICall<TeamName>, _ request: PatchTeamRequest) async throws -> TeamResponse {
        guard let before = try await store.teams().first(where: { $0.name == call.path.name }) else {
            throw Refusal.notFound(TeamName.noun)
        }
        var asked = before
        asked.group = try Self.group(request.group.applied(to: before.group))
        asked.members = try request.members.map { try Self.members($0) } ?? before.members
        let team = try await store.recording(event(.updateTeam, asked, call)).updateTeam(
            before.name, group: asked.group, members: asked.members)
        try note("a team was changed", ["name": "\(team.name)"], call)
        await onChange()
        return TeamResponse(team)
    }

    private func deleteTeam(_ call: APICall<TeamName>) async throws -> NoContent {
        let event = call.audit.event(
            .deleteTeam, on: AuditResource("team", call.path.name, name: call.path.name), ambient)
        try await store.recording(event).deleteTeam(call.path.name)
        try note("a team was deleted", ["name": "\(call.path.name)"], call)
        await onChange()
        return NoContent()
    }

    private static func members(_ names: [String]) throws -> Set<String> {
        guard names.count <= RightsLimits.members else {
            throw Refusal(.invalid, "A team has at most \(RightsLimits.members) members.")
        }
        return Set(try names.map { try name($0) })
    }

    private static func name(_ text: String) throws -> String {
        guard !text.isEmpty, text.count <= RightsLimits.name, PlainName.isPlain(text) else {
            throw Refusal(
                .invalid,
                "A name has 1 to \(RightsLimits.name) characters, none of them a control or bidirectional one.")
        }
        return text
    }

    /// An empty group is none.
    private static func group(_ text: String?) throws -> String? {
        guard let text, !text.isEmpty else { return nil }
        guard text.utf8.count <= 200 else { throw Refusal(.invalid, "\"group\" has at most 200 bytes.") }
        return text
    }

    // MARK: - Vineyards

    private func vineyards(_ call: APICall<NoParameters>) async throws -> ListResponse<VineyardResponse> {
        let visible = call.rights.visible(.vinesRead)
        var shown = visible.vineyards
        for vine in visible.vines { if let id = try await store.vineyard(of: vine) { shown.insert(id) } }
        let items = try await store.vineyards().filter { visible.isAll || shown.contains($0.id) }
        return ListResponse(items: items.map(VineyardResponse.init), nextCursor: nil)
    }

    private func createVineyard(
        _ call: APICall<NoParameters>, _ request: VineyardRequest
    ) async throws -> VineyardResponse {
        let vineyard = Vineyard(
            id: ambient.makeID(), name: try Self.name(request.name), createdBy: try call.user, createdAt: ambient.now())
        let event = call.audit.event(
            .createVineyard, on: AuditResource("vineyard", vineyard.id.rawValue, name: vineyard.name), ambient)
        try await store.recording(event).createVineyard(vineyard)
        try note("a vineyard was created", ["name": "\(vineyard.name)"], call)
        return VineyardResponse(vineyard)
    }

    private func renameVineyard(
        _ call: APICall<VineyardID>, _ request: VineyardRequest
    ) async throws -> VineyardResponse {
        guard call.path != Vineyard.defaultID else {
            throw Refusal(.conflict, "The default vineyard keeps its name.")
        }
        let name = try Self.name(request.name)
        let event = call.audit.event(
            .renameVineyard, on: AuditResource("vineyard", call.path.rawValue, name: name), ambient)
        return VineyardResponse(try await store.recording(event).renameVineyard(call.path, to: name))
    }

    private func deleteVineyard(_ call: APICall<VineyardID>) async throws -> NoContent {
        let event = call.audit.event(
            .deleteVineyard, on: AuditResource("vineyard", call.path.rawValue), ambient)
        try await store.recording(event).deleteVineyard(call.path)
        try note("a vineyard was deleted", ["vineyard": "\(call.path)"], call)
        return NoContent()
    }
}

extension Rights {
    /// The permissions there, in a fixed order.
    func names(on place: AccessPlace) -> [String] {
        Permission.allCases.filter { permission in
            allows(permission, on: permission.level == .installation ? .installation : place)
        }.map(\.rawValue)
    }
}
