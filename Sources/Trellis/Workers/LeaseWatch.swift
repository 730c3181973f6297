internal import Domain

/// When a started job is given up, in milliseconds.
public struct LeaseLimits: Sendable {
    /// The Tendril sends no heartbeat.
    public var silence: Int64
    /// The Tendril sends heartbeats that do not report the lease: it has lost the job's folder.
    public var notReported: Int64

    public init(silence: Int64 = 3_600_000, notReported: Int64 = 120_000) {
        self.silence = silence
        self.notReported = notReported
    }
}

/// Counts how long each started job has been without its Tendril, and decides when it is given up.
///
/// It counts on monotonic time, and only while this process runs and can store: a Trellis that was away, or whose
/// machine's clock jumped, revokes no lease for that.
struct LeaseWatch: Sendable {
    enum Loss: Hashable, Sendable {
        case noHeartbeat(minutes: Int64)
        case notReported
    }

    private struct Count: Sendable {
        /// The Tendril's last known heartbeat.
        var heartbeat: Timestamp?
        var silence: Int64 = 0
        var notReported: Int64 = 0
    }

    let limits: LeaseLimits
    private var counts: [Lease: Count] = [:]

    init(limits: LeaseLimits) { self.limits = limits }

    /// Advances by `elapsed` milliseconds for the jobs that have started and not ended.
    ///
    /// - Parameters:
    ///   - heartbeats: the last heartbeat of each Tendril.
    ///   - reported: the leases that each Tendril reported in it.
    /// - Returns: the leases to revoke now.
    mutating func advance(
        by elapsed: Int64, leases: [Lease], heartbeats: [TendrilID: Timestamp], reported: [TendrilID: Set<Lease>]
    ) -> [(lease: Lease, loss: Loss)] {
        var lost: [(lease: Lease, loss: Loss)] = []
        var next: [Lease: Count] = [:]
        for lease in leases {
            let last = heartbeats[lease.worker]
            // The first round only starts the count: this process did not see what came before.
            guard var count = counts[lease] else {
                next[lease] = Count(heartbeat: last)
                continue
            }
            count.silence += elapsed
            if count.heartbeat != last {
                let isReported = reported[lease.worker].map { $0.contains(lease) } ?? true
                count.notReported = isReported ? 0 : count.notReported + count.silence
                count.heartbeat = last
                count.silence = 0
            }
            next[lease] = count
            if count.silence >= limits.silence {
                lost.append((lease, .noHeartbeat(minutes: count.silence / 60_000)))
            } else if count.notReported >= limits.notReported {
                lost.append((lease, .notReported))
            }
        }
        counts = next
        return lost
    }
}
