/// What a queued job waits for, shown to users.
public enum WaitReason: Hashable, Sendable {
    /// Another job is using the vine.
    case job(JobID)
    /// Somebody holds the vine's state lock; `job` if a job does.
    case lock(holder: String, job: JobID?)
    /// The Tendril that was asked for can't take it now, for this reason (a predicate: `is OFFLINE`).
    case tendril(TendrilID, name: String, reason: String)
    /// No suitable Tendril is ONLINE, for this reason.
    case noTendril(reason: String)
    /// Every Tendril that could run it is busy.
    case slot
    /// Nothing: it is about to be claimed.
    case nothing
}
