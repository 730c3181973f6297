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

    var access: any AccessStore
    var rights: any RightsStore
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
        try await access.createSignInLink(
            hash: Credentials.hash(secret), user: user,
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
            if let user { try await rights.admit(user, id: credentials.ambient.makeID(), at: now) }
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
        if let previous = cookie.secret(in: call.request) { try await end(previous) }
        let secret = credentials.make(.session)
        try await access.createSession(
            hash: Credentials.hash(secret), user: user, expiresAt: now.advanced(by: Self.sessionLifetime))
        return (SignInResponse(user: user), cookie.cookie(secret, maxAge: Int(Self.sessionLifetime / 1000)))
    }

    /// Ends the session.
    private func signOut(_ call: APICall<NoParameters>, _: NoFields) async throws -> (SignOutResponse, Cookie) {
        if let secret = cookie.secret(in: call.request) { try await end(secret) }
        return (SignOutResponse(signedOut: true), cookie.cookie("", maxAge: 0))
    }

    private func end(_ session: String) async throws {
        try await access.deleteSession(hash: Credentials.hash(session))
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
