/// The job's state machine: one pure function that decides every change of a job's state.
///
/// No I/O and no clock: the caller stores the new state, then performs the action.
/// `docs/lifecycle.md` draws the same table, and the database repeats its invariants as CHECKs.
public enum JobLifecycle {
    /// What the caller must do once the new state is stored.
    public enum Action: Hashable, Sendable {
        case none
        /// Notify the Tendrils of a job to claim.
        case notifyQueue
        /// Grant this lease to the claimant.
        case grant(epoch: Int)
        /// Tell the Tendril to stop the engine, gracefully.
        case stopEngine(worker: TendrilID)
        /// Tell the Tendril to kill the stopping engine.
        case forceStop(worker: TendrilID)
        /// The job released its vine; waiting jobs may start.
        case releaseVine
    }

    /// A change that may be made.
    public struct Transition: Hashable, Sendable {
        public var state: JobState
        public var action: Action
        /// A line for the job's log, written by Trellis in the same commit.
        public var systemLine: String?
        /// False if the event is a repeat; it is acknowledged without effect.
        public var isChange: Bool
    }

    /// Decides what `event` does to a job of `type` in `state`.
    ///
    /// - Throws: ``Refusal`` for every transition that is not in the table.
    public static func decide(
        _ event: JobEvent, on state: JobState, type: JobType
    ) throws(Refusal) -> Transition {
        switch event {
        case .claim(let worker): try claim(state, by: worker)
        case .start(let epoch): try start(state, epoch: epoch)
        case .succeed(let epoch, let artifactStored):
            try end(state, as: .success, epoch: epoch, engine: .gone) { () throws(Refusal) in
                guard type != .plan || artifactStored else {
                    throw Refusal(.conflict, "A PLAN needs its stored artifact before it can succeed. Upload it first.")
                }
            }
        case .fail(let epoch, let engineKnown):
            try end(state, as: .failed, epoch: epoch, engine: engineKnown ? .gone : .unknown)
        case .cancel: try cancel(state)
        case .assign: try assign(state)
        case .forceCancel: try forceCancel(state)
        case .loseLease(let epoch): try loseLease(state, epoch: epoch)
        case .giveUp(let epoch): try giveUp(state, epoch: epoch)
        case .engineEnded(let epoch, let known): try engineEnded(state, epoch: epoch, known: known)
        case .closeLog(let epoch, let log): try closeLog(state, epoch: epoch, as: log)
        }
    }

    private static func claim(_ state: JobState, by worker: TendrilID) throws(Refusal) -> Transition {
        guard state.status == .queued else { throw conflict(state, "claimed") }
        var next = state
        next.status = .claimed
        next.worker = worker
        next.epoch += 1
        next.leaseHeld = true
        return Transition(state: next, action: .grant(epoch: next.epoch), systemLine: nil, isChange: true)
    }

    private static func start(_ state: JobState, epoch: Int) throws(Refusal) -> Transition {
        try requireHolder(state, epoch)
        if state.status == .processing { return same(state) }
        guard state.status == .claimed else { throw conflict(state, "started") }
        var next = state
        next.status = .processing
        next.engine = .running
        return Transition(state: next, action: .none, systemLine: nil, isChange: true)
    }

    private static func end(
        _ state: JobState, as status: JobStatus, epoch: Int, engine: EngineState,
        provided check: () throws(Refusal) -> Void = { () throws(Refusal) in }
    ) throws(Refusal) -> Transition {
        try requireEpoch(state, epoch)
        // The answer to the first report may have been lost: the same again is acknowledged.
        if state.status == status, state.engine == engine { return same(state) }
        if state.status == .failed { throw leaseLost(state) }
        guard state.status == .processing else { throw conflict(state, status == .success ? "succeed" : "fail") }
        try check()
        var next = state
        next.status = status
        next.engine = engine
        next.leaseHeld = false
        return Transition(state: next, action: .releaseVine, systemLine: nil, isChange: true)
    }

    private static func cancel(_ state: JobState) throws(Refusal) -> Transition {
        var next = state
        next.status = .cancelled
        next.leaseHeld = false
        switch state.status {
        case .cancelled:
            return same(state)
        case .queued, .claimed:
            next.log = .complete
            let action: Action = state.worker.map { .stopEngine(worker: $0) } ?? Action.none
            return Transition(state: next, action: action, systemLine: nil, isChange: true)
        case .processing:
            next.engine = .stopping
            // A lease names its worker (`JobState.isConsistent`), so the action is never lost.
            let action: Action = state.worker.map { .stopEngine(worker: $0) } ?? Action.none
            return Transition(state: next, action: action, systemLine: nil, isChange: true)
        case .success, .failed:
            throw conflict(state, "cancelled")
        }
    }

