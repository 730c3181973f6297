internal import Domain
internal import Logging
internal import Storage
internal import Synchronization

/// Compacts logs while they grow and after they end, so that they stay small and every line is quick to find.
final class LogCompactor: Sendable {
    private let store: any Store
    private let logger: Logger
    private let grown = Mutex<Set<JobID>>([])
    private let rounds = Mutex(0)

    /// The part of a log that has arrived since the last round is read row by row.
    static let interval = Duration.seconds(1)
    /// Rounds after which all logs are looked at: what other nodes stored may not have been heard.
    private static let wholeRound = 30

    init(store: any Store, logger: Logger) {
        self.store = store
        self.logger = logger
    }

    /// Remembers which logs may have something to compact. An observer of the ``ChangeBus``.
    func changed(_ changes: [StoreChange]) {
        grow(
            changes.compactMap { change in
                switch change {
                case .log(let job, _), .job(let job, _): job
                case .tendril, .vine, .queue, .stop, .everything: nil
                }
            })
    }

    /// The duty that runs it, on one node at a time.
    func periodic(on nodes: any ExclusiveDuty) -> Periodic {
        Periodic(name: "log compaction", interval: Self.interval, exclusive: nodes, logger: logger) { [self] round in
            let isWhole = rounds.withLock { rounds in
                rounds = round.isFirst ? 0 : rounds + 1
                return rounds % Self.wholeRound == 0
            }
            if isWhole { grow(try await store.jobsToCompact()) }
            try await runOnce(store.bound(to: round.term))
        }
    }

    private func runOnce(_ store: any Store) async throws {
        let jobs = grown.withLock { jobs in
            defer { jobs = [] }
            return jobs
        }
        for job in jobs {
            do {
                while try await store.compact(job) { try Task.checkCancellation() }
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                // The log stays as it is, and the next round tries again.
                if !(error is Refusal) { grow([job]) }
                logger.warning("a log was not compacted", metadata: ["job": "\(job)", "error": "\(error)"])
            }
        }
    }

    private func grow(_ jobs: [JobID]) {
        if !jobs.isEmpty { grown.withLock { $0.formUnion(jobs) } }
    }
}
