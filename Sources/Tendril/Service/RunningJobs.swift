import Domain
import Wire

/// The jobs that this Tendril is running.
actor RunningJobs {
    private var runners: [JobID: JobRunner] = [:]
    /// Claimed jobs that have no runner yet.
    private var reserved: [JobID: LeaseMessage] = [:]
    private var removals: [JobID: OneShotResult<Void>] = [:]

    /// Slots in use.
    var count: Int { runners.count + reserved.count }

    /// The leases that Trellis has granted; of one job there may be two.
    var leases: [LeaseMessage] {
        (runners.values.map(\.lease) + reserved.values).sorted {
            ($0.jobId.rawValue, $0.epoch) < ($1.jobId.rawValue, $1.epoch)
        }
    }

    subscript(job: JobID) -> JobRunner? { runners[job] }

    /// Holds a slot for a job that was just claimed, until its runner is added.
    func reserve(_ lease: LeaseMessage) { reserved[lease.jobId] = lease }

    /// Frees the slot of a claimed job that does not start.
    func release(_ job: JobID) { reserved[job] = nil }

    func add(_ runner: JobRunner) {
        reserved[runner.lease.jobId] = nil
        runners[runner.lease.jobId] = runner
    }

    func remove(_ runner: JobRunner) {
        let job = runner.lease.jobId
        runners[job] = nil
        removals.removeValue(forKey: job)?.set()
    }

    /// Returns once the job has no runner.
    ///
    /// - Throws: `CancellationError`.
    func waitUntilRemoved(_ job: JobID) async throws {
        guard runners[job] != nil else { return }
        let removal = removals[job] ?? OneShotResult<Void>()
        removals[job] = removal
        try await removal.wait()
    }
}

/// Runs one operation at a time, in the order of the calls.
///
/// A heartbeat names every lease that this Tendril holds. While a claim is in flight the list is incomplete, and
/// Trellis would take back the lease that it just granted.
actor SerialGate {
    private var isTaken = false
    private var queue: [CheckedContinuation<Void, Never>] = []

    func run<Result: Sendable>(_ body: @Sendable () async throws -> Result) async rethrows -> Result {
        if isTaken {
            await withCheckedContinuation { queue.append($0) }
        } else {
            isTaken = true
        }
        defer { if queue.isEmpty { isTaken = false } else { queue.removeFirst().resume() } }
        return try await body()
    }
}
