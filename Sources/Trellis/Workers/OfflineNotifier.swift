internal import Domain
internal import LiveFeed
internal import Logging
internal import Storage
internal import Synchronization

/// Notifies those who follow the Tendrils when one goes OFFLINE: a missing heartbeat is not a change of the store.
struct OfflineNotifier: Sendable {
    var store: any Store
    var feeds: Feeds
    var ambient: SystemDependencies

    static let interval = Duration.seconds(2)

    /// The duty that runs it, on every node for its own readers.
    func periodic(logger: Logger) -> Periodic {
        let known = Mutex<[TendrilID: Tendril.Status]>([:])
        return Periodic(name: "offline notices", interval: Self.interval, exclusive: nil, logger: logger) { _ in
            // A database that is away for a moment is reported by others.
            guard let seen = try? await check(known.withLock { $0 }) else { return }
            known.withLock { $0 = seen }
        }
    }

    /// Notifies of each Tendril whose status differs from the known one. Returns the current ones.
    func check(_ known: [TendrilID: Tendril.Status]) async throws -> [TendrilID: Tendril.Status] {
        let now = ambient.now()
        var seen: [TendrilID: Tendril.Status] = [:]
        for tendril in try await store.tendrils() {
            seen[tendril.id] = tendril.status(at: now)
            if let before = known[tendril.id], before != seen[tendril.id] {
                feeds.rows.changed(.workers, id: tendril.id.rawValue, .update)
            }
        }
        return seen
    }
}
