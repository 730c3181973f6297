internal import Domain
internal import HTTPTypes
internal import Hummingbird
internal import LiveFeed
internal import WebSocket
internal import Wire

/// `/realtime/v1/websocket`: Supabase's Realtime protocol (docs/realtime.md).
struct RealtimeEndpoint: WebSocketEndpoint {
    var authorization: RealtimeAuthorization
    var dependencies: RealtimeDependencies

    func serves(path: String) -> Bool { RealtimeAuthorization.paths.contains(path) }

    /// A refused request goes to ``RealtimeRoutes``, which asks again and responds with the reason.
    func admit(_ request: HTTPRequest) async -> (any WebSocketSession)? {
        guard let client = try? await authorization.admit(request) else { return nil }
        return RealtimeSession(client: client, dependencies: dependencies)
    }
}

/// What every Realtime session needs.
struct RealtimeDependencies: Sendable {
    var feeds: Feeds
    var access: AccessCheck
    var rights: RightsCheck
    var connections: RealtimeConnections
    var limits: RealtimeLimits
    var ambient: SystemDependencies
}

/// Responds to requests to the Realtime endpoint that did not become WebSockets: says why.
struct RealtimeRoutes: Sendable {
    var authorization: RealtimeAuthorization

    func add(to router: some RouterMethods<TrellisContext>) {
        for path in RealtimeAuthorization.paths { router.get(RouterPath(path), use: refuse) }
    }

    private func refuse(_ request: Request, context: TrellisContext) async throws -> Response {
        _ = try await authorization.admit(request.head)
        let error = ErrorResponse(error: "This is a WebSocket. Send an upgrade request.")
        var response = Response.json(try WireJSON.encode(error), status: .upgradeRequired)
        response.headers[.upgrade] = "websocket"
        // A proxy that sent an invalid upgrade opens another connection.
        response.headers[.connection] = "close"
        return response
    }
}
