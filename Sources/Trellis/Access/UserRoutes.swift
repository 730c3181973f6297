internal import Domain
internal import Foundation
internal import Hummingbird
internal import Logging
internal import OpenID
internal import Storage
internal import Wire

/// People and service accounts: `/api/users`, and the identity providers.
struct UserRoutes: Sendable {
    var store: any Store
    var credentials: Credentials
    var publicURL: String
    var providers: IdentityProviders
    var onRevoked: @Sendable (Credential) -> Void
    var grants: GrantRequests

    private static let pageSize = 50
    /// Teams that one invitation names.
    private static let teamLimit = 20

    func add(to api: APIRouter) {
        api.on(UserEndpoints.list, use: list)
        api.on(UserEndpoints.create, use: create)
        api.on(UserEndpoints.read) { call in try await response(call.path) }
        api.on(UserEndpoints.invite, use: invite)
        api.on(UserEndpoints.disable) { call in try await setDisabled(true, call) }
        api.on(UserEndpoints.enable) { call in try await setDisabled(false, call) }
        api.on(UserEndpoints.signOut, use: signOut)
        api.on(UserEndpoints.remove, use: remove)
        api.on(UserEndpoints.providers, use: listProviders)
    }

    private func list(_ call: APICall<NoParameters>) async throws -> ListResponse<UserResponse> {
        let page = try await store.users(
            matching: try call.query(UserEndpoints.List.text) ?? "",
            kind: try call.query(UserEndpoints.List.kind).flatMap(Account.Kind.init(rawValue:)),
            limit: try call.query(UserEndpoints.List.limit) ?? Self.pageSize,
            cursor: try call.query(UserEndpoints.List.cursor))
        return ListResponse(items: try await responses(page.items), nextCursor: page.next)
    }

    private func create(
        _ call: APICall<NoParameters>, _ body: CreateUserRequest
    ) async throws -> CreateUserResponse {
        try User.check(name: body.name)
        guard body.name.lowercased() != User.administrator else {
            throw Refusal(.conflict, "The name \"\(body.name)\" is taken.")
        }
        // All of it is checked before anything is made.
        let grant = try await grant(of: body, call)
        let teams = try await teams(of: body)
        let user = User(
            id: credentials.ambient.makeID(), name: body.name, kind: body.kind ?? .user, createdBy: try call.user,
            createdAt: credentials.ambient.now())
        let event = call.audit.event(
            .createUser, on: AuditResource(user), changes: ["kind": .string(user.kind.rawValue)], credentials.ambient)
        try await store.recording(event).createUser(user)
        if let grant { _ = try await grants.make(grant, call) }
        for team in teams {
            let event = call.audit.event(
                .updateTeam, on: AuditResource("team", team, name: team),
                changes: ["added": .array([.string(user.name)])],
                credentials.ambient)
            try await store.recording(event).addMember(user.name, toTeam: team)
        }
        call.context.logger.notice("a user was created", metadata: ["user": "\(user.name)", "by": "\(user.createdBy)"])
        guard user.kind == .user else {
            return CreateUserResponse(user: try await response(user.id), url: nil, expiresAt: nil)
        }
        return try await makeInvitation(user, call.audit)
    }

    /// The role that comes with a new account; nil for none.
    private func grant(of body: CreateUserRequest, _ call: APICall<NoParameters>) async throws -> Grant? {
        guard (body.role == nil) == (body.scope == nil) else {
            throw Refusal(.invalid, "\"role\" and \"scope\" belong together: give both or neither.")
        }
        guard let role = body.role, let scope = body.scope else { return nil }
        let principal = GrantPrincipal(body.kind == .service ? .service : .user, body.name)
        return try await grants.grant(role, to: principal, on: scope, call)
    }

    /// The teams that a new person becomes a member of.
    private func teams(of body: CreateUserRequest) async throws -> [String] {
        let names = Set(body.teams ?? []).sorted()
        guard !names.isEmpty else { return [] }
        guard body.kind != .service else { throw Refusal(.invalid, "Only people are members of teams.") }
        guard names.count <= Self.teamLimit else {
            throw Refusal(.invalid, "\"teams\" has at most \(Self.teamLimit) names.")
        }
        let known = Set(try await store.teams().map(\.name))
        if let unknown = names.first(where: { !known.contains($0) }) {
            throw Refusal(.notFound, "Team \"\(unknown.shortened(toBytes: 80))\" not found.")
        }
        return names
    }

    private func invite(_ call: APICall<UserID>) async throws -> CreateUserResponse {
        guard let user = try await store.user(call.path) else { throw Refusal.notFound("user") }
        guard user.kind == .user, user.identity == nil else {
            throw Refusal(.conflict, "Only a person with a local account has a password to choose.")
        }
        guard user.disabledAt == nil else { throw Refusal(.conflict, "\(user.name) is disabled. Enable it first.") }
        let now = credentials.ambient.now()
        for link in try await store.sessions(at: now) where link.kind == .invitation && link.owner == user.name {
            let event = call.audit.event(.revokeSession, on: AuditResource(link), credentials.ambient)
            _ = try await store.recording(event).revokeAccess(link.id)
        }
        return try await makeInvitation(user, call.audit)
    }

