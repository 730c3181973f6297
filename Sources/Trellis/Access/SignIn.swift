internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Storage
internal import Wire

/// Sign-in links, sessions and the routes for both.
struct SignIn: Sendable {
    /// How long a link can be used, and a session lasts, in milliseconds.
    static let linkLifetime: Int64 = 10 * 60_000
    static let sessionLifetime: Int64 = 12 * 3_600_000

    var access: any AccessStore & AuditStore
    var rights: any RightsStore & AuditStore
    var credentials: Credentials
    var origins: AllowedOrigins
    /// The server's public URL: `http://127.0.0.1:8080`.
    var publicURL: String
    var cookie: SessionCookie
    /// Closes connections of a session that has ended.
    var onSignOut: @Sendable (Credential) -> Void

    func add(to api: APIRouter) {
        api.on(AccessEndpoints.createLink, use: createLink)
        api.on(AccessEndpoints.signIn, use: signIn)
        api.on(AccessEndpoints.signOut, use: signOut)
    }

    /// Creates a link. Its secret is in the fragment, which browsers send to no server.
    private func createLink(
        _ call: APICall<NoParameters>, _ request: SignInLinkRequest
    ) async throws -> SignInLinkResponse {
        let user = try request.user ?? call.user
        guard !user.isEmpty, user.count <= 64, PlainName.isPlain(user) else {
            throw Refusal(.invalid, "\"user\" has 1 to 64 characters, none of them a control or bidirectional one.")
        }
        let secret = credentials.make(.signInLink)
        let entry = AccessEntry(kind: .link, hash: Credentials.hash(secret), name: user)
        let event = call.audit.event(.createLink, on: AuditResource(entry), credentials.ambient)
        try await access.recording(event).createSignInLink(
            hash: entry.hash, user: user,
            expiresAt: credentials.ambient.now().advanced(by: Self.linkLifetime))
        return SignInLinkResponse(url: "\(publicURL)/sign-in#token=\(secret)")
    }

    /// Exchanges a link's secret or an API token for a session cookie. A user who is signed in switches users: the
    /// previous session ends.
    private func signIn(
        _ call: APICall<NoParameters>, _ body: SignInRequest
    ) async throws -> (SignInResponse, Cookie) {
        // A new session has no CSRF token yet. The headers that browsers send must do, so that no other site can sign
        // a user in under a name of its choice.
        guard origins.isOwnPage(call.request) else {
            throw HTTPError(.forbidden, message: "Sign in from this server's own page.")
        }
        let now = credentials.ambient.now()
        var user: String?
        if let link = body.link {
            user = try await access.redeemSignInLink(hash: Credentials.hash(link), at: now)
            if let user {
                let event = AuditContext.system.event(
                    .createGrant, on: .firstAdministrator(user), reason: "The first who signs in.", credentials.ambient)
                try await rights.recording(event).admit(user, id: credentials.ambient.makeID(), at: now)
            }
        } else if let token = body.token {
            user = try await access.tokenName(hash: Credentials.hash(token))
        }
        guard let user else {
            throw HTTPError(
                .unauthorized,
                message: body.link == nil
                    ? "That token is not valid."
                    : "This sign-in link was used before or has expired. Print a new one with \"vintner sign-in-url\".")
        }
        if let previous = cookie.secret(in: call.request) { try await end(previous, of: nil, call) }
        let secret = credentials.make(.session)
        let entry = AccessEntry(kind: .session, hash: Credentials.hash(secret), name: user)
        var audit = call.audit
        audit.actor = AuditActor(
            kind: .user, id: user, name: user, source: body.link == nil ? "token" : "link", tokenID: entry.id)
        let event = audit.event(.createSession, on: AuditResource(entry), credentials.ambient)
        try await access.recording(event).createSession(
            hash: entry.hash, user: user, expiresAt: now.advanced(by: Self.sessionLifetime))
        return (SignInResponse(user: user), cookie.cookie(secret, maxAge: Int(Self.sessionLifetime / 1000)))
    }

    /// Ends the session.
    private func signOut(_ call: APICall<NoParameters>, _: NoFields) async throws -> (SignOutResponse, Cookie) {
        if let secret = cookie.secret(in: call.request) { try await end(secret, of: call.user, call) }
        return (SignOutResponse(signedOut: true), cookie.cookie("", maxAge: 0))
    }

    /// - Parameter user: whose it is; found out if that is nil.
    private func end(_ session: String, of user: String?, _ call: APICall<NoParameters>) async throws {
        let hash = Credentials.hash(session)
        var owner = user
        if owner == nil { owner = try await access.sessionUser(hash: hash, at: credentials.ambient.now()) }
        if let owner {
            let entry = AccessEntry(kind: .session, hash: hash, name: owner)
            var audit = call.audit
            audit.actor = AuditActor(kind: .user, id: owner, name: owner, source: "session", tokenID: entry.id)
            let event = audit.event(.endSession, on: AuditResource(entry), credentials.ambient)
            try await access.recording(event).deleteSession(hash: hash)
        }
        onSignOut(.session(session))
    }
}

/// The cookie that carries a dashboard session.
///
/// Browsers share cookies between all ports of a host. The name therefore ends in the port that browsers use, so that
/// two installations on one host do not sign each other out.
struct SessionCookie: Sendable {
    let name: String
    private let isSecure: Bool

    /// - Parameter publicURL: where browsers reach the server: `http://127.0.0.1:8080`.
    init(publicURL: String) {
        isSecure = publicURL.hasPrefix("https://")
        let port = URLComponents(string: publicURL)?.port ?? (isSecure ? 443 : 80)
        name = "vintner_session_\(port)"
    }

    /// The session's secret; nil for a request without the cookie.
    func secret(in request: Request) -> String? { request.cookies[name]?.value }

    func cookie(_ secret: String, maxAge: Int) -> Cookie {
        Cookie(
            name: name, value: secret, maxAge: maxAge, path: "/", secure: isSecure, httpOnly: true, sameSite: .lax)
    }
}
