internal import Domain
internal import Storage
internal import Wire

/// Takes the lease of a started job away from a Tendril that can't be reached. The job ends; what its Tendril
/// reports later (log, state, outcome) is still stored, and nothing is applied again.
struct LeaseRevocation: Sendable {
    var store: any Store
    var ambient: SystemDependencies
    var metrics = ServerMetrics()

    /// A user gives up the job. - Throws: ``Refusal`` `.conflict` if ``GiveUpRule`` does not allow it.
    func job(_ id: JobID, by caller: AuditContext) async throws -> Job {
        guard let job = try await store.outline(of: id) else { throw Refusal.notFound("job") }
        let now = ambient.now()
        let tendril = try await tendril(of: job)
        let name = tendril?.name ?? "its Tendril"
        let ground: String
        let cause: Cause
        switch GiveUpRule.check(job, tendril: tendril, at: now) {
        case .silent:
            let silence = (tendril?.lastSeenAt).map { DurationPhrase.of(milliseconds: now.milliseconds(since: $0)) }
            ground = "no contact with \(name)" + (silence.map { " for \($0)" } ?? "")
            cause = .silent
        case .unstoppable:
            ground =
                "Terraform did not exit within \(GiveUpRule.patience / 1000) s of the order to kill it, although "
                + "\(name) is connected"
            cause = .unstoppable
        case .later(let moment):
            throw Refusal(
                .conflict,
                "\(name) is killing Terraform. If it is still running in "
                    + "\(DurationPhrase.of(milliseconds: moment.milliseconds(since: now))), you can give up the job.")
        case .refused(let reason): throw Refusal(.conflict, reason)
        }
        guard let lease = job.lease else { throw Refusal(.conflict, "Nobody holds the job.") }
        return try await take(lease, of: job, reason: "Given up by \(caller.name): \(ground).", cause, by: caller)
    }

    /// What the API tells about it; nil where nothing runs that could be given up.
    func record(of job: Job) async throws -> GiveUpResponse? {
        guard job.state.engine.holdsVine else { return nil }
        switch GiveUpRule.check(job, tendril: try await tendril(of: job), at: ambient.now()) {
        case .silent: return GiveUpResponse(allowed: true, reason: "Its Tendril can't be reached.")
        case .unstoppable:
            return GiveUpResponse(allowed: true, reason: "Terraform did not exit when it was killed.")
        case .later(let moment):
            return GiveUpResponse(
                allowed: false, reason: "Terraform is being killed. If it keeps running, you can give up the job.",
                allowedFrom: moment)
        case .refused(let reason): return GiveUpResponse(allowed: false, reason: reason)
        }
    }

    private func tendril(of job: Job) async throws -> Tendril? {
        guard let lease = job.lease else { return nil }
        return try await store.tendril(lease.worker)
    }

    /// The job of `lease` timed out.
    func lease(_ lease: Lease, because loss: LeaseWatch.Loss) async throws {
        guard let job = try await store.outline(of: lease.job), job.lease == lease, job.state.engine.holdsVine else {
            return
        }
        let name = try await store.tendril(lease.worker)?.name ?? "its Tendril"
        let (reason, cause): (String, Cause) =
            switch loss {
            case .noHeartbeat(let minutes): ("Given up: no contact with \(name) for \(minutes) minutes.", .silent)
            case .notReported:
                ("Given up: \(name) no longer knows this job; its folder is missing or unreadable.", .forgotten)
            }
        _ = try await take(lease, of: job, reason: reason, cause, by: .system)
    }

    /// What a job that was given up has failed with, among the errors of all jobs: the same words for every Tendril.
    private enum Cause: String {
        case silent = "Given up: the Tendril could not be reached"
        case unstoppable = "Given up: Terraform did not exit when it was killed"
        case forgotten = "Given up: the Tendril no longer knew the job"
    }

    private func take(
        _ lease: Lease, of job: Job, reason: String, _ cause: Cause, by caller: AuditContext
    ) async throws -> Job {
        let status = job.status
        // The error message stays; the outcome is replaced when the Tendril comes back and reports the real one. So
        // only the outcome says what is not known yet. A cancelled job has no error message.
        let unknown = "It isn't known what Terraform did after that. If it held the state lock, it still does."
        let facts = JobFields(
            errorMessage: status == .processing ? reason : nil,
            outcome: Outcome(
                result: .unknown, summary: status == .processing ? unknown : "\(reason) \(unknown)"),
            errors: StoredError.list([Diagnostic(summary: cause.rawValue)]), systemLines: ["\(reason) \(unknown)"])
        let events: [JobEvent] = [
            .giveUp(epoch: lease.epoch),
            .closeLog(
                epoch: lease.epoch, .incomplete(reason: "The Tendril was given up; what it had not sent is missing.")),
        ]
        let event = caller.event(.giveUpJob, on: job, reason: reason, ambient)
        let change = try await store.recording(event).change(lease.job, events, facts: facts, at: ambient.now())
        metrics.lostLease()
        metrics.changed(change.job, from: job)
        return change.job
    }
}
