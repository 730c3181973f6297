internal import Domain
internal import LiveFeed
internal import Storage

/// Everything that can be followed.
struct Feeds: Sendable {
    /// Wakes those who read the store themselves.
    let bell = FeedNotifier()
    let logs: LogFeeds
    let rows: TableFeed

    init(store: any Store, limits: FeedLimits, ambient: SystemDependencies) {
        let source = StoreFeed(store: store, ambient: ambient)
        logs = LogFeeds(source: source, limits: limits)
        rows = TableFeed(source: source, limits: limits, now: ambient.now)
    }

    /// Notifies those who follow what changed. An observer of the ``ChangeBus``: it only marks and wakes.
    func changed(_ changes: [StoreChange]) {
        var topics: Set<FeedTopic> = []
        for change in changes {
            switch change {
            case .job(let id, let isNew):
                topics.insert(.job(id))
                rows.changed(.jobs, id: id.rawValue, isNew ? .insert : .update)
            case .log(let id, let seq):
                logs.committed(id, upTo: seq)
            case .tendril(let id, let isNew):
                rows.changed(.workers, id: id.rawValue, isNew ? .insert : .update)
            case .vine(let id, let isNew):
                rows.changed(.vines, id: id.rawValue, isNew ? .insert : .update)
            case .queue:
                topics.insert(.queue)
            case .stop(let tendril):
                topics.insert(.tendril(tendril))
            case .everything:
                rows.missed()
                bell.notifyAll()
            }
        }
        bell.notify(topics)
    }
}
