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

    var access: any AccessStore & AuditStore
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
        if let previous = cookie.secret(in: request) { try await end(previous, context) }
        let secret = credentials.make(.session)
        let now = credentials.ambient.now()
        let isFixed = method == .provider && refreshToken == nil
        let lifetime = isFixed ? Self.fixedGroupsLifetime : Self.lifetime
        let session = NewSession(
            hash: Credentials.hash(secret), user: user, method: method, address: address.text(request, context),
            agent: (request.headers[.userAgent] ?? "").shortened(toBytes: 200), createdAt: now,
            expiresAt: now.advanced(by: lifetime), refreshToken: refreshToken)
        let event = audit(of: user, session.hash, method.rawValue, context).event(
            .createSession, on: AuditResource("session", AccessEntry.id(of: session.hash), name: user),
            credentials.ambient)
        try await access.recording(event).createSession(session)
        return cookie.cookie(secret, maxAge: Int(lifetime / 1000))
    }

    func end(_ secret: String, _ context: TrellisContext) async throws {
        let hash = Credentials.hash(secret)
        if let user = try await access.account(ofSession: hash, at: credentials.ambient.now())?.name {
            let event = audit(of: user, hash, "session", context).event(
                .endSession, on: AuditResource("session", AccessEntry.id(of: hash), name: user), credentials.ambient)
            try await access.recording(event).deleteSession(hash: hash)
        } else {
            try await access.deleteSession(hash: hash)
        }
        onEnded(.session(secret))
    }

    /// The user of the session `hash` as the actor; the request itself has no valid credential yet.
    private func audit(
        of user: String, _ hash: Data, _ source: String, _ context: TrellisContext
    ) -> AuditContext {
        var audit = context.audit
        audit.actor = AuditActor(
            kind: .user, id: user, name: user, source: source, tokenID: AccessEntry.id(of: hash))
        return audit
    }
}
