internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Storage
internal import Wire

/// Authenticates requests. Rejects nothing: each route states its own requirement.
struct Authentication: RouterMiddleware {
    /// The calls that don't use a session; ``SignIn`` checks where they come from.
    static let signInPaths = Set(
        [
            AccessEndpoints.signIn.description, AccessEndpoints.readInvitation.description,
            AccessEndpoints.redeemLoginCode.description,
        ].map(\.path))
    static let csrfHeader = headerName("X-CSRF-Token")
    static let workerID = headerName(WorkerHeader.id)
    private static let workerToken = headerName(WorkerHeader.token)
    static let fetchSite = headerName("Sec-Fetch-Site")

    var access: AccessCheck
    var tendrils: any TendrilStore
    var origins: AllowedOrigins
    var cookie: SessionCookie
    var lastUse: LastUse
    var refresh: SessionRefresh

    func handle(
        _ request: Request, context: TrellisContext, next: (Request, TrellisContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        context.principal = try await principal(of: request)
        if case .user(let user) = context.principal { lastUse.note(user.credential, at: access.ambient.now()) }
        return try await next(request, context)
    }

    private func principal(of request: Request) async throws -> Principal? {
        if let id = request.headers[Self.workerID] {
            return try await tendril(id: id, token: request.headers[Self.workerToken] ?? "")
        }
        if let authorization = request.headers[.authorization] {
            return try await tokenUser(authorization)
        }
        let isSigningIn = request.method == .post && Self.signInPaths.contains(request.uri.path)
        if !isSigningIn, let secret = cookie.secret(in: request) {
            return try await sessionUser(secret, request: request)
        }
        return nil
    }

    private func tendril(id: String, token: String) async throws -> Principal {
        guard let id = TendrilID(id), let hash = try await tendrils.tendrilTokenHash(id),
            Credentials.isSame(hash, Credentials.hash(token))
        else { throw HTTPError(.unauthorized, message: "Invalid Tendril ID or token.") }
        return .tendril(id)
    }

    /// `Bearer TOKEN`; or `Basic`, whose password is the token, as Terraform's `http` backend sends it.
    private func tokenUser(_ authorization: String) async throws -> Principal {
        let parts = authorization.split(separator: " ", maxSplits: 1)
        var token = parts.count == 2 ? String(parts[1]) : ""
        if parts.first?.lowercased() == "basic" {
            let pair = Data(base64Encoded: token).flatMap { String(bytes: $0, encoding: .utf8) } ?? ""
            token = pair.split(separator: ":", maxSplits: 1).last.map(String.init) ?? ""
        }
        let credential = Credential.token(token)
        guard let account = try await account(of: credential) else {
            throw HTTPError(.unauthorized, message: "The API token is not valid.")
        }
        return .user(.init(account: account, csrfToken: nil, credential: credential))
    }

    /// With the groups that the identity provider sent a few seconds ago at most, as far as it answers.
    private func account(of credential: Credential) async throws -> Account? {
        guard let account = try await access.user(of: credential) else { return nil }
        return await refresh.confirm(credential) ? try await access.user(of: credential) : account
    }

    /// Browsers send the cookie with any request, so a change must also prove that it
    /// comes from one of our pages.
    private func sessionUser(_ secret: String, request: Request) async throws -> Principal? {
        let credential = Credential.session(secret)
        guard let account = try await account(of: credential) else { return nil }
        let csrfToken = Credentials.csrfToken(forSession: secret)
        if request.method != .get, request.method != .head {
            let sent = Data((request.headers[Self.csrfHeader] ?? "").utf8)
            guard origins.isOwnPage(request), Credentials.isSame(sent, Data(csrfToken.utf8)) else {
                throw HTTPError(.forbidden, message: "This page is out of date. Reload it and try again.")
            }
        }
        return .user(.init(account: account, csrfToken: csrfToken, credential: credential))
    }
}

extension AllowedOrigins {
    /// False for a request that a browser marks as coming from another site's page. Clients that are not browsers
    /// send neither header.
    func isOwnPage(_ request: Request) -> Bool {
        let isOwnSite = request.headers[Authentication.fetchSite].map { $0 == "same-origin" } ?? true
        return isOwnSite && request.headers[.origin].map(allows(origin:)) ?? true
    }
}
