internal import HTTPTypes
internal import Hummingbird

/// What a request to the Realtime endpoint hears that did not become a WebSocket: why.
struct RealtimeRoutes: Sendable {
    var door: RealtimeAuthorization

    func add(to router: Router<TrellisContext>) {
        for path in RealtimeAuthorization.paths { router.get(RouterPath(path), use: refuse) }
    }

    private func refuse(_ request: Request, context: TrellisContext) async throws -> Response {
        _ = try await door.admit(request.head)
        var response = try Response.json(
            ["error": "This is a WebSocket: send an upgrade request, as the first one of its connection."],
            status: .upgradeRequired)
        response.headers[.upgrade] = "websocket"
        // A proxy that sent an upgrade on a used connection will open another one.
        response.headers[.connection] = "close"
        return response
    }
}
