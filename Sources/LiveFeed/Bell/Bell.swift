internal import Synchronization

/// Wakes readers when something they follow has changed.
///
/// A bell carries no data: readers are cursors over the store, and a ring only says "look again". So nothing is queued
/// per reader, rings that come while a reader is busy fold into one, and none is ever lost.
public final class Bell<Topic: Hashable & Sendable>: Sendable {
    private struct State {
        var listeners: [Topic: [UInt64: Listener]] = [:]
        var nextID: UInt64 = 0
        var isClosed = false
    }

    private let state = Mutex(State())

    public init() {}

    /// Follows `topics` until the listener is released. What rings from now on is heard, even before the first wait.
    ///
    /// - Parameter wakeup: what wakes the reader; one that others ring as well, where it follows more than bells.
    public func listen(to topics: [Topic], waking wakeup: Wakeup = Wakeup()) -> Listener {
        state.withLock { state in
            state.nextID += 1
            let listener = Listener(id: state.nextID, topics: topics, bell: self, wakeup: wakeup)
            for topic in topics { state.listeners[topic, default: [:]][listener.id] = listener }
            if state.isClosed { listener.close() }
            return listener
        }
    }

    /// Wakes everybody who follows one of `topics`.
    public func ring(_ topics: some Sequence<Topic>) {
        let woken = state.withLock { state in topics.flatMap { state.listeners[$0].map { Array($0.values) } ?? [] } }
        for listener in woken { listener.ring() }
    }

    /// Ends every wait, now and from now on: the server is going away.
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

extension Bell {
    /// One reader's ear: used by one task at a time. ``cancel()`` must be called when it is no longer needed.
    public final class Listener: Sendable {
        fileprivate let id: UInt64
        fileprivate let topics: [Topic]
        private let bell: Bell
        private let wakeup: Wakeup
        private let rang = Mutex(false)

        fileprivate init(id: UInt64, topics: [Topic], bell: Bell, wakeup: Wakeup) {
            self.id = id
            self.topics = topics
            self.bell = bell
            self.wakeup = wakeup
        }

        /// Waits for the next ring; at once where one came since the last wait. See ``Wakeup/next(timeout:)``.
        public func next(timeout: Duration) async -> Wakeup.Reason {
            await wakeup.next(timeout: timeout)
        }

        /// Whether this bell has rung since the last call: for those whose ``Wakeup`` serves others as well.
        public func takeRing() -> Bool {
            rang.withLock { rang in
                defer { rang = false }
                return rang
            }
        }

        /// Stops listening.
        public func cancel() {
            bell.remove(self)
            wakeup.close()
        }

        fileprivate func ring() {
            rang.withLock { $0 = true }
            wakeup.ring()
        }

        fileprivate func close() { wakeup.close() }
    }
}
