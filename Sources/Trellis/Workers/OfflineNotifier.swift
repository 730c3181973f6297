internal import Domain
internal import LiveFeed
internal import ServiceLifecycle
internal import Storage

/// Tells those who follow the Tendrils when one goes OFFLINE: silence is no change of the store.
struct OfflineNotifier: Service {
    var store: any Store
    var feeds: Feeds
    var ambient: SystemDependencies

    /// Between two looks.
    static let interval = Duration.seconds(2)

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            var known: [TendrilID: Tendril.Status] = [:]
            while true {
                try await Task.sleep(for: Self.interval)
                // A database that is away for a moment is none of our business.
                if let seen = try? await look(known) { known = seen }
            }
        }
    }

    /// One look; tells of each Tendril whose status is not the known one. Returns what is known now.
    func look(_ known: [TendrilID: Tendril.Status]) async throws -> [TendrilID: Tendril.Status] {
        let now = ambient.now()
        var seen: [TendrilID: Tendril.Status] = [:]
        for tendril in try await store.tendrils() {
            seen[tendril.id] = tendril.status(at: now)
            if let before = known[tendril.id], before != seen[tendril.id] {
                feeds.rows.told(.workers, id: tendril.id.rawValue, .update)
            }
        }
        return seen
    }
}
