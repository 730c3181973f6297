/// Everything that can happen to a job. Events of a Tendril carry the epoch of the lease they speak for.
public enum JobEvent: Hashable, Sendable {
    /// A Tendril takes the job.
    case claim(by: TendrilID)
    /// The holder is about to start the engine; nothing runs before this is acknowledged.
    case start(epoch: Int)
    /// The engine did its work, and is gone. `artifactStored`: a PLAN's artifact is in the store.
    case succeed(epoch: Int, artifactStored: Bool)
    /// The engine is gone without having done its work; `engine` is UNKNOWN where its end was not seen.
    case fail(epoch: Int, engineKnown: Bool)
    /// A person wants it stopped.
    case cancel
    /// A person changes which Tendril it is for.
    case assign
    /// A person wants the engine of a cancelled job killed: it may leave resources that no state knows.
    case forceCancel
    /// The holder vanished before the start.
    case loseLease(epoch: Int)
    /// An operator, or time, takes the lease of a started job away.
    case giveUp(epoch: Int)
    /// What became of the engine of a job whose status was decided before.
    case engineEnded(epoch: Int, known: Bool)
    /// The log of this epoch has ended.
    case closeLog(epoch: Int, LogState)

    /// The event's name in logs, metrics and tests; bounded, without its values.
    public var name: String {
        switch self {
        case .claim: "claim"
        case .start: "start"
        case .succeed: "succeed"
        case .fail: "fail"
        case .cancel: "cancel"
        case .assign: "assign"
        case .forceCancel: "force_cancel"
        case .loseLease: "lose_lease"
        case .giveUp: "give_up"
        case .engineEnded: "engine_ended"
        case .closeLog: "close_log"
        }
    }
}
