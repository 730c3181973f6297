internal import Domain
internal import Foundation
internal import Hummingbird
internal import Logging
internal import Storage
internal import Wire

/// `/api/tokens` and `/api/sessions`: who has access, and how access is revoked.
///
/// No response shows a secret, except the one that creates it. Only hashes are stored.
struct AccessRoutes: Sendable {
    var access: any AccessStore & UserStore & AuditStore
    var credentials: Credentials
    var folder: DataFolder
    /// Whether somebody may see and end the access of others.
    var mayManageUsers: @Sendable (Account) async throws -> Bool
    /// Ends the connections that were opened with a revoked credential.
    var onRevoked: @Sendable (Credential) -> Void

    /// The name of the token in `admin.token`.
    static let admin = "admin"

    func add(to api: APIRouter) {
        api.on(AccessEndpoints.tokens, use: tokens)
        api.on(AccessEndpoints.createToken, use: createToken)
        api.on(AccessEndpoints.replaceAdminToken, use: replaceAdminToken)
        api.on(AccessEndpoints.revokeToken, use: revokeToken)
        api.on(AccessEndpoints.sessions, use: sessions)
        api.on(AccessEndpoints.revokeSession, use: revokeSession)
    }

    // MARK: - Tokens

    private func tokens(_ call: APICall<NoParameters>) async throws -> ListResponse<TokenResponse> {
        let owner = try await isOwnOnly(call) ? call.user : nil
        let items = try await access.tokens(of: owner).map { entry in
            TokenResponse(
                id: entry.id, name: entry.name, user: entry.owner,
                createdAt: entry.createdAt ?? Timestamp(milliseconds: 0),
                scopes: entry.scopes?.sorted { $0.rawValue < $1.rawValue }, expiresAt: entry.expiresAt,
                lastUsedAt: entry.lastUsedAt)
        }
        return ListResponse(items: items, nextCursor: nil)
    }

    private func createToken(
        _ call: APICall<NoParameters>, _ request: CreateTokenRequest
    ) async throws -> CreateTokenResponse {
        let principal = try call.context.requirePrincipal()
        try TokenName.check(request.name)
        let owner = try await owner(of: request, principal)
        let now = credentials.ambient.now()
        if let expiry = request.expiresAt, expiry <= now {
            throw Refusal(.invalid, "\"expires_at\" is in the past.")
        }
        guard owner != User.administrator || request.name != Self.admin else {
            throw Refusal(.conflict, "A token named \"\(request.name)\" exists already. Replace it.")
        }
        guard try await access.tokens(of: owner).count < Self.tokenLimit else {
            throw Refusal(.tooMany, "\(owner) has \(Self.tokenLimit) tokens. Revoke one first.")
        }
        let secret = credentials.make(.apiToken)
        let token = NewToken(
            hash: Credentials.hash(secret), name: request.name, owner: owner, scopes: request.scopes.map(Set.init),
            expiresAt: request.expiresAt)
        var facts: [String: JSONValue] = ["user": .string(owner)]
        if let scopes = request.scopes {
            facts["scopes"] = .array(scopes.map(\.rawValue).sorted().map(JSONValue.string))
        }
        if let expiry = request.expiresAt { facts["expires_at"] = .string(expiry.description) }
        let event = call.audit.event(
            .createToken, on: AuditResource("token", AccessEntry.id(of: token.hash), name: request.name),
            changes: facts,
            credentials.ambient)
        try await access.recording(event).createToken(token, at: now)
        call.context.logger.notice(
            "a token was created", metadata: ["name": "\(request.name)", "by": "\(principal.name)"])
        return CreateTokenResponse(
            id: AccessEntry.id(of: token.hash), name: request.name, token: secret, expiresAt: request.expiresAt)
    }

    /// How many tokens one user may have.
    static let tokenLimit = 100

    /// Whom a new token stands for. - Throws: 403 if the caller must not make it.
    private func owner(of request: CreateTokenRequest, _ principal: Principal.User) async throws -> String {
        if let limit = principal.account.scopes {
            // Otherwise a token could make one that may do more than it.
            guard let scopes = request.scopes, limit.isSuperset(of: scopes) else {
                throw HTTPError(
                    .forbidden, message: "A token with scopes can make only tokens with scopes that it has itself.")
            }
        }
        guard let name = request.user, name != principal.name else { return principal.name }
        guard try await mayManageUsers(principal.account) else {
            throw HTTPError(.forbidden, message: "Only who manages people makes tokens for others.")
        }
        guard let user = try await access.user(named: name), user.kind == .service else {
            throw Refusal(.invalid, "\"user\" is not a service account. People make their tokens themselves.")
        }
        return user.name
    }

    /// Whether a list shows only what is the caller's own.
    private func isOwnOnly(_ call: APICall<NoParameters>) async throws -> Bool {
        if try call.query(AccessEndpoints.mine) == true { return true }
        return try await !mayManageUsers(try call.context.requirePrincipal().account)
    }

