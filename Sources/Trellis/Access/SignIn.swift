internal import Crypto
internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Storage
internal import Wire

/// Sign-in with a link, an API token, a password or an invitation, and sign-out.
struct SignIn: Sendable {
    /// How long a link can be used, in milliseconds.
    static let linkLifetime: Int64 = 10 * 60_000
    static let invitationLifetime: Int64 = 7 * 24 * 3_600_000

    var store: any Store
    var credentials: Credentials
    var origins: AllowedOrigins
    /// The server's public URL: `http://127.0.0.1:8080`.
    var publicURL: String
    var sessions: Sessions
    var passwords: Passwords
    var attempts: AttemptLimit

    func add(to api: APIRouter) {
        api.on(AccessEndpoints.createLink, use: createLink)
        api.on(AccessEndpoints.signIn, use: signIn)
        api.on(AccessEndpoints.readInvitation, use: readInvitation)
        api.on(AccessEndpoints.redeemLoginCode, use: redeemLoginCode)
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
        let link = NewLink(
            kind: .link, hash: Credentials.hash(secret), user: user, createdBy: try call.user,
            expiresAt: credentials.ambient.now().advanced(by: Self.linkLifetime))
        let event = call.audit.event(.createLink, on: AuditResource(link), credentials.ambient)
        try await store.recording(event).createLink(link)
        return SignInLinkResponse(url: "\(publicURL)/sign-in#token=\(secret)")
    }

    // MARK: - Sign-in

    /// Begins a session. A user who is signed in switches users: the previous session ends.
    private func signIn(
        _ call: APICall<NoParameters>, _ body: SignInRequest
    ) async throws -> (SignInResponse, Cookie) {
        // A new session has no CSRF token yet. The headers that browsers send must do, so that no other site can sign
        // a user in under a name of its choice.
        guard origins.isOwnPage(call.request) else {
            throw HTTPError(.forbidden, message: "Sign in from this server's own page.")
        }
        let (user, method) = try await user(body, call)
        let cookie = try await sessions.begin(user, method, call.request, call.context)
        call.context.logger.notice("signed in", metadata: ["user": "\(user)", "method": "\(method.rawValue)"])
        return (SignInResponse(user: user), cookie)
    }

    private func user(
        _ body: SignInRequest, _ call: APICall<NoParameters>
    ) async throws -> (name: String, method: SignInMethod) {
        let now = credentials.ambient.now()
        if let link = body.link {
            let user = try await store.redeemSignInLink(
                hash: Credentials.hash(link), newID: credentials.ambient.makeID(), at: now)
            guard let user else {
                throw HTTPError(
                    .unauthorized,
                    message: "This sign-in link was used before or has expired. "
                        + "Print a new one with \"vintner sign-in-url\".")
            }
            let admission = AuditContext.system.event(
                .createGrant,
                on: AuditResource(
                    "grant", GrantPrincipal(.user, user).description, name: "admin for \(user) on installation"),
                reason: "Nobody has granted a role yet.", credentials.ambient)
            try await store.recording(admission).admit(user, id: credentials.ambient.makeID(), at: now)
            return (user, .link)
        }
        if let invitation = body.invitation {
            let encoded = try await passwords.encode(body.password ?? "")
            let event = call.audit.event(.setPassword, credentials.ambient)
            let user = try await store.recording(event).redeemInvitation(
                hash: Credentials.hash(invitation), password: encoded, at: now)
            guard let user else { throw Self.usedInvitation }
            return (user, .password)
        }
        if let name = body.name {
            return (try await check(name, body.password ?? "", call), .password)
        }
        let account = try await store.account(ofToken: Credentials.hash(body.token ?? ""), at: now)
        // A session may do all that its user may, a token with scopes may not.
        guard let account, account.scopes == nil, account.kind == .user else {
            throw HTTPError(.unauthorized, message: "That token is not valid.")
        }
        return (account.name, .token)
    }

    /// The same answer, after about the same work, whether the name, the password or both are wrong.
    private func check(_ name: String, _ password: String, _ call: APICall<NoParameters>) async throws -> String {
        let network = sessions.address.network(call.request, call.context)
        let left = try attempts.begin(account: name, address: network)
        let stored = try await store.password(ofUser: name)
        guard try await passwords.matches(password, stored?.encoded), let stored else {
            call.context.logger.notice("a sign-in was refused", metadata: ["address": "\(network)"])
            let rest =
                left == 0
                ? "" : left == 1 ? " 1 try left in the next 10 min." : " \(left) tries left in the next 10 min."
            throw HTTPError(.unauthorized, message: "Wrong name or password." + rest)
        }
        attempts.succeed(account: name, address: network)
        return stored.name
    }

    private static let usedInvitation = HTTPError(
        .unauthorized,
        message: "This invitation was used before or has expired. Ask the person who sent it for a new one.")

    private func readInvitation(
        _ call: APICall<NoParameters>, _ body: InvitationRequest
    ) async throws -> InvitationResponse {
        let found = try await store.invitation(
            hash: Credentials.hash(body.invitation), at: credentials.ambient.now())
        guard let found, let expiry = found.expiresAt else { throw Self.usedInvitation }
        return InvitationResponse(user: found.name, invitedBy: found.createdBy, expiresAt: expiry)
    }

    /// Gives the token of a `vintner login` to the command that made the challenge.
    private func redeemLoginCode(
        _ call: APICall<NoParameters>, _ body: RedeemLoginCodeRequest
    ) async throws -> CreateTokenResponse {
        let challenge = Data(SHA256.hash(data: Data(body.verifier.utf8))).base64URL
        let secret = credentials.make(.apiToken)
        let event = call.audit.event(.createToken, credentials.ambient)
        let found = try await store.recording(event).redeemLoginCode(
            hash: Credentials.hash(body.code), detail: LoginCode.detail(challenge: challenge, name: body.name),
            token: Credentials.hash(secret), at: credentials.ambient.now())
        guard let found else {
            throw HTTPError(
                .unauthorized, message: "This code was used before or has expired. Run \"vintner login\" again.")
        }
        call.context.logger.notice("a token was created", metadata: ["name": "\(found.name)", "by": "\(found.owner)"])
        return CreateTokenResponse(id: found.id, name: found.name, token: secret, expiresAt: found.expiresAt)
    }

    /// Ends the session.
    private func signOut(_ call: APICall<NoParameters>, _: NoFields) async throws -> (SignOutResponse, Cookie) {
        if let secret = sessions.cookie.secret(in: call.request) { try await sessions.end(secret, call.context) }
        return (SignOutResponse(signedOut: true), sessions.cookie.cookie("", maxAge: 0))
    }
}

/// What the code of a `vintner login` is tied to.
enum LoginCode {
    /// How long a code works, in milliseconds.
    static let lifetime: Int64 = 5 * 60_000

    static func detail(challenge: String, name: String) -> String { "\(challenge)\n\(name)" }
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