    private func makeInvitation(_ user: User, _ inviter: AuditContext) async throws -> CreateUserResponse {
        let secret = credentials.make(.invitation)
        let expiry = credentials.ambient.now().advanced(by: SignIn.invitationLifetime)
        let event = inviter.event(.inviteUser, on: AuditResource(user), credentials.ambient)
        try await store.recording(event).createLink(
            NewLink(
                kind: .invitation, hash: Credentials.hash(secret), user: user.name, createdBy: inviter.name,
                expiresAt: expiry))
        return CreateUserResponse(
            user: try await response(user.id), url: "\(publicURL)/sign-in#invitation=\(secret)", expiresAt: expiry)
    }

    private func setDisabled(_ isDisabled: Bool, _ call: APICall<UserID>) async throws -> UserResponse {
        let name = try await store.user(call.path)?.name
        let event = call.audit.event(
            isDisabled ? .disableUser : .enableUser, on: AuditResource("user", call.path.rawValue, name: name),
            credentials.ambient)
        let ended = try await store.recording(event).setDisabled(
            isDisabled, user: call.path, at: credentials.ambient.now())
        for entry in ended { onRevoked(entry.credential) }
        let user = try await response(call.path)
        if isDisabled {
            // Tokens are refused from now on; what they have open ends.
            for token in try await store.tokens(of: user.name) { onRevoked(token.credential) }
        }
        let actor = try call.user
        call.context.logger.notice(
            "a user was \(isDisabled ? "disabled" : "enabled")",
            metadata: ["user": "\(user.name)", "by": "\(actor)"])
        return user
    }

    private func signOut(_ call: APICall<UserID>) async throws -> EndedSessionsResponse {
        guard let user = try await store.user(call.path) else { throw Refusal.notFound("user") }
        var count = 0
        for session in try await store.sessions(at: credentials.ambient.now())
        where session.kind == .session && session.owner == user.name {
            let event = call.audit.event(.revokeSession, on: AuditResource(session), credentials.ambient)
            guard let entry = try await store.recording(event).revokeAccess(session.id) else { continue }
            onRevoked(entry.credential)
            count += 1
        }
        return EndedSessionsResponse(endedSessions: count)
    }

    private func remove(_ call: APICall<UserID>) async throws -> NoContent {
        guard let user = try await store.user(call.path) else { throw Refusal.notFound("user") }
        let event = call.audit.event(.removeUser, on: AuditResource(user), credentials.ambient)
        let ended = try await store.recording(event).removeUser(call.path, at: credentials.ambient.now())
        try await store.removeRights(of: GrantPrincipal(Account(name: user.name, kind: user.kind)))
        for entry in ended { onRevoked(entry.credential) }
        let actor = try call.user
        call.context.logger.notice("a user was removed", metadata: ["user": "\(user.name)", "by": "\(actor)"])
        return NoContent()
    }

    private func listProviders(_ call: APICall<NoParameters>) async throws -> ListResponse<ProviderResponse> {
        let items = providers.clients.map { client in
            let (provider, status) = (client.provider, providers.status(of: client.provider.id))
            return ProviderResponse(
                id: provider.id, name: provider.name, issuer: provider.issuer, groupsClaim: provider.groupsClaim,
                lastSignInAt: status.lastSuccess, lastFailureAt: status.lastFailure?.at,
                lastFailure: status.lastFailure?.reason)
        }
        return ListResponse(items: items, nextCursor: nil)
    }

    // MARK: - Responses

    private func response(_ id: UserID) async throws -> UserResponse {
        guard let user = try await store.user(id) else { throw Refusal.notFound("user") }
        return try await responses([user])[0]
    }

    private func responses(_ users: [User]) async throws -> [UserResponse] {
        let now = credentials.ambient.now()
        let overviews = try await store.overviews(of: users, at: now)
        return users.map { user in
            let overview = overviews[user.id] ?? UserOverview()
            return UserResponse(
                id: user.id, name: user.name, kind: user.kind,
                provider: user.identity.map { providers.name(ofIssuer: $0.issuer) }, hasPassword: user.hasPassword,
                groups: user.groups, createdBy: user.createdBy, createdAt: user.createdAt,
                lastSeenAt: user.lastSeenAt, disabledAt: user.disabledAt, invitedUntil: overview.invitedUntil,
                isBreakGlass: user.name.lowercased() == User.administrator, tokens: overview.tokens,
                teams: overview.teams, roles: overview.held.map(HeldRoleResponse.init))
        }
    }
}
