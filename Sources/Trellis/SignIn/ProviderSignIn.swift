internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import OpenID
internal import Storage
internal import Synchronization
internal import Wire

/// The identity providers, and what is known of how well they work.
final class IdentityProviders: Sendable {
    struct Status: Sendable {
        var lastSuccess: Timestamp?
        var lastFailure: (at: Timestamp, reason: String)?
    }

    let clients: [OpenIDClient]
    private let status = Mutex<[String: Status]>([:])

    init(_ providers: [OpenIDProvider], transport: any OpenIDTransport, ambient: SystemDependencies) {
        clients = providers.map { OpenIDClient($0, transport: transport, ambient: ambient) }
    }

    func client(_ id: String) -> OpenIDClient? { clients.first { $0.provider.id == id } }
    func client(ofIssuer issuer: String) -> OpenIDClient? { clients.first { $0.provider.issuer == issuer } }

    func status(of id: String) -> Status { status.withLock { $0[id] ?? Status() } }

    func succeeded(_ id: String, at now: Timestamp) { status.withLock { $0[id, default: Status()].lastSuccess = now } }

    func failed(_ id: String, _ error: OpenIDError, at now: Timestamp) {
        status.withLock { $0[id, default: Status()].lastFailure = (now, error.description) }
    }
}

/// Sign-in with an identity provider: sends the browser there, and takes it back at the callback.
///
/// What ties the answer to the browser is in a cookie that lives for ten minutes, encrypted, and only for these two
/// paths. It is `SameSite=Lax`, because the callback is a navigation from another site; the answer is useless without
/// it. The session's cookie is set on the answer to the callback, which redirects to a page of ours.
struct ProviderSignIn: Sendable {
    static let start: RouterPath = "sign-in/oidc/start"
    static let callback: RouterPath = "sign-in/oidc/callback"
    /// What comes back there is recorded here, with its reason.
    static let callbackPath = "/sign-in/oidc/callback"

    var providers: IdentityProviders
    var store: any UserStore & RightsStore
    var sessions: Sessions
    var vault: Vault
    var ambient: SystemDependencies
    var origins: AllowedOrigins
    var publicURL: String
    /// Records the sign-ins that failed.
    var denials: DenialLog
    /// Shows the sign-in page with what went wrong.
    var show: @Sendable (SignInProblem, TrellisContext) -> Response

    private var redirectURI: String { publicURL + Self.callbackPath }

    func add(to router: some RouterMethods<TrellisContext>) {
        router.get(Self.start, use: start)
        router.get(Self.callback, use: callback)
    }

    // MARK: - To the provider

    private func start(_ request: Request, context: TrellisContext) async throws -> Response {
        // Another site must not begin a sign-in: it would end in this browser's session being replaced.
        let site = request.headers[Authentication.fetchSite] ?? "none"
        guard ["same-origin", "none"].contains(site) else {
            return show(.init("Start here", "Sign in from this page.", status: .forbidden), context)
        }
        let query = request.query
        guard let client = providers.client(query["provider"] ?? "") else { throw Refusal.notFound("provider") }
        let attempt = SignInAttempt(
            provider: client.provider.id, next: LocalPath.checked(query["next"]), ambient: ambient)
        let url: String
        do {
            url = try await client.authorizationURL(for: attempt, redirectURI: redirectURI)
        } catch {
            return await failure(error, client, context)
        }
        let sealed = try vault.encrypt(Data(WireJSON.encode(attempt)), for: "sign-in-attempt")
        var response = Response.redirect(to: url, type: .found)
        response.headers[.cacheControl] = "no-store"
        response.setCookie(
            cookie(attempt.state, value: sealed.base64URL, maxAge: Int(SignInAttempt.lifetime / 1000)))
        return response
    }

    // MARK: - Back

    private func callback(_ request: Request, context: TrellisContext) async throws -> Response {
        let query = request.query
        guard let state = query["state"], let attempt = attempt(state, request),
            let client = providers.client(attempt.provider)
        else {
            return await refuse(
                .init(
                    "Sign-in was not completed",
                    "It took longer than ten minutes, or began in another browser. Start again.",
                    status: .badRequest), nil, context)
        }
        var response = try await finish(query, attempt, client, request, context)
        response.headers[.cacheControl] = "no-store"
        // It works once.
        response.setCookie(cookie(state, value: "", maxAge: 0))
        return response
    }

    private func finish(
        _ query: [String: String], _ attempt: SignInAttempt, _ client: OpenIDClient, _ request: Request,
        _ context: TrellisContext
    ) async throws -> Response {
        let provider = client.provider
        do {
            guard try await client.accepts(responseIssuer: query["iss"]) else { throw OpenIDError.badToken(.issuer) }
            if query["error"] == "access_denied" {
                return await refuse(
                    .init("Sign-in was canceled", "\(provider.name) did not let you in.", status: .forbidden),
                    provider, context)
            }
            guard query["error"] == nil, let code = query["code"], !code.isEmpty, code.utf8.count <= 4096 else {
                throw OpenIDError.refused
            }
            let identity = try await client.signIn(code: code, attempt: attempt, redirectURI: redirectURI)
            let user = try await store.signIn(
                ExternalIdentity(issuer: provider.issuer, subject: identity.subject), names: identity.names,
                groups: identity.groups ?? [], newID: ambient.makeID(), at: ambient.now())
            let cookie = try await sessions.begin(
                user.name, .provider, refreshToken: identity.refreshToken, request, context)
            providers.succeeded(provider.id, at: ambient.now())
            context.logger.notice(
                "signed in", metadata: ["user": "\(user.name)", "provider": "\(provider.id)"])
            var response = try await landing(attempt.next, user, provider, context)
            response.setCookie(cookie)
            return response
        } catch let error as OpenIDError {
            return await failure(error, client, context)
        } catch let refusal as Refusal {
            return await refuse(
                .init("You can't sign in", refusal.reason, status: .forbidden), provider, context)
        }
    }

