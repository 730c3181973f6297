internal import Domain
internal import Logging
internal import ServiceLifecycle
internal import Storage

/// What nobody asks for but must happen: lost claims are queued again, lost jobs given up, expired things deleted.
struct Housekeeping: Service {
    var store: any Store
    var ambient: SystemDependencies
    var logger: Logger
    var leases: ReportedLeases
    var limits: LeaseLimits

    /// Between two rounds.
    static let interval = Duration.seconds(5)
    /// Plan artifacts hold sensitive values in clear: they do not outlive a week.
    static let artifactLifetime: Int64 = 7 * 24 * 3_600_000

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            var watch = LeaseWatch(limits: limits)
            var before = ContinuousClock.now
            while true {
                do {
                    try await round()
                    // Not more than was slept for: time in which this process stood still is nobody's silence.
                    let elapsed = min(ContinuousClock.now - before, Self.interval * 2)
                    try await giveUp(&watch, elapsed: elapsed / .milliseconds(1))
                } catch is CancellationError { throw CancellationError() } catch {
                    logger.warning("housekeeping failed", metadata: ["error": "\(error)"])
                }
                before = .now
                try await Task.sleep(for: Self.interval)
            }
        }
    }

    /// Takes the leases of Tendrils that are lost, after `elapsed` more milliseconds.
    func giveUp(_ watch: inout LeaseWatch, elapsed: Double) async throws {
        let held = try await store.activeJobs().filter { $0.state.engine.holdsVine }.compactMap(\.lease)
        let heard = Dictionary(
            try await store.tendrils().compactMap { tendril in tendril.lastSeenAt.map { (tendril.id, $0) } },
            uniquingKeysWith: { first, _ in first })
        for (lease, loss) in watch.advance(by: Int64(elapsed), leases: held, heard: heard, named: leases.all) {
            try await LeaseRevocation(store: store, ambient: ambient).lease(lease, because: loss)
            logger.notice("gave up a job", metadata: ["job": "\(lease.job)", "reason": "\(loss)"])
        }
    }

    /// One round; public to tests through `@testable`.
    func round() async throws {
        let now = ambient.now()
        let status = Dictionary(
            try await store.tendrils().map { ($0.id, $0.status(at: now)) }, uniquingKeysWith: { first, _ in first })
        for job in try await store.activeJobs() where job.status == .claimed {
            guard let worker = job.state.worker, status[worker] == .offline else { continue }
            // Refused where the Tendril started just now: then it is not lost.
            _ = try? await store.change(job.id, [.loseLease(epoch: job.state.epoch)], facts: JobFields(), at: now)
        }
        try await store.deleteExpiredAccess(at: now)
        _ = try await store.deleteArtifacts(before: now.advanced(by: -Self.artifactLifetime))
    }
}
