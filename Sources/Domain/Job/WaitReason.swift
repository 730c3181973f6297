/// What a queued job waits for, shown to users.
public enum WaitReason: Hashable, Sendable {
    /// Another job is using the vine.
    case job(JobID)
    /// The vine's state lock is held; `job` if a job holds it.
    case lock(id: String, holder: String, job: JobID?)
    /// The Tendril that was asked for can't take it now, for this reason (a predicate: `is OFFLINE`).
    case tendril(TendrilID, name: String, reason: String)
    /// No suitable Tendril is ONLINE, for this reason.
    case noTendril(reason: String)
    /// Every Tendril that could run it is busy.
    case slot
    /// Nothing: it is about to be claimed.
    case nothing
}
