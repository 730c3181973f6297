internal import Domain
internal import Storage

/// Takes the lease of a started job away from a Tendril that can't be reached. The job ends; what its Tendril still has
/// to tell (log, state, outcome) is taken in when it comes back, and nothing is applied again on its own.
struct GiveUp: Sendable {
    var store: any Store
    var ambient: Ambient

    /// A person gives the job up. - Throws: ``Refusal`` `.conflict` while the Tendril is heard of, or nothing runs.
    func job(_ id: JobID, by user: String) async throws -> Job {
        guard let job = try await store.job(id) else { throw Refusal(.notFound, "There is no such job.") }
        guard let lease = job.lease, job.state.engine.holdsVine else {
            throw Refusal(
                .conflict, "The job is \(job.status.rawValue) and nothing of it runs; there is nothing to give up.")
        }
        let now = ambient.now()
        let tendril = try await store.tendril(lease.worker)
        if let tendril, tendril.status(at: now) != .offline {
            throw Refusal(.conflict, "\(tendril.name) is \(tendril.status(at: now).rawValue): cancel the job instead.")
        }
        let name = tendril?.name ?? "its Tendril"
        let silence = tendril?.lastSeenAt.map { " for \(Self.phrase(now.milliseconds(since: $0)))" } ?? ""
        return try await take(
            lease, status: job.status, reason: "Given up by \(user): no contact with \(name)\(silence).")
    }

    /// Time is up for the job of `lease`.
    func lease(_ lease: Lease, because loss: LeaseWatch.Loss) async throws {
        guard let job = try await store.job(lease.job), job.lease == lease, job.state.engine.holdsVine else { return }
        let name = try await store.tendril(lease.worker)?.name ?? "its Tendril"
        let reason =
            switch loss {
            case .silent(let minutes): "Given up: no contact with \(name) for \(minutes) minutes."
            case .unnamed: "Given up: \(name) no longer knows this job; its folder is missing or unreadable."
            }
        _ = try await take(lease, status: job.status, reason: reason)
    }

    private func take(_ lease: Lease, status: JobStatus, reason: String) async throws -> Job {
        // The error message stays; the outcome is replaced when the Tendril comes back and reports the real one. So
        // only the outcome says what is not known yet.
        let unknown = "It isn't known what Terraform did after that. If it held the state lock, it still does."
        let facts = JobFacts(
            errorMessage: status == .processing ? reason : nil,
            outcome: Outcome(result: .unknown, summary: unknown), notes: ["\(reason) \(unknown)"])
        let events: [JobEvent] = [
            .giveUp(epoch: lease.epoch),
            .closeLog(
                epoch: lease.epoch, .incomplete(reason: "The Tendril was given up; what it had not sent is missing.")),
        ]
        return try await store.change(lease.job, events, facts: facts, at: ambient.now()).job
    }

    private static func phrase(_ milliseconds: Int64) -> String {
        let seconds = max(0, milliseconds) / 1000
        return seconds < 120 ? "\(seconds) s" : "\(seconds / 60) min"
    }
}
