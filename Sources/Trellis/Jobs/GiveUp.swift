internal import Domain
internal import Storage

/// Takes the lease of a started job away from a Tendril that can't be reached. The job ends; what its Tendril still has
/// to tell (log, state, outcome) is taken in when it comes back, and nothing is applied again on its own.
struct GiveUp: Sendable {
    var store: any Store
    var ambient: Ambient

    /// A person gives the job up. - Throws: ``Refusal`` `.conflict` while the Tendril is heard of, or nothing runs.
    func job(_ id: JobID, by user: String) async throws -> Job {
        guard let job = try await store.outline(of: id) else { throw Refusal(.notFound, "There is no such job.") }
        guard let lease = job.lease, job.state.engine.holdsVine else {
            throw Refusal(
                .conflict, "The job is \(job.status.rawValue) and nothing of it runs; there is nothing to give up.")
        }
        let now = ambient.now()
        let tendril = try await store.tendril(lease.worker)
        if let tendril, tendril.status(at: now) != .offline {
            throw Refusal(.conflict, "\(tendril.name) is \(tendril.status(at: now).rawValue): cancel the job instead.")
        }
        let silence = tendril?.lastSeenAt.map { "was last heard of \(Self.phrase(now.milliseconds(since: $0))) ago" }
        return try await take(
            lease, status: job.status,
            reason: "Given up by \(user): \(tendril?.name ?? "its Tendril") \(silence ?? "was never heard of").")
    }

    /// Time is up for the job of `lease`.
    func lease(_ lease: Lease, because loss: LeaseWatch.Loss) async throws {
        guard let job = try await store.outline(of: lease.job), job.lease == lease, job.state.engine.holdsVine else {
            return
        }
        let name = try await store.tendril(lease.worker)?.name ?? "its Tendril"
        let reason =
            switch loss {
            case .silent(let minutes): "Given up after \(minutes) minutes without a sign of \(name)."
            case .unnamed: "Given up: \(name) does not know this job any more; its folder is gone or can't be read."
            }
        _ = try await take(lease, status: job.status, reason: reason)
    }

    private func take(_ lease: Lease, status: JobStatus, reason: String) async throws -> Job {
        let sentence = "\(reason) What Terraform did since is not known; where it held the state's lock, it still does."
        let facts = JobFacts(
            errorMessage: status == .processing ? sentence : nil,
            outcome: Outcome(result: .unknown, summary: sentence), notes: [sentence])
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
