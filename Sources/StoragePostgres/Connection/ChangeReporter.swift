internal import Storage
internal import Synchronization

/// Reports changes in the order of their commits, as far as that can be told from here.
///
/// A transaction takes a number when all its locks are held, just before its commit. Of two transactions that touch the
/// same rows, the second gets its locks only after the first one's commit, so its number is the higher one. Changes are
/// reported in the order of the numbers.
final class ChangeReporter: Sendable {
    private struct State {
        var last = 0
        /// The next number to report.
        var next = 1
        /// Transactions that have ended, and wait for those before them.
        var ended: [Int: Ended] = [:]
    }

    private struct Ended {
        var changes: [StoreChange]
        var continuation: CheckedContinuation<Void, Never>?
    }

    private let onChange: ChangeObserver
    private let state = Mutex(State())

    init(_ onChange: @escaping ChangeObserver) { self.onChange = onChange }

    /// A number for a transaction whose locks are held. It must be given back: by ``report(_:_:)`` or ``drop(_:)``.
    func take() -> Int {
        state.withLock { state in
            state.last += 1
            return state.last
        }
    }

    /// Reports what the transaction committed. Returns when that, and everything before it, was reported.
    func report(_ number: Int, _ changes: [StoreChange]) async {
        await withCheckedContinuation { end(number, Ended(changes: changes, continuation: $0)) }
    }

    /// Gives back the number of a transaction that was not committed.
    func drop(_ number: Int) { end(number, Ended(changes: [])) }

    private func end(_ number: Int, _ ended: Ended) {
        let done = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            state.ended[number] = ended
            var done: [CheckedContinuation<Void, Never>] = []
            while let ended = state.ended.removeValue(forKey: state.next) {
                state.next += 1
                // Under the lock, so that nobody overtakes; the observer does not block.
                if !ended.changes.isEmpty { onChange(ended.changes) }
                if let continuation = ended.continuation { done.append(continuation) }
            }
            return done
        }
        for continuation in done { continuation.resume() }
    }
}

/// The number of the attempt that counts, of a transaction that may run several times.
final class ChangeNumber: Sendable {
    private let reporter: ChangeReporter
    private let number = Mutex<Int?>(nil)

    init(_ reporter: ChangeReporter) { self.reporter = reporter }

    /// For a new attempt, at its end.
    func take() {
        let old = number.withLock { number in
            let old = number
            number = reporter.take()
            return old
        }
        if let old { reporter.drop(old) }
    }

    func report(_ changes: [StoreChange]) async {
        guard let taken = number.withLock({ $0 }) else { return }
        await reporter.report(taken, changes)
    }

    func drop() {
        if let taken = number.withLock({ $0 }) { reporter.drop(taken) }
    }
}
