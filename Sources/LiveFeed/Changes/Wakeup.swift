internal import Synchronization

/// Wakes waiting tasks. Notifications for a busy task merge, and none is lost.
public final class Wakeup: Sendable {
    /// Why a wait ended.
    public enum Reason: Sendable { case notified, timedOut, closed }

    private enum Wait {
        /// The task has not suspended yet.
        case entered
        case suspended(CheckedContinuation<Reason, Never>)
        /// Ended before the task suspended.
        case ended(Reason)
    }

    private struct State {
        var waits: [UInt64: Wait] = [:]
        var nextID: UInt64 = 0
        /// A notification that no task has taken yet.
        var isNotified = false
        var isClosed = false
    }

    private let state = Mutex(State())

    public init() {}

    /// Waits for the next notification; returns at once if one came since the last wait. A notification ends the waits
    /// of all tasks that wait when it comes.
    ///
    /// - Parameter timeout: gives up after this long, for heartbeats.
    /// - Returns: `.closed` also if the task was canceled; other waits continue.
    public func next(timeout: Duration) async -> Reason {
        let id = state.withLock { state in
            state.nextID += 1
            state.waits[state.nextID] = .entered
            return state.nextID
        }
        let timer = Task { [weak self] in
            try await Task.sleep(for: timeout)
            self?.end(id, .timedOut)
        }
        defer {
            timer.cancel()
            state.withLock { $0.waits[id] = nil }
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let now: Reason? = state.withLock { state in
                    if state.isClosed { return .closed }
                    if state.isNotified {
                        state.isNotified = false
                        return .notified
                    }
                    if case .ended(let reason) = state.waits[id] { return reason }
                    state.waits[id] = .suspended(continuation)
                    return nil
                }
                if let now { continuation.resume(returning: now) }
            }
        } onCancel: {
            end(id, .closed)
        }
    }

    public func notify() {
        let woken = state.withLock { state in
            let woken = Self.takeSuspended(&state)
            if woken.isEmpty { state.isNotified = true }
            return woken
        }
        for continuation in woken { continuation.resume(returning: .notified) }
    }

    /// Ends all current and future waits.
    public func close() {
        let woken = state.withLock { state in
            state.isClosed = true
            return Self.takeSuspended(&state)
        }
        for continuation in woken { continuation.resume(returning: .closed) }
    }

    private static func takeSuspended(_ state: inout State) -> [CheckedContinuation<Reason, Never>] {
        var taken: [CheckedContinuation<Reason, Never>] = []
        for (id, wait) in state.waits {
            guard case .suspended(let continuation) = wait else { continue }
            state.waits[id] = .entered
            taken.append(continuation)
        }
        return taken
    }

    private func end(_ id: UInt64, _ reason: Reason) {
        let woken: CheckedContinuation<Reason, Never>? = state.withLock { state in
            switch state.waits[id] {
            case .entered:
                state.waits[id] = .ended(reason)
                return nil
            case .suspended(let continuation):
                state.waits[id] = .entered
                return continuation
            case .ended, nil:
                return nil
            }
        }
        woken?.resume(returning: reason)
    }
}
