internal import Domain
internal import Synchronization

/// How long a started job may go without its Tendril, in milliseconds.
public struct LeaseLimits: Sendable {
    /// The Tendril was not heard of at all.
    public var silence: Int64
    /// The Tendril is heard of, and does not name the lease: it has lost the job's folder.
    public var unnamed: Int64

    public init(silence: Int64 = 3_600_000, unnamed: Int64 = 120_000) {
        self.silence = silence
        self.unnamed = unnamed
    }
}

/// Counts how long each started job has been without its Tendril, and says when it is given up.
///
/// It counts only while this process runs and can store, on a clock that nobody sets: a Trellis that was away, or whose
/// machine's clock jumped, takes no lease for that.
struct LeaseWatch: Sendable {
    enum Loss: Hashable, Sendable {
        case silent(minutes: Int64)
        case unnamed
    }

    private struct Count: Sendable {
        /// The Tendril's last heartbeat, as far as seen.
        var heard: Timestamp?
        var silence: Int64 = 0
        var unnamed: Int64 = 0
    }

    let limits: LeaseLimits
    private var counts: [Lease: Count] = [:]

    init(limits: LeaseLimits) { self.limits = limits }

    /// Lets `elapsed` milliseconds go by for the jobs that have started and not ended.
    ///
    /// - Parameters:
    ///   - heard: the last heartbeat of each Tendril.
    ///   - named: what each Tendril named in it.
    /// - Returns: the leases to take away now.
    mutating func advance(
        by elapsed: Int64, leases: [Lease], heard: [TendrilID: Timestamp], named: [TendrilID: Set<Lease>]
    ) -> [(lease: Lease, loss: Loss)] {
        var lost: [(lease: Lease, loss: Loss)] = []
        var next: [Lease: Count] = [:]
        for lease in leases {
            let last = heard[lease.worker]
            // The first time it is only noted: what was before, this process did not see.
            guard var count = counts[lease] else {
                next[lease] = Count(heard: last)
                continue
            }
            count.silence += elapsed
            if count.heard != last {
                let isNamed = named[lease.worker].map { $0.contains(lease) } ?? true
                count.unnamed = isNamed ? 0 : count.unnamed + count.silence
                count.heard = last
                count.silence = 0
            }
            next[lease] = count
            if count.silence >= limits.silence {
                lost.append((lease, .silent(minutes: count.silence / 60_000)))
            } else if count.unnamed >= limits.unnamed {
                lost.append((lease, .unnamed))
            }
        }
        counts = next
        return lost
    }
}

/// What the Tendrils named in their last heartbeats.
final class ReportedLeases: Sendable {
    private let named = Mutex<[TendrilID: Set<Lease>]>([:])

    func note(_ leases: Set<Lease>, of worker: TendrilID) { named.withLock { $0[worker] = leases } }

    var all: [TendrilID: Set<Lease>] { named.withLock { $0 } }
}
