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
    var access: any AccessStore & AuditStore
    var rights: any RightsStore & AuditStore
    var credentials: Credentials
    var folder: DataFolder
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
        let items = try await access.tokens().map { entry in
            TokenResponse(id: entry.id, name: entry.name, createdAt: entry.createdAt ?? Timestamp(milliseconds: 0))
        }
        return ListResponse(items: items, nextCursor: nil)
    }

    private func createToken(
        _ call: APICall<NoParameters>, _ request: CreateTokenRequest
    ) async throws -> CreateTokenResponse {
        let (user, name) = (try call.user, request.name)
        guard !name.isEmpty, name.count <= 64,
            name.unicodeScalars.allSatisfy({ ![.control, .format].contains($0.properties.generalCategory) })
        else { throw Refusal(.invalid, "\"name\" has 1 to 64 visible characters.") }
        guard try await !access.tokens().contains(where: { $0.name == name }) else {
            throw Refusal(.conflict, "A token named \"\(name)\" exists already. Revoke it first.")
        }
        let secret = credentials.make(.apiToken)
        let hash = Credentials.hash(secret)
        let now = credentials.ambient.now()
        let entry = AccessEntry(kind: .token, hash: hash, name: name)
        let event = call.audit.event(.createToken, on: AuditResource(entry), credentials.ambient)
        try await access.recording(event).setToken(hash: hash, name: name, at: now)
        let admission = call.audit.event(
            .createGrant, on: .firstAdministrator(name), reason: "Nobody has granted a role yet.", credentials.ambient)
        try await rights.recording(admission).admit(name, id: credentials.ambient.makeID(), at: now)
        call.context.logger.notice("a token was created", metadata: ["name": "\(name)", "by": "\(user)"])
        return CreateTokenResponse(id: entry.id, name: name, token: secret)
    }

    private func revokeToken(_ call: APICall<AccessID>) async throws -> NoContent {
        let entry = try await access.tokens().first { $0.id == call.path.id }
        guard let entry else { throw Refusal.notFound("token") }
        guard entry.name != Self.admin else {
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
        let kept = request.keepTokens == true ? Set(try await access.tokens().map(\.id)) : []
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
        let items = try await access.sessions(at: credentials.ambient.now()).map { entry in
            SessionResponse(
                id: entry.id, kind: entry.kind.rawValue, user: entry.name,
                expiresAt: entry.expiresAt ?? Timestamp(milliseconds: 0))
        }
        return ListResponse(items: items, nextCursor: nil)
    }

    private func revokeSession(_ call: APICall<AccessID>) async throws -> NoContent {
        let known = try await access.sessions(at: credentials.ambient.now()).first { $0.id == call.path.id }
        guard let known else { throw Refusal.notFound("session or link") }
        try await revoke(known, call)
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
    /// The role of somebody who is made an administrator because no roles are used yet.
    static func firstAdministrator(_ name: String) -> AuditResource {
        AuditResource("grant", GrantPrincipal(.user, name).description, name: "admin for \(name) on installation")
    }

    init(_ entry: AccessEntry) { self.init(entry.kind.rawValue, entry.id, name: entry.name) }
}

extension AccessEntry {
    /// The credential of connections that it opened. (A link opens none.)
    fileprivate var credential: Credential { kind == .token ? .tokenHash(hash) : .sessionHash(hash) }
}
