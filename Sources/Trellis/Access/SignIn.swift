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
    var credentials: Credentials
    var origins: AllowedOrigins
    /// Where people reach the server: `http://127.0.0.1:8080`.
    var publicURL: String
    var cookie: SessionCookie
    /// Ends what was opened with a session that has ended.
    var onSignOut: @Sendable (Credential) -> Void

    struct LinkRequest: Decodable {
        /// Who will be signed in; the token's own name where it is absent.
        var user: String?
    }

    struct LinkReply: Encodable { var url: String }

    struct SignInRequest: Decodable {
        var link: String?
        var token: String?
    }

    /// `POST /api/sign-in-links`: makes a link. The secret stands in the fragment, which no server ever sees.
    func makeLink(_ request: Request, context: TrellisContext) async throws -> Response {
        let asking = try context.requireUser()
        let user = try await request.message(LinkRequest.self, upTo: 4096).user ?? asking
        guard !user.isEmpty, user.count <= 64, PlainName.isPlain(user) else {
            throw Refusal(.invalid, "\"user\" has 1 to 64 characters, none of them a control or bidirectional one.")
        }
        let secret = credentials.make(.signInLink)
        try await access.createSignInLink(
            hash: Credentials.hash(secret), user: user,
            expiresAt: credentials.ambient.now().advanced(by: Self.linkLifetime))
        return try .json(LinkReply(url: "\(publicURL)/sign-in#token=\(secret)"), status: .created)
    }

    /// `POST /sign-in`: takes a link's secret or an API token, and answers with a session cookie. Somebody who is
    /// signed in switches users: the session of before ends.
    func signIn(_ request: Request, context: TrellisContext) async throws -> Response {
        // A new session has no CSRF token yet. What browsers say about the page has to do, so that no other site can
        // sign somebody in under a name of its choice.
        guard origins.isOwnPage(request) else {
            throw HTTPError(.forbidden, message: "Sign in from this server's own page.")
        }
        let body = try await request.message(SignInRequest.self, upTo: 4096)
        let now = credentials.ambient.now()
        var user: String?
        if let link = body.link {
            user = try await access.redeemSignInLink(hash: Credentials.hash(link), at: now)
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
        if let previous = cookie.secret(in: request) { try await end(previous) }
        let secret = credentials.make(.session)
        try await access.createSession(
            hash: Credentials.hash(secret), user: user, expiresAt: now.advanced(by: Self.sessionLifetime))
        var response = try Response.json(["user": user])
        response.setCookie(cookie.cookie(secret, maxAge: Int(Self.sessionLifetime / 1000)))
        return response
    }

    /// `POST /sign-out`: ends the session.
    func signOut(_ request: Request, context: TrellisContext) async throws -> Response {
        _ = try context.requireUser()
        if let secret = cookie.secret(in: request) { try await end(secret) }
        var response = try Response.json(["signed_out": true])
        response.setCookie(cookie.cookie("", maxAge: 0))
        return response
    }

    private func end(_ session: String) async throws {
        try await access.deleteSession(hash: Credentials.hash(session))
        onSignOut(.session(session))
    }
}
