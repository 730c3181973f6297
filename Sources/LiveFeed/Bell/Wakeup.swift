internal import Synchronization

/// Wakes one waiting task. Rings that come while it is busy fold into one, and none is lost.
public final class Wakeup: Sendable {
    /// Why a wait ended.
    public enum Reason: Sendable { case rang, timedOut, closed }

    private enum State {
        case idle
        case rung
        case waiting(CheckedContinuation<Reason, Never>)
        case closed
    }

    private let state = Mutex(State.idle)

    public init() {}

    /// Waits for the next ring; at once where one came since the last wait.
    ///
    /// - Parameter timeout: gives up after this long, for heartbeats.
    /// - Returns: `.closed` also where the task was cancelled.
    public func next(timeout: Duration) async -> Reason {
        let timer = Task { [weak self] in
            try await Task.sleep(for: timeout)
            self?.end(.timedOut)
        }
        defer { timer.cancel() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let now: Reason? = state.withLock { state in
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

    public func ring() {
        let waiting: CheckedContinuation<Reason, Never>? = state.withLock { state in
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

    /// Ends the waits, now and from now on.
    public func close() {
        let waiting: CheckedContinuation<Reason, Never>? = state.withLock { state in
            defer { state = .closed }
            guard case .waiting(let continuation) = state else { return nil }
            return continuation
        }
        waiting?.resume(returning: .closed)
    }

    private func end(_ reason: Reason) {
        let waiting: CheckedContinuation<Reason, Never>? = state.withLock { state in
            guard case .waiting(let continuation) = state else { return nil }
            state = .idle
            return continuation
        }
        waiting?.resume(returning: reason)
    }
}
