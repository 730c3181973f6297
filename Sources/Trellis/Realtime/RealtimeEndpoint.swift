internal import Domain
internal import HTTPTypes
internal import LiveFeed
internal import WebSocket

/// `/realtime/v1/websocket`: Supabase's Realtime protocol (docs/realtime.md).
struct RealtimeEndpoint: WebSocketEndpoint {
    var door: RealtimeAuthorization
    var parts: RealtimeDependencies

    func serves(path: String) -> Bool { RealtimeAuthorization.paths.contains(path) }

    /// A refused request goes to ``RealtimeRoutes``, which asks the door again and says why.
    func admit(_ request: HTTPRequest) async -> (any WebSocketSession)? {
        guard let caller = try? await door.admit(request) else { return nil }
        return RealtimeSession(caller: caller, parts: parts)
    }
}

/// What every Realtime session needs.
struct RealtimeDependencies: Sendable {
    var feeds: Feeds
    var access: AccessCheck
    var connections: RealtimeConnections
    var limits: RealtimeLimits
    var ambient: SystemDependencies
}
