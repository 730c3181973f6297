internal import Domain
internal import Logging
internal import ServiceLifecycle
internal import Storage
internal import Synchronization

/// Seals logs while they grow and after they end, so that they stay small and every place in them is near.
final class LogCompactor: Service {
    private let store: any Store
    private let logger: Logger
    private let grown = Mutex<Set<JobID>>([])

    /// Between two rounds. So much of a log is read as it came.
    static let interval = Duration.seconds(1)

    init(store: any Store, logger: Logger) {
        self.store = store
        self.logger = logger
    }

    /// Notes which logs may have something to seal. Called by the store after each commit.
    func told(_ changes: [StoreChange]) {
        grow(
            changes.compactMap { change in
                switch change {
                case .log(let job, _), .job(let job, _): job
                case .tendril, .vine: nil
                }
            })
    }

    func run() async throws {
        try? await cancelWhenGracefulShutdown { [self] in
            do { grow(try await store.jobsToSeal()) } catch { report(error) }
            while true {
                for job in grown.withLock({ jobs in
                    defer { jobs = [] }; return jobs
                }) {
                    do {
                        while try await store.seal(job) { try Task.checkCancellation() }
                    } catch {
                        // The log stays as it came, and is tried again in the next round.
                        if !(error is Refusal) { grow([job]) }
                        report(error)
                    }
                }
                try await Task.sleep(for: Self.interval)
            }
        }
    }

    private func grow(_ jobs: [JobID]) {
        if !jobs.isEmpty { grown.withLock { $0.formUnion(jobs) } }
    }

    private func report(_ error: any Error) {
        guard !(error is CancellationError) else { return }
        logger.warning("sealing a log failed", metadata: ["error": "\(error)"])
    }
}
