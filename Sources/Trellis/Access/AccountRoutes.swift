internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import OpenID
internal import Storage
internal import Wire

/// One's own account: `/api/account`.
struct AccountRoutes: Sendable {
    var store: any Store
    var credentials: Credentials
    var passwords: Passwords
    var attempts: AttemptLimit
    var address: ClientAddress
    var providers: IdentityProviders
    var onRevoked: @Sendable (Credential) -> Void

    func add(to api: APIRouter) {
        api.on(AccessEndpoints.account, use: read)
        api.on(AccessEndpoints.setPassword, use: setPassword)
        api.on(AccessEndpoints.endOtherSessions, use: endOtherSessions)
        api.on(AccessEndpoints.createLoginCode, use: createLoginCode)
    }

    private func read(_ call: APICall<NoParameters>) async throws -> AccountResponse {
        let principal = try call.context.requirePrincipal()
        let user = try await store.user(named: principal.name)
        return AccountResponse(
            name: principal.name, kind: principal.account.kind,
            provider: user?.identity.map { providers.name(ofIssuer: $0.issuer) },
            groups: principal.account.groups.sorted(), hasPassword: user?.hasPassword ?? false,
            lastSeenAt: user?.lastSeenAt)
    }

    private func setPassword(_ call: APICall<NoParameters>, _ body: SetPasswordRequest) async throws -> NoContent {
        let principal = try call.context.requirePrincipal()
        try principal.requireAllRights()
        let name = principal.name
        guard principal.account.kind == .user else {
            throw Refusal(.conflict, "A service account has tokens, and no password.")
        }
        try PasswordHash.check(body.password)
        if let stored = try await store.password(ofUser: name) {
            let network = address.network(call.request, call.context)
            try attempts.begin(account: name, address: network)
            guard try await passwords.matches(body.current ?? "", stored.encoded) else {
                throw HTTPError(.forbidden, message: "The current password is wrong.")
            }
            attempts.succeed(account: name, address: network)
        }
        if try await store.user(named: name) == nil {
            // The administrator of an installation that nobody has signed in to yet.
            try await store.createUser(
                User(
                    id: credentials.ambient.makeID(), name: name, createdBy: name,
                    createdAt: credentials.ambient.now()))
        }
        let event = call.audit.event(
            .setPassword, on: AuditResource("user", name, name: name), credentials.ambient)
        let ended = try await store.recording(event).setPassword(
            try await passwords.encode(body.password), ofUser: name, keepingSession: principal.credential.sessionHash)
        for entry in ended { onRevoked(entry.credential) }
        call.context.logger.notice("a password was set", metadata: ["user": "\(name)"])
        return NoContent()
    }

    private func endOtherSessions(_ call: APICall<NoParameters>) async throws -> EndedSessionsResponse {
        let principal = try call.context.requirePrincipal()
        let others = try await store.sessions(at: credentials.ambient.now()).filter {
            $0.kind == .session && $0.owner == principal.name && $0.hash != principal.credential.sessionHash
        }
        var count = 0
        for session in others {
            let event = call.audit.event(.revokeSession, on: AuditResource(session), credentials.ambient)
            guard let entry = try await store.recording(event).revokeAccess(session.id) else { continue }
            onRevoked(entry.credential)
            count += 1
        }
        return EndedSessionsResponse(endedSessions: count)
    }

    private func createLoginCode(
        _ call: APICall<NoParameters>, _ body: CreateLoginCodeRequest
    ) async throws -> LoginCodeResponse {
        let principal = try call.context.requirePrincipal()
        try principal.requireAllRights()
        try TokenName.check(body.name)
        guard Data(base64URL: body.challenge)?.count == 32 else {
            throw Refusal(.invalid, "\"challenge\" is a SHA-256 in base64url.")
        }
        let code = credentials.make(.loginCode)
        let expiry = credentials.ambient.now().advanced(by: LoginCode.lifetime)
        let link = NewLink(
            kind: .login, hash: Credentials.hash(code), user: principal.name,
            detail: LoginCode.detail(challenge: body.challenge, name: body.name), createdBy: principal.name,
            expiresAt: expiry)
        let event = call.audit.event(.createLink, on: AuditResource(link), credentials.ambient)
        try await store.recording(event).createLink(link)
        return LoginCodeResponse(code: code, expiresAt: expiry)
    }
}

enum TokenName {
    /// - Throws: ``Refusal`` `.invalid`.
    static func check(_ name: String) throws(Refusal) {
        guard !name.isEmpty, name.count <= 64,
            name.unicodeScalars.allSatisfy({ ![.control, .format].contains($0.properties.generalCategory) })
        else { throw Refusal(.invalid, "\"name\" has 1 to 64 visible characters.") }
    }
}

extension TrellisContext {
    /// The signed-in user with the credential. - Throws: 401 or 403 without one.
    func requirePrincipal() throws -> Principal.User {
        _ = try requireUser()
        guard case .user(let user) = principal else { throw HTTPError(.forbidden) }
        return user
    }
}

extension Principal.User {
    /// A token with scopes must not make a credential without them.
    ///
    /// - Throws: 403 for a token with scopes.
    func requireAllRights() throws {
        guard account.scopes == nil else {
            throw HTTPError(.forbidden, message: "A token with scopes can't do this.")
        }
    }
}

extension Credential {
    var sessionHash: Data? { if case .sessionHash(let hash) = self { hash } else { nil } }
    var hash: Data {
        switch self {
        case .tokenHash(let hash), .sessionHash(let hash): hash
        }
    }
}

extension IdentityProviders {
    /// A provider that is not configured any more has no name.
    func name(ofIssuer issuer: String) -> String { client(ofIssuer: issuer)?.provider.name ?? issuer }
}
