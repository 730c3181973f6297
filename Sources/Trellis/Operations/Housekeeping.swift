internal import Domain
internal import Logging
internal import ServiceLifecycle
internal import Storage

/// What nobody asks for but must happen: lost claims are queued again, expired things deleted.
struct Housekeeping: Service {
    var store: any Store
    var ambient: Ambient
    var logger: Logger

    /// Between two rounds.
    static let interval = Duration.seconds(5)
    /// Plan artifacts hold sensitive values in clear: they do not outlive a week.
    static let artifactLifetime: Int64 = 7 * 24 * 3_600_000

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while true {
                do { try await round() } catch is CancellationError { throw CancellationError() } catch {
                    logger.warning("housekeeping failed", metadata: ["error": "\(error)"])
                }
                try await Task.sleep(for: Self.interval)
            }
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
            _ = try? await store.change(job.id, [.loseLease(epoch: job.state.epoch)], facts: JobFacts(), at: now)
        }
        try await store.deleteExpiredAccess(at: now)
        _ = try await store.deleteArtifacts(before: now.advanced(by: -Self.artifactLifetime))
    }
}
