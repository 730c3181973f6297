/// Everything that can happen to a job. Events from a Tendril carry their lease's epoch.
public enum JobEvent: Hashable, Sendable {
    /// A Tendril takes the job.
    case claim(by: TendrilID)
    /// The holder is about to start the engine; nothing runs before this is acknowledged.
    case start(epoch: Int)
    /// The engine did its work, and is gone. `artifactStored`: a PLAN's artifact is in the store.
    case succeed(epoch: Int, artifactStored: Bool)
    /// The engine exited without success; `engine` is UNKNOWN where its end was not seen.
    case fail(epoch: Int, engineKnown: Bool)
    /// A user canceled it.
    case cancel
    /// A user reassigned it.
    case assign
    /// A user forced the cancel. Resources may exist that the state does not contain.
    case forceCancel
    /// The lease was lost before the start.
    case loseLease(epoch: Int)
    /// A started job was given up, by a user or by a timeout.
    case giveUp(epoch: Int)
    /// The engine of an already ended job exited.
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
