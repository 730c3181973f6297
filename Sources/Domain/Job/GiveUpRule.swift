/// Whether a person may give a job up: take its lease away and free its vine, although nobody knows what its engine did.
///
/// Pure. There is always a way to this: a job whose Tendril is silent can be given up at once, one whose Tendril is
/// heard of after a cancel and a force cancel that did nothing for ``patience``.
public enum GiveUpRule: Hashable, Sendable {
    /// The Tendril can't be reached.
    case silent
    /// The engine was to be killed and is not gone.
    case unstoppable
    /// Not yet: allowed from this moment on, if the engine has not ended by then.
    case later(Timestamp)
    /// Not now, for this reason.
    case refused(String)

    /// How long an engine that is to be killed may take to be gone, in milliseconds.
    public static let patience: Int64 = 60_000

    public static func judge(_ job: Job, tendril: Tendril?, at now: Timestamp) -> GiveUpRule {
        guard job.lease != nil, job.state.engine.holdsVine else {
            return .refused("The job is \(job.status.rawValue) and nothing of it runs; there is nothing to give up.")
        }
        guard let tendril, tendril.status(at: now) != .offline else { return .silent }
        let heard = "\(tendril.name) is \(tendril.status(at: now).rawValue)"
        guard job.status == .cancelled else { return .refused("\(heard): cancel the job instead.") }
        guard job.state.isForced, let forcedAt = job.forcedAt ?? job.completedAt else {
            return .refused(
                "\(heard), and Terraform was asked to stop: wait for it, or force the cancel. A job that goes on for "
                    + "\(patience / 1000) s after that can be given up.")
        }
        let moment = forcedAt.advanced(by: patience)
        return now < moment ? .later(moment) : .unstoppable
    }

    public var isAllowed: Bool {
        switch self {
        case .silent, .unstoppable: true
        case .later, .refused: false
        }
    }
}
