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
    public func listen(to topics: [Topic]) -> Listener {
        state.withLock { state in
            state.nextID += 1
            let listener = Listener(id: state.nextID, topics: topics, bell: self)
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
        /// Why a wait ended.
        public enum Wake: Sendable { case rang, timedOut, closed }

        private enum State {
            case idle
            case rung
            case waiting(CheckedContinuation<Wake, Never>)
            case closed
        }

        fileprivate let id: UInt64
        fileprivate let topics: [Topic]
        private let bell: Bell
        private let state = Mutex(State.idle)

        fileprivate init(id: UInt64, topics: [Topic], bell: Bell) {
            self.id = id
            self.topics = topics
            self.bell = bell
        }

        /// Waits for the next ring; at once where one came since the last wait.
        ///
        /// - Parameter timeout: gives up after this long, for heartbeats.
        /// - Returns: `.closed` also where the task was cancelled.
        public func next(timeout: Duration) async -> Wake {
            let timer = Task { [weak self] in
                try await Task.sleep(for: timeout)
                self?.wake(.timedOut)
            }
            defer { timer.cancel() }
            return await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let now: Wake? = state.withLock { state in
                        switch state {
                        case .idle, .waiting:
                            state = .waiting(continuation)
                            return nil
                        case .rung:
                            state = .idle
                            return .rang
                        case .closed:
                            return .closed
                        }
                    }
                    if let now { continuation.resume(returning: now) }
                }
            } onCancel: {
                close()
            }
        }

        /// Stops listening.
        public func cancel() {
            bell.remove(self)
            close()
        }

        fileprivate func ring() {
            let waiting: CheckedContinuation<Wake, Never>? = state.withLock { state in
                switch state {
                case .waiting(let continuation):
                    state = .idle
                    return continuation
                case .idle:
                    state = .rung
                    return nil
                case .rung, .closed:
                    return nil
                }
            }
            waiting?.resume(returning: .rang)
        }

        private func wake(_ wake: Wake) {
            let waiting: CheckedContinuation<Wake, Never>? = state.withLock { state in
                guard case .waiting(let continuation) = state else { return nil }
                state = .idle
                return continuation
            }
            waiting?.resume(returning: wake)
        }

        /// Ends this listener's waits, now and from now on.
        public func close() {
            let waiting: CheckedContinuation<Wake, Never>? = state.withLock { state in
                defer { state = .closed }
                guard case .waiting(let continuation) = state else { return nil }
                return continuation
            }
            waiting?.resume(returning: .closed)
        }
    }
}
