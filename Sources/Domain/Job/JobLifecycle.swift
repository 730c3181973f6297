/// The job's state machine: one pure function that decides every change of a job's state.
///
/// No I/O and no clock: whoever calls it stores the new state, then performs the action.
/// `docs/lifecycle.md` draws the same table, and the database repeats its invariants as CHECKs.
public enum JobLifecycle {
    /// What the caller must do once the new state is stored.
    public enum Action: Hashable, Sendable {
        case doNothing
        /// Tell the Tendrils that there is a job to claim.
        case offer
        /// Hand this lease to the one who asked.
        case grant(epoch: Int)
        /// Tell the Tendril to stop the engine, gracefully.
        case stopEngine(worker: TendrilID)
        /// Tell the Tendril to kill the engine that was asked to stop.
        case killEngine(worker: TendrilID)
        /// The job let go of its vine: jobs that waited for it may go on.
        case freeVine
    }

    /// A change that may be made.
    public struct Transition: Hashable, Sendable {
        public var state: JobState
        public var action: Action
        /// A line for the job's log, written by Trellis in the same commit.
        public var note: String?
        /// False where the event had happened before: it is acknowledged again, and nothing changes.
        public var isChange: Bool
    }

    /// Decides what `event` does to a job of `type` in `state`.
    ///
    /// - Throws: ``Refusal`` for everything that the table does not list.
    public static func decide(
        _ event: JobEvent, on state: JobState, type: JobType
    ) throws(Refusal) -> Transition {
        switch event {
        case .claim(let worker): try claim(state, by: worker)
        case .start(let epoch): try start(state, epoch: epoch)
        case .succeed(let epoch, let artifactStored):
            try end(state, as: .success, epoch: epoch, engine: .gone) { () throws(Refusal) in
                guard type != .plan || artifactStored else {
                    throw Refusal(.conflict, "A PLAN succeeds only with its artifact stored; upload it first.")
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
        guard state.status == .queued else { throw stands(state, "claimed") }
        var next = state
        next.status = .claimed
        next.worker = worker
        next.epoch += 1
        next.leaseHeld = true
        return Transition(state: next, action: .grant(epoch: next.epoch), note: nil, isChange: true)
    }

    private static func start(_ state: JobState, epoch: Int) throws(Refusal) -> Transition {
        try requireHolder(state, epoch)
        if state.status == .processing { return same(state) }
        guard state.status == .claimed else { throw stands(state, "started") }
        var next = state
        next.status = .processing
        next.engine = .running
        return Transition(state: next, action: .doNothing, note: nil, isChange: true)
    }

    private static func end(
        _ state: JobState, as status: JobStatus, epoch: Int, engine: EngineState,
        provided check: () throws(Refusal) -> Void = { () throws(Refusal) in }
    ) throws(Refusal) -> Transition {
        try requireEpoch(state, epoch)
        // The answer to the first report may have been lost: the same again is acknowledged.
        if state.status == status, state.engine == engine { return same(state) }
        if state.status == .failed { throw leaseLost(state) }
        guard state.status == .processing else { throw stands(state, status == .success ? "succeed" : "fail") }
        try check()
        var next = state
        next.status = status
        next.engine = engine
        next.leaseHeld = false
        return Transition(state: next, action: .freeVine, note: nil, isChange: true)
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
            let action: Action = state.worker.map { .stopEngine(worker: $0) } ?? .doNothing
            return Transition(state: next, action: action, note: nil, isChange: true)
        case .processing:
            next.engine = .stopping
            // A lease names its worker (`JobState.isConsistent`), so the action is never lost.
            let action: Action = state.worker.map { .stopEngine(worker: $0) } ?? .doNothing
            return Transition(state: next, action: action, note: nil, isChange: true)
        case .success, .failed:
            throw stands(state, "cancelled")
        }
    }

    /// Which Tendril a job is for is no part of its state, but only a QUEUED one is for anybody to choose.
    private static func assign(_ state: JobState) throws(Refusal) -> Transition {
        guard state.status == .queued else { throw stands(state, "moved to another Tendril") }
        return Transition(state: state, action: .offer, note: nil, isChange: true)
    }

    private static func forceCancel(_ state: JobState) throws(Refusal) -> Transition {
        guard state.status == .cancelled else {
            if state.status.isTerminal { throw stands(state, "cancelled") }
            throw Refusal(.conflict, "Cancel the job first: Terraform then ends by itself, and writes its state.")
        }
        if state.isForced { return same(state) }
        guard state.engine == .stopping, let worker = state.worker else {
            throw Refusal(.conflict, "Nothing of the job runs any more that could be killed.")
        }
        var next = state
        next.isForced = true
        return Transition(state: next, action: .killEngine(worker: worker), note: nil, isChange: true)
    }

    private static func loseLease(_ state: JobState, epoch: Int) throws(Refusal) -> Transition {
        try requireHolder(state, epoch)
        guard state.status == .claimed else {
            throw Refusal(.conflict, "The job has started; a started job never moves to another Tendril.")
        }
        var next = state
        next.status = .queued
        next.worker = nil
        next.leaseHeld = false
        return Transition(
            state: next, action: .offer, note: "The Tendril was lost before it started; queued again.", isChange: true)
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
            throw stands(state, "given up")
        }
        return Transition(state: next, action: .freeVine, note: nil, isChange: true)
    }

    private static func engineEnded(_ state: JobState, epoch: Int, known: Bool) throws(Refusal) -> Transition {
        try requireEpoch(state, epoch)
        guard state.status.isTerminal, state.engine != .none else { throw stands(state, "ended without a status") }
        var next = state
        next.engine = known ? .gone : .unknown
        if next == state { return same(state) }
        // What was seen to be gone stays gone.
        if state.engine == .gone { return same(state) }
        return Transition(
            state: next, action: state.engine.holdsVine ? .freeVine : .doNothing, note: nil, isChange: true)
    }

    private static func closeLog(_ state: JobState, epoch: Int, as log: LogState) throws(Refusal) -> Transition {
        try requireEpoch(state, epoch)
        guard log != .open else { throw Refusal(.invalid, "A log can't be closed as OPEN.") }
        if state.log == log { return same(state) }
        guard state.status.isTerminal, !state.engine.holdsVine else {
            throw Refusal(.conflict, "The log can't end before the job's engine has.")
        }
        // Lines that came after all may turn INCOMPLETE into COMPLETE, never the other way round.
        guard state.log != .complete else { return same(state) }
        var next = state
        next.log = log
        return Transition(state: next, action: .doNothing, note: nil, isChange: true)
    }

    // MARK: - What every event of a Tendril must show

    private static func requireEpoch(_ state: JobState, _ epoch: Int) throws(Refusal) {
        guard epoch == state.epoch, epoch > 0, state.worker != nil else { throw leaseLost(state) }
    }

    private static func requireHolder(_ state: JobState, _ epoch: Int) throws(Refusal) {
        try requireEpoch(state, epoch)
        guard state.leaseHeld else {
            throw state.status == .cancelled ? stands(state, "started") : leaseLost(state)
        }
    }

    private static func same(_ state: JobState) -> Transition {
        Transition(state: state, action: .doNothing, note: nil, isChange: false)
    }

    private static func stands(_ state: JobState, _ verb: String) -> Refusal {
        let what = verb == "succeed" || verb == "fail" ? verb : "be \(verb)"
        return Refusal(.conflict, "The job is \(state.status.rawValue), so it can't \(what).")
    }

    private static func leaseLost(_ state: JobState) -> Refusal {
        Refusal(.leaseLost, "This lease is not the job's any more (the job is \(state.status.rawValue)).")
    }
}
