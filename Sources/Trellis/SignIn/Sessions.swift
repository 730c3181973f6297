internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Storage

/// Begins and ends sessions of browsers.
struct Sessions: Sendable {
    /// How long a session lasts, in milliseconds.
    static let lifetime: Int64 = 12 * 3_600_000
    /// How long one lasts whose groups can't be read again.
    static let fixedGroupsLifetime: Int64 = 3_600_000

    var access: any AccessStore
    var credentials: Credentials
    var cookie: SessionCookie
    var address: ClientAddress
    /// Closes connections of a session that has ended.
    var onEnded: @Sendable (Credential) -> Void

    /// Begins a session; the previous one of the browser ends. Returns its cookie.
    func begin(
        _ user: String, _ method: SignInMethod, refreshToken: String? = nil, _ request: Request,
        _ context: TrellisContext
    ) async throws -> Cookie {
        if let previous = cookie.secret(in: request) { try await end(previous) }
        let secret = credentials.make(.session)
        let now = credentials.ambient.now()
        let isFixed = method == .provider && refreshToken == nil
        let lifetime = isFixed ? Self.fixedGroupsLifetime : Self.lifetime
        try await access.createSession(
            NewSession(
                hash: Credentials.hash(secret), user: user, method: method, address: address.text(request, context),
                agent: (request.headers[.userAgent] ?? "").shortened(toBytes: 200), createdAt: now,
                expiresAt: now.advanced(by: lifetime), refreshToken: refreshToken))
        return cookie.cookie(secret, maxAge: Int(lifetime / 1000))
    }

    func end(_ secret: String) async throws {
        try await access.deleteSession(hash: Credentials.hash(secret))
        onEnded(.session(secret))
    }
}
