internal import Domain
internal import Logging
internal import Storage
internal import Synchronization

/// Compacts logs while they grow and after they end, so that they stay small and every line is quick to find.
final class LogCompactor: Sendable {
    private let store: any Store
    private let logger: Logger
    private let state = Mutex(State())

    private struct State {
        var grown: Set<JobID> = []
        /// Rounds since all logs were looked at.
        var rounds = 0
    }

    /// The part of a log that has arrived since the last round is read row by row.
    static let interval = Duration.seconds(1)
    /// Rounds after which all logs are looked at: what other nodes stored may not have been heard.
    private static let wholeRound = 30
    /// Logs that are remembered. With more, all are looked at: this node may never have the duty.
    private static let capacity = 10_000

    init(store: any Store, logger: Logger) {
        self.store = store
        self.logger = logger
    }

    /// Remembers which logs may have something to compact. An observer of the ``ChangeBus``.
    func changed(_ changes: [StoreChange]) {
        let jobs = Set(
            changes.compactMap { change in
                switch change {
                case .log(let job, _), .job(let job, _): job
                case .tendril, .vine, .queue, .stop, .everything: nil
                }
            })
        guard !jobs.isEmpty else { return }
        state.withLock { state in
            state.grown.formUnion(jobs)
            guard state.grown.count > Self.capacity else { return }
            state.grown = []
            // The next round looks at all.
            state.rounds = -1
        }
    }

    /// The duty that runs it, on one node at a time.
    func periodic(on nodes: any ExclusiveDuty) -> Periodic {
        Periodic(name: "log compaction", interval: Self.interval, exclusive: nodes, logger: logger) { [self] round in
            let isWhole = state.withLock { state in
                state.rounds = round.isFirst ? 0 : state.rounds + 1
                return state.rounds % Self.wholeRound == 0
            }
            if isWhole { grow(try await store.jobsToCompact()) }
            try await runOnce(store.bound(to: round.term))
        }
    }

    private func runOnce(_ store: any Store) async throws {
        let jobs = state.withLock { state in
            defer { state.grown = [] }
            return state.grown
        }
        for job in jobs {
            do {
                while try await store.compact(job) { try Task.checkCancellation() }
            } catch is CancellationError {
                throw CancellationError()
            } catch let error as StorageError where error.kind == .fenced {
                // Another node has the duty, and has found these jobs itself.
                throw error
            } catch {
                // The log stays as it is, and the next round tries again.
                if !(error is Refusal) { grow([job]) }
                logger.warning("a log was not compacted", metadata: ["job": "\(job)", "error": "\(error)"])
            }
        }
    }

    private func grow(_ jobs: [JobID]) {
        state.withLock { $0.grown.formUnion(jobs) }
    }
}
