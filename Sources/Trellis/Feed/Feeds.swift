internal import Domain
internal import LiveFeed
internal import Storage

/// Everything that can be followed.
struct Feeds: Sendable {
    /// "Look again", for those who read the store themselves.
    let bell = FeedNotifier()
    let logs: LogFeeds
    let rows: TableFeed

    init(store: any Store, limits: FeedLimits, ambient: SystemDependencies) {
        let source = StoreFeed(store: store, ambient: ambient)
        logs = LogFeeds(source: source, limits: limits)
        rows = TableFeed(source: source, limits: limits, now: ambient.now)
    }

    /// Tells who follows what. Called by the store after each commit: it only marks and wakes.
    func told(_ changes: [StoreChange]) {
        var topics: Set<FeedTopic> = []
        for change in changes {
            switch change {
            case .job(let id, let isNew):
                topics.formUnion([.job(id), .queue])
                rows.told(.jobs, id: id.rawValue, isNew ? .insert : .update)
            case .log(let id, let seq):
                logs.told(id, seq: seq)
            case .tendril(let id, let isNew):
                rows.told(.workers, id: id.rawValue, isNew ? .insert : .update)
            case .vine(let id, let isNew):
                topics.insert(.queue)
                rows.told(.vines, id: id.rawValue, isNew ? .insert : .update)
            }
        }
        bell.ring(topics)
    }
}