    /// The assigned Tendril is not part of the state, but only a QUEUED job can be reassigned.
    private static func assign(_ state: JobState) throws(Refusal) -> Transition {
        guard state.status == .queued else { throw conflict(state, "moved to another Tendril") }
        return Transition(state: state, action: .notifyQueue, systemLine: nil, isChange: true)
    }

    private static func forceCancel(_ state: JobState) throws(Refusal) -> Transition {
        guard state.status == .cancelled else {
            if state.status.isTerminal { throw conflict(state, "cancelled") }
            throw Refusal(.conflict, "Cancel the job first, so that Terraform can finish and save its state.")
        }
        if state.isForced { return same(state) }
        guard state.engine == .stopping, let worker = state.worker else {
            throw Refusal(.conflict, "The job's engine is not running.")
        }
        var next = state
        next.isForced = true
        return Transition(state: next, action: .forceStop(worker: worker), systemLine: nil, isChange: true)
    }

    private static func loseLease(_ state: JobState, epoch: Int) throws(Refusal) -> Transition {
        try requireHolder(state, epoch)
        guard state.status == .claimed else {
            throw Refusal(.conflict, "The job has started; a started job can't be reassigned.")
        }
        var next = state
        next.status = .queued
        next.worker = nil
        next.leaseHeld = false
        return Transition(
            state: next, action: .notifyQueue, systemLine: "The Tendril disappeared before the start. Queued again.",
            isChange: true)
    }

    private static func giveUp(_ state: JobState, epoch: Int) throws(Refusal) -> Transition {
        try requireEpoch(state, epoch)
        var next = state
        next.leaseHeld = false
        switch (state.status, state.engine) {
        case (.processing, _):
            next.status = .failed
            next.engine = .unknown
        case (.cancelled, .stopping):
            next.engine = .unknown
        default:
            throw conflict(state, "given up")
        }
        return Transition(state: next, action: .releaseVine, systemLine: nil, isChange: true)
    }

    private static func engineEnded(_ state: JobState, epoch: Int, known: Bool) throws(Refusal) -> Transition {
        try requireEpoch(state, epoch)
        guard state.status.isTerminal, state.engine != .none else { throw conflict(state, "ended without a status") }
        var next = state
        next.engine = known ? .gone : .unknown
        if next == state { return same(state) }
        // GONE is final.
        if state.engine == .gone { return same(state) }
        return Transition(
            state: next, action: state.engine.holdsVine ? .releaseVine : .none, systemLine: nil, isChange: true)
    }

    private static func closeLog(_ state: JobState, epoch: Int, as log: LogState) throws(Refusal) -> Transition {
        try requireEpoch(state, epoch)
        guard log != .open else { throw Refusal(.invalid, "A log can't be closed as OPEN.") }
        if state.log == log { return same(state) }
        guard state.status.isTerminal, !state.engine.holdsVine else {
            throw Refusal(.conflict, "The log can't be closed while the engine may run.")
        }
        // Late lines may turn INCOMPLETE into COMPLETE, never the reverse.
        guard state.log != .complete else { return same(state) }
        var next = state
        next.log = log
        return Transition(state: next, action: .none, systemLine: nil, isChange: true)
    }

    // MARK: - Checks for events from a Tendril

    private static func requireEpoch(_ state: JobState, _ epoch: Int) throws(Refusal) {
        guard epoch == state.epoch, epoch > 0, state.worker != nil else { throw leaseLost(state) }
    }

    private static func requireHolder(_ state: JobState, _ epoch: Int) throws(Refusal) {
        try requireEpoch(state, epoch)
        guard state.leaseHeld else {
            throw state.status == .cancelled ? conflict(state, "started") : leaseLost(state)
        }
    }

    private static func same(_ state: JobState) -> Transition {
        Transition(state: state, action: .none, systemLine: nil, isChange: false)
    }

    private static func conflict(_ state: JobState, _ verb: String) -> Refusal {
        let what = verb == "succeed" || verb == "fail" ? verb : "be \(verb)"
        return Refusal(.conflict, "The job is \(state.status.rawValue), so it can't \(what).")
    }

    private static func leaseLost(_ state: JobState) -> Refusal {
        Refusal(.leaseLost, "The lease was lost (the job is \(state.status.rawValue)).")
    }
}