    /// Where the person goes on to; without any role, a page that says so.
    private func landing(
        _ next: String, _ user: User, _ provider: OpenIDProvider, _ context: TrellisContext
    ) async throws -> Response {
        let account = Account(name: user.name, kind: user.kind, groups: user.groups(at: ambient.now()))
        guard try await store.rights(of: account).held.isEmpty else { return .redirect(to: next, type: .found) }
        let groups = user.groups.isEmpty ? "none" : user.groups.prefix(Self.shownGroups).joined(separator: ", ")
        let query = GrantQuery(scopes: [.installation], role: .admin)
        let admins = try await store.grants(query, limit: 5, cursor: nil).items.map(\.principal.name)
        return show(
            .init(
                "You don't have access yet",
                "You signed in as \(user.name) through \(provider.name), but no role is granted to you or to your "
                    + "groups. Groups received: \(groups). Administrators: \(admins.joined(separator: ", ")). "
                    + "If you were just added to a group, sign in again.", status: .forbidden), context)
    }

    private static let shownGroups = 20

    private func failure(_ error: OpenIDError, _ client: OpenIDClient, _ context: TrellisContext) async -> Response {
        let provider = client.provider
        providers.failed(provider.id, error, at: ambient.now())
        context.logger.warning(
            "sign-in with a provider failed", metadata: ["provider": "\(provider.id)", "reason": "\(error)"])
        let text =
            switch error {
            case .unreachable: "\(provider.name) does not answer. Try again, or use a local account."
            case .malformed, .refused, .badToken:
                "\(provider.name) did not confirm who you are: \(error). Start again; if it stays, tell an administrator."
            }
        return await refuse(.init("Couldn't sign in", text, status: .badGateway), provider, context)
    }

    /// Shows that a sign-in failed, and records it: who tried is not known.
    private func refuse(
        _ problem: SignInProblem, _ provider: OpenIDProvider?, _ context: TrellisContext
    ) async -> Response {
        var audit = context.audit
        audit.actor = .unknown
        audit.actor.source = provider?.name
        let event = audit.event(
            .createSession, on: provider.map { AuditResource("provider", $0.id, name: $0.name) }, outcome: .failed,
            reason: "\(problem.heading): \(problem.message)", ambient)
        do {
            try await denials.record(event)
        } catch {
            context.logger.error("a failed sign-in was not recorded", metadata: ["error": "\(error)"])
        }
        return show(problem, context)
    }

    // MARK: - The cookie

    /// Several sign-ins may be under way in one browser, so each has a cookie of its own.
    private func cookieName(_ state: String) -> String {
        "\(sessions.cookie.name)_oidc_\(state.prefix(8).filter { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" })"
    }

    private func cookie(_ state: String, value: String, maxAge: Int) -> Cookie {
        Cookie(
            name: cookieName(state), value: value, maxAge: maxAge, path: "/sign-in/oidc",
            secure: publicURL.hasPrefix("https://"), httpOnly: true, sameSite: .lax)
    }

    /// The attempt that the browser began; nil if it began none with this state, or too long ago.
    private func attempt(_ state: String, _ request: Request) -> SignInAttempt? {
        guard state.utf8.count <= 100, let text = request.cookies[cookieName(state)]?.value,
            let sealed = Data(base64URL: text), let plain = try? vault.decrypt(sealed, for: "sign-in-attempt"),
            let attempt = try? WireJSON.decode(SignInAttempt.self, from: plain),
            Credentials.isSame(Data(attempt.state.utf8), Data(state.utf8)), attempt.expiresAt > ambient.now()
        else { return nil }
        return attempt
    }
}

/// Why a sign-in did not work, for the sign-in page.
struct SignInProblem: Sendable {
    var heading: String
    var message: String
    var status: HTTPResponse.Status

    init(_ heading: String, _ message: String, status: HTTPResponse.Status) {
        (self.heading, self.message, self.status) = (heading, message, status)
    }
}

/// A path on this server, to go on to.
enum LocalPath {
    static let start = "/dashboard/jobs"

    /// `text` if it is a path of ours, else the start page. What browsers take for an address of another site is none.
    static func checked(_ text: String?) -> String {
        guard let text, text.hasPrefix("/"), !text.hasPrefix("//"), text.utf8.count <= 2000,
            text.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value < 0x7f && $0 != "\\" })
        else { return start }
        return text
    }
}

extension Request {
    /// The query's parameters; of one that is given twice, the first.
    fileprivate var query: [String: String] {
        Dictionary(queryItems.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
    }
}
