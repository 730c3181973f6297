import Domain

/// A command for the supervisor; the raw value is its line in the control FIFO.
enum StopSignal: String, Sendable {
    /// SIGINT to the engine's process: it finishes in-flight changes, saves the state, and exits.
    case interrupt = "INT"
    /// SIGKILL to its whole process group.
    case kill = "KILL"
}

/// Decides how a running phase is stopped: one SIGINT, after a while a second one, then SIGKILL to its whole group.
///
/// Pure: time is passed in (``Posix/uptimeMilliseconds()``, which is the same after a restart of the Tendril).
/// A second SIGINT makes Terraform exit immediately and can cost the state, so none is ever sent by accident: repeating
/// the request changes nothing, and a restarted Tendril continues from the stage that was reached.
struct StopEscalation: Hashable, Sendable {
    struct Timing: Hashable, Sendable {
        /// From the first SIGINT to the second.
        var secondInterrupt: Duration = .seconds(300)
        /// From the second SIGINT to SIGKILL.
        var kill: Duration = .seconds(60)
    }

    /// One signal of a stop. The raw value is the word in the phase's journal.
    enum Stage: String, Hashable, Sendable {
        case interrupt, interruptAgain, kill

        var signal: StopSignal { self == .kill ? .kill : .interrupt }
    }

    /// What to do now: send the signal of the stage, and log the message.
    struct Step: Hashable, Sendable {
        var stage: Stage
        var message: String
    }

    private let timing: Timing
    private let engine: String
    private(set) var stage: Stage?
    /// When the first and the current stage were reached, in milliseconds since boot.
    private var first: Int64 = 0
    private var latest: Int64 = 0

    /// - Parameters:
    ///   - engine: its name for people.
    ///   - reached: the stages that were reached before, and when.
    init(timing: Timing = Timing(), engine: String = "Terraform", reached: [(stage: Stage, at: Int64)] = []) {
        self.timing = timing
        self.engine = engine
        for entry in reached { enter(entry.stage, at: entry.at) }
    }

    /// When the next stage is due; nil before the first and after the last.
    var nextAt: Int64? {
        switch stage {
        case .interrupt: latest + timing.secondInterrupt.milliseconds
        case .interruptAgain: latest + timing.kill.milliseconds
        case nil, .kill: nil
        }
    }

    /// A stop is requested. Only the first request has an effect.
    mutating func request(at now: Int64) -> Step? {
        guard stage == nil else { return nil }
        enter(.interrupt, at: now)
        return Step(
            stage: .interrupt,
            message: "Sent SIGINT to \(engine); it finishes in-flight changes. If it still runs after "
                + "\(DurationPhrase.of(milliseconds: timing.secondInterrupt.milliseconds)) a second SIGINT follows, "
                + "\(DurationPhrase.of(milliseconds: timing.kill.milliseconds)) later SIGKILL.")
    }

    /// Enters the next stage if it is due.
    mutating func advance(to now: Int64) -> Step? {
        guard let nextAt, now >= nextAt else { return nil }
        let waited = DurationPhrase.of(milliseconds: now - latest)
        if stage == .interrupt {
            enter(.interruptAgain, at: now)
            return Step(
                stage: .interruptAgain,
                message: "\(engine) still running after \(waited); sent a second SIGINT.")
        }
        enter(.kill, at: now)
        return Step(
            stage: .kill,
            message: "\(engine) still running \(waited) after the second SIGINT; killed it and its children (SIGKILL).")
    }

    /// A user does not want to wait: enters the last stage, whichever was reached before.
    mutating func force(at now: Int64) -> Step? {
        guard stage != .kill else { return nil }
        enter(.kill, at: now)
        return Step(stage: .kill, message: "Killed \(engine) and its children on request (SIGKILL).")
    }

    /// The message for the end of the phase; nil if no stop was requested.
    ///
    /// - Parameter now: nil if it ended some time ago.
    func ended(at now: Int64?) -> String? {
        guard stage != nil else { return nil }
        return now.map { "\(engine) has stopped, \(DurationPhrase.of(milliseconds: $0 - first)) after the request." }
            ?? "\(engine) has stopped."
    }

    private mutating func enter(_ stage: Stage, at now: Int64) {
        if self.stage == nil { first = now }
        self.stage = stage
        latest = now
    }
}
