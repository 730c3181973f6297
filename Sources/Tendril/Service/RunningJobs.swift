import Domain
import Wire

/// The jobs that this Tendril has now.
actor RunningJobs {
    private var runners: [JobID: JobRunner] = [:]
    private var leavers: [JobID: [CheckedContinuation<Void, Never>]] = [:]

    var count: Int { runners.count }

    var leases: [LeaseMessage] { runners.values.map(\.lease).sorted { $0.jobId.rawValue < $1.jobId.rawValue } }

    subscript(job: JobID) -> JobRunner? { runners[job] }

    func add(_ runner: JobRunner) { runners[runner.lease.jobId] = runner }

    func remove(_ runner: JobRunner) {
        let job = runner.lease.jobId
        runners[job] = nil
        for waiter in leavers.removeValue(forKey: job) ?? [] { waiter.resume() }
    }

    /// Waits until the job, if it is here, has left: an earlier claim of it, whose lease was lost before the start.
    func awaitDeparture(of job: JobID) async {
        guard runners[job] != nil else { return }
        await withCheckedContinuation { leavers[job, default: []].append($0) }
    }
}

/// One at a time, in the order of asking.
///
/// A heartbeat lists the leases that are held; while a claim is under way nobody can say, and Trellis would take back
/// what it has just given.
actor SerialGate {
    private var isTaken = false
    private var queue: [CheckedContinuation<Void, Never>] = []

    func pass<Result: Sendable>(_ body: @Sendable () async throws -> Result) async rethrows -> Result {
        if isTaken {
            await withCheckedContinuation { queue.append($0) }
        } else {
            isTaken = true
        }
        defer { if queue.isEmpty { isTaken = false } else { queue.removeFirst().resume() } }
        return try await body()
    }
}
