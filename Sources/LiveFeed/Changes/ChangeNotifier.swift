public import Domain
internal import Synchronization

/// What a reader can wait for.
public enum FeedTopic: Hashable, Sendable {
    /// A job's fields and its log.
    case job(JobID)
    /// Requests for one Tendril.
    case tendril(TendrilID)
    /// Anything that may let a queued job be claimed.
    case queue
}

/// The server's notifier.
public typealias FeedNotifier = ChangeNotifier<FeedTopic>

/// Wakes readers when something they follow has changed.
///
/// A notification carries no data: it only tells readers to look again. So nothing is queued per reader, notifications
/// for a busy reader merge, and none is lost.
public final class ChangeNotifier<Topic: Hashable & Sendable>: Sendable {
    private struct State {
        var listeners: [Topic: [UInt64: Listener]] = [:]
        var nextID: UInt64 = 0
        var isClosed = false
    }

    private let state = Mutex(State())

    public init() {}

    /// Follows `topics` until the listener is canceled. Notifications from now on count, even before the first wait.
    ///
    /// - Parameter wakeup: what wakes the reader; one shared with other sources, if it follows more than topics.
    public func listen(to topics: [Topic], waking wakeup: Wakeup = Wakeup()) -> Listener {
        state.withLock { state in
            state.nextID += 1
            let listener = Listener(id: state.nextID, topics: topics, notifier: self, wakeup: wakeup)
            for topic in topics { state.listeners[topic, default: [:]][listener.id] = listener }
            if state.isClosed { listener.close() }
            return listener
        }
    }

    /// Wakes all readers that follow one of `topics`.
    public func notify(_ topics: some Sequence<Topic>) {
        let woken = state.withLock { state in topics.flatMap { state.listeners[$0].map { Array($0.values) } ?? [] } }
        for listener in woken { listener.notify() }
    }

    /// Wakes all readers.
    public func notifyAll() {
        for listener in state.withLock({ $0.listeners.values.flatMap { Array($0.values) } }) { listener.notify() }
    }

    /// Ends all current and future waits, for shutdown.
    public func close() {
        let all = state.withLock { state in
            state.isClosed = true
            return state.listeners.values.flatMap { Array($0.values) }
        }
        for listener in all { listener.close() }
    }

    fileprivate func remove(_ listener: Listener) {
        state.withLock { state in
            for topic in listener.topics {
                state.listeners[topic]?[listener.id] = nil
                if state.listeners[topic]?.isEmpty == true { state.listeners[topic] = nil }
            }
        }
    }
}

extension ChangeNotifier {
    /// One reader's subscription. ``cancel()`` must be called when it is no longer needed.
    public final class Listener: Sendable {
        fileprivate let id: UInt64
        fileprivate let topics: [Topic]
        private let notifier: ChangeNotifier
        private let wakeup: Wakeup
        private let isNotified = Mutex(false)

        fileprivate init(id: UInt64, topics: [Topic], notifier: ChangeNotifier, wakeup: Wakeup) {
            self.id = id
            self.topics = topics
            self.notifier = notifier
            self.wakeup = wakeup
        }

        /// Waits for the next notification; returns at once if one came since the last wait. See
        /// ``Wakeup/next(timeout:)``.
        public func next(timeout: Duration) async -> Wakeup.Reason {
            await wakeup.next(timeout: timeout)
        }

        /// Whether a topic has changed since the last call: for readers whose ``Wakeup`` serves others as well.
        public func takeNotification() -> Bool {
            isNotified.withLock { isNotified in
                defer { isNotified = false }
                return isNotified
            }
        }

        /// Stops listening.
        public func cancel() {
            notifier.remove(self)
            wakeup.close()
        }

        fileprivate func notify() {
            isNotified.withLock { $0 = true }
            wakeup.notify()
        }

        fileprivate func close() { wakeup.close() }
    }
}
