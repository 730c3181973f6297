internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import LiveFeed

/// The client of a Realtime connection, and the protocol version that it uses.
struct RealtimeClient: Sendable {
    var account: Account
    var credential: Credential
    var version: RealtimeVersion
    /// Counts the connection. It is released when the session ends, or never begins.
    var slot: ConcurrencyLimit.Slot
}

/// Decides who may connect to the Realtime endpoint.
///
/// A credential is an API token (`x-api-key`, `apikey` in the query, `Authorization: Bearer`), or the dashboard's
/// cookie. Browsers send the cookie no matter which page opened the socket, so with it the `Origin` must be our own.
struct RealtimeAuthorization: Sendable {
    var access: AccessCheck
    var origins: AllowedOrigins
    var cookie: SessionCookie
    var connections: RealtimeConnections
    /// Maximum number of connections at a time.
    var limit: Int

    /// The endpoint itself, and the path of a self-hosted Supabase.
    static let paths: Set<String> = ["/realtime/v1/websocket", "/socket/websocket"]

    private static let apiKey = headerName("x-api-key")

    /// - Throws: ``HTTPError`` 400, 401, 403, 421 or 429 with a message; what the store throws.
    func admit(_ request: HTTPRequest) async throws -> RealtimeClient {
        guard let authority = request.authority, origins.allows(host: authority) else {
            throw HTTPError(.misdirectedRequest, message: "Unknown host name.")
        }
        let query = URI(request.path ?? "").queryParameters
        let asked = query["vsn"].map { String($0) } ?? RealtimeVersion.v1.rawValue
        guard let version = RealtimeVersion(rawValue: asked) else {
            throw HTTPError(.badRequest, message: "\"vsn\" is 1.0.0 or 2.0.0.")
        }
        let credential = try credential(of: request, apiKey: query["apikey"].map { String($0) })
        guard let account = try await access.user(of: credential) else {
            throw HTTPError(.unauthorized, message: "The credential is invalid or expired.")
        }
        guard let slot = connections.slots.take(RealtimeConnections.slotKey, limit: limit) else {
            throw HTTPError(.tooManyRequests, message: "ConnectionRateLimitReached: Too many connections")
        }
        return RealtimeClient(account: account, credential: credential, version: version, slot: slot)
    }

    private func credential(of request: HTTPRequest, apiKey: String?) throws -> Credential {
        if let key = request.headerFields[Self.apiKey] ?? apiKey { return .token(key) }
        if let authorization = request.headerFields[.authorization] {
            let parts = authorization.split(separator: " ", maxSplits: 1)
            return .token(parts.count == 2 && parts[0].lowercased() == "bearer" ? String(parts[1]) : "")
        }
        let head = Request(head: request, body: .init(buffer: .init()))
        guard let session = cookie.secret(in: head) else {
            throw HTTPError(.unauthorized, message: "Sign in, or send an API token as \"apikey\".")
        }
        guard let origin = request.headerFields[.origin], origins.allows(origin: origin) else {
            throw HTTPError(.forbidden, message: "This session can't be used from another site.")
        }
        return .session(session)
    }
}
