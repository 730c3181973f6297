internal import Domain
internal import Logging
internal import Storage
internal import Synchronization

/// Background maintenance: lost claims are queued again, lost jobs are given up, expired data is deleted.
struct Housekeeping: Sendable {
    var store: any Store
    var ambient: SystemDependencies
    var logger: Logger
    var limits: LeaseLimits
    var metrics = ServerMetrics()

    static let interval = Duration.seconds(5)
    /// Plan artifacts contain sensitive values in plain text, so they expire after a week.
    static let artifactLifetime: Int64 = 7 * 24 * 3_600_000

    /// The duty that runs it, on one node at a time.
    func periodic(on nodes: any ExclusiveDuty) -> Periodic {
        let watch = Mutex(LeaseWatch(limits: limits))
        return Periodic(name: "housekeeping", interval: Self.interval, exclusive: nodes, logger: logger) { round in
            let bound = self.bound(to: round.term)
            try await bound.runOnce()
            var current = round.isFirst ? LeaseWatch(limits: limits) : watch.withLock { $0 }
            try await bound.giveUp(&current, elapsed: round.elapsed / .milliseconds(1))
            watch.withLock { [current] in $0 = current }
        }
    }

    private func bound(to term: DutyTerm) -> Housekeeping {
        var bound = self
        bound.store = store.bound(to: term)
        return bound
    }

    /// Revokes the leases of Tendrils that are lost, after `elapsed` more milliseconds.
    func giveUp(_ watch: inout LeaseWatch, elapsed: Double) async throws {
        let held = try await store.activeJobs().filter { $0.state.engine.holdsVine }.compactMap(\.lease)
        let heartbeats = Dictionary(
            try await store.tendrils().compactMap { tendril in tendril.lastSeenAt.map { (tendril.id, $0) } },
            uniquingKeysWith: { first, _ in first })
        let losses = watch.advance(
            by: Int64(elapsed), leases: held, heartbeats: heartbeats, reported: try await store.reportedLeases())
        for (lease, loss) in losses {
            try await LeaseRevocation(store: store, ambient: ambient, metrics: metrics).lease(lease, because: loss)
            logger.notice("gave up a job", metadata: ["job": "\(lease.job)", "reason": "\(loss)"])
        }
    }

    /// Queues lost claims again and deletes what has expired.
    func runOnce() async throws {
        let now = ambient.now()
        let status = Dictionary(
            try await store.tendrils().map { ($0.id, $0.status(at: now)) }, uniquingKeysWith: { first, _ in first })
        for job in try await store.activeJobs() where job.status == .claimed {
            guard let worker = job.state.worker, status[worker] == .offline else { continue }
            // Refused if the Tendril has started the job meanwhile: then it is not lost.
            let event = AuditContext.system.event(
                .loseLease, on: job, reason: "The Tendril that claimed it is offline.", ambient)
            let change = try? await store.recording(event).change(
                job.id, [.loseLease(epoch: job.state.epoch)], facts: JobFields(), at: now)
            if change != nil { metrics.lostLease() }
        }
        try await store.deleteExpiredAccess(at: now)
        _ = try await store.deleteRepeatableRequests(before: now.advanced(by: -RepeatableRequest.lifetime), limit: 1000)
        let event = AuditContext.system.event(
            .deleteArtifacts, reason: "Plan files are deleted after a week.", ambient)
        _ = try await store.recording(event).deleteArtifacts(before: now.advanced(by: -Self.artifactLifetime))
    }
}