    /// - Throws: 404 for a credential that the caller neither owns nor may manage.
    private func require(
        _ entry: AccessEntry?, _ noun: String, _ call: APICall<AccessID>
    ) async throws -> AccessEntry {
        let principal = try call.context.requirePrincipal()
        guard let entry else { throw Refusal.notFound(noun) }
        if entry.owner == principal.name { return entry }
        guard try await mayManageUsers(principal.account) else { throw Refusal.notFound(noun) }
        return entry
    }

    private func revokeToken(_ call: APICall<AccessID>) async throws -> NoContent {
        let found = try await access.accessEntry(call.path.id)
        let entry = try await require(found?.kind == .token ? found : nil, "token", call)
        guard entry.name != Self.admin || entry.owner != User.administrator else {
            throw Refusal(
                .conflict, "The admin token can't be revoked, only replaced: \"vintner tokens replace-admin\".")
        }
        try await revoke(entry, call)
        return NoContent()
    }

    /// Replaces the admin token, and ends what came of the old one: every session and link, and every other token.
    private func replaceAdminToken(
        _ call: APICall<NoParameters>, _ request: ReplaceAdminTokenRequest
    ) async throws -> ReplaceAdminTokenResponse {
        let user = try call.user
        let secret = credentials.make(.apiToken)
        let hash = Credentials.hash(secret)
        // First the file: if this process ends now, the next start makes the file's token the valid one.
        try folder.writeSecret(secret, to: "admin.token")
        let entry = AccessEntry(kind: .token, hash: hash, name: Self.admin)
        let event = call.audit.event(
            .replaceToken, on: AuditResource(entry), changes: ["keep_tokens": .bool(request.keepTokens == true)],
            credentials.ambient)
        try await access.recording(event).setToken(hash: hash, name: Self.admin, at: credentials.ambient.now())
        let kept = request.keepTokens == true ? Set(try await access.tokens(of: nil).map(\.id)) : []
        var counts: [AccessEntry.Kind: Int] = [:]
        for entry in try await access.revokeAllAccess(exceptToken: Self.admin, keeping: kept) {
            counts[entry.kind, default: 0] += 1
            onRevoked(entry.credential)
        }
        call.context.logger.notice("the admin token was replaced", metadata: ["by": "\(user)"])
        return ReplaceAdminTokenResponse(
            id: AccessEntry(kind: .token, hash: hash, name: Self.admin).id, token: secret,
            endedSessions: counts[.session] ?? 0, endedLinks: counts[.link] ?? 0,
            revokedTokens: counts[.token] ?? 0)
    }

    // MARK: - Sessions and links

    private func sessions(_ call: APICall<NoParameters>) async throws -> ListResponse<SessionResponse> {
        let principal = try call.context.requirePrincipal()
        let owner = try await isOwnOnly(call) ? principal.name : nil
        let items = try await access.sessions(at: credentials.ambient.now())
            .filter { owner == nil || $0.owner == owner }
            .map { entry in
                SessionResponse(
                    id: entry.id, kind: entry.kind.rawValue, user: entry.name,
                    expiresAt: entry.expiresAt ?? Timestamp(milliseconds: 0), method: entry.method,
                    address: entry.address, agent: entry.agent, createdAt: entry.createdAt,
                    lastUsedAt: entry.lastUsedAt, isCurrent: entry.hash == principal.credential.sessionHash)
            }
        return ListResponse(items: items, nextCursor: nil)
    }

    private func revokeSession(_ call: APICall<AccessID>) async throws -> NoContent {
        let found = try await access.accessEntry(call.path.id)
        let now = credentials.ambient.now()
        let isOpen = found.map { entry in entry.kind != .token && entry.expiresAt.map { $0 > now } ?? true } ?? false
        try await revoke(try await require(isOpen ? found : nil, "session or link", call), call)
        return NoContent()
    }

    private func revoke(_ known: AccessEntry, _ call: APICall<AccessID>) async throws {
        let user = try call.user
        let action: AuditAction = known.kind == .token ? .revokeToken : .revokeSession
        let event = call.audit.event(action, on: AuditResource(known), credentials.ambient)
        guard let entry = try await access.recording(event).revokeAccess(known.id) else { return }
        onRevoked(entry.credential)
        call.context.logger.notice(
            "access was revoked", metadata: ["kind": "\(entry.kind)", "name": "\(entry.name)", "by": "\(user)"])
    }
}

extension AuditResource {
    init(_ entry: AccessEntry) { self.init(entry.kind.rawValue, entry.id, name: entry.name) }

    init(_ link: NewLink) {
        self.init(link.kind.rawValue, AccessEntry.id(of: link.hash), name: link.user)
    }

    init(_ user: User) { self.init("user", user.id.rawValue, name: user.name) }
}

extension AccessEntry {
    /// The credential of connections that it opened. (A link opens none.)
    var credential: Credential { kind == .token ? .tokenHash(hash) : .sessionHash(hash) }
}
