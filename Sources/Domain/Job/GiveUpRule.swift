/// Whether a user may give a job up: revoke its lease and free its vine, although its engine's result is unknown.
///
/// Pure. Every job can be given up in the end: at once if its Tendril can't be reached; otherwise after a cancel and a
/// force cancel that had no effect for ``patience``.
public enum GiveUpRule: Hashable, Sendable {
    /// The Tendril can't be reached.
    case silent
    /// The engine was killed and has not exited.
    case unstoppable
    /// Not yet: allowed from this moment on, if the engine has not ended by then.
    case later(Timestamp)
    /// Not now, for this reason.
    case refused(String)

    /// How long a killed engine may take to exit, in milliseconds.
    public static let patience: Int64 = 60_000

    public static func check(_ job: Job, tendril: Tendril?, at now: Timestamp) -> GiveUpRule {
        guard job.lease != nil, job.state.engine.holdsVine else {
            return .refused("The job is \(job.status.rawValue) and not running, so it can't be given up.")
        }
        guard let tendril, tendril.status(at: now) != .offline else { return .silent }
        let heard = "\(tendril.name) is \(tendril.status(at: now).rawValue)"
        guard job.status == .cancelled else { return .refused("\(heard): cancel the job instead.") }
        guard job.state.isForced, let forcedAt = job.forcedAt ?? job.completedAt else {
            return .refused(
                "\(heard), and Terraform was asked to stop: wait for it, or force the cancel. If the job keeps running for "
                    + "\(patience / 1000) s after that, you can give it up.")
        }
        let moment = forcedAt.advanced(by: patience)
        return now < moment ? .later(moment) : .unstoppable
    }
}
