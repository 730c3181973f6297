public import Domain

/// What a reader can follow.
public enum FeedTopic: Hashable, Sendable {
    /// A job's fields and its log.
    case job(JobID)
    /// What is asked of one Tendril.
    case tendril(TendrilID)
    /// Anything that may let a queued job be claimed.
    case queue
}

/// The bell of the whole server.
public typealias FeedNotifier = Bell<FeedTopic>
