/// How a running phase is stopped: one SIGINT, after a while a second one, last SIGKILL to its whole group.
///
/// Pure: the time comes from outside (``Posix/uptimeMilliseconds()``, which goes on over a restart of the Tendril).
/// A second SIGINT makes Terraform exit at once and can cost the state, so none is ever sent by accident: asking again
/// changes nothing, and a Tendril that comes back goes on from the rung it had reached.
struct StopEscalation: Hashable, Sendable {
    struct Timing: Hashable, Sendable {
        /// From the first SIGINT to the second.
        var secondInterrupt: Duration = .seconds(300)
        /// From the second SIGINT to SIGKILL.
        var kill: Duration = .seconds(60)
    }

    enum Stage: String, Hashable, Sendable {
        case interrupt, interruptAgain, kill

        var signal: StopSignal { self == .kill ? .kill : .interrupt }
    }

    /// What to do now: send the rung's signal, and say so in the log.
    struct Step: Hashable, Sendable {
        var rung: Stage
        var sentence: String
    }

    private let timing: Timing
    private let engine: String
    private(set) var rung: Stage?
    /// When each rung was reached, in milliseconds since boot.
    private var first: Int64 = 0
    private var latest: Int64 = 0

    /// - Parameters:
    ///   - engine: its name, as people say it.
    ///   - taken: the steps that were taken before, and when.
    init(timing: Timing = Timing(), engine: String = "Terraform", taken: [(rung: Stage, at: Int64)] = []) {
        self.timing = timing
        self.engine = engine
        for step in taken { climb(to: step.rung, at: step.at) }
    }

    /// When the next step is due; nil before the first and after the last.
    var nextAt: Int64? {
        switch rung {
        case .interrupt: latest + Self.milliseconds(timing.secondInterrupt)
        case .interruptAgain: latest + Self.milliseconds(timing.kill)
        case nil, .kill: nil
        }
    }

    /// Somebody wants the phase to stop. Only the first time there is something to do.
    mutating func request(at now: Int64) -> Step? {
        guard rung == nil else { return nil }
        climb(to: .interrupt, at: now)
        return Step(
            rung: .interrupt,
            sentence: "Asked \(engine) to stop (SIGINT); it finishes what is in flight. If it still runs in "
                + "\(Self.phrase(Self.milliseconds(timing.secondInterrupt))) it is told again, "
                + "\(Self.phrase(Self.milliseconds(timing.kill))) later it is killed.")
    }

    /// Time goes by.
    mutating func advance(to now: Int64) -> Step? {
        guard let nextAt, now >= nextAt else { return nil }
        let waited = Self.phrase(now - latest)
        if rung == .interrupt {
            climb(to: .interruptAgain, at: now)
            return Step(
                rung: .interruptAgain,
                sentence: "\(engine) still runs \(waited) after that; told it to stop at once (second SIGINT).")
        }
        climb(to: .kill, at: now)
        return Step(
            rung: .kill,
            sentence: "\(engine) still runs \(waited) after the second SIGINT; killed it and its children (SIGKILL).")
    }

    /// A person does not want to wait: the last rung, whichever was reached before.
    mutating func force(at now: Int64) -> Step? {
        guard rung != .kill else { return nil }
        climb(to: .kill, at: now)
        return Step(rung: .kill, sentence: "Killed \(engine) and its children, as was asked (SIGKILL).")
    }

    /// What to say when the phase has ended; nil where nobody asked it to.
    ///
    /// - Parameter now: nil where it ended some time ago.
    func ended(at now: Int64?) -> String? {
        guard rung != nil else { return nil }
        return now.map { "\(engine) has stopped, \(Self.phrase($0 - first)) after it was asked to." }
            ?? "\(engine) has stopped."
    }

    private mutating func climb(to rung: Stage, at now: Int64) {
        if self.rung == nil { first = now }
        self.rung = rung
        latest = now
    }

    private static func milliseconds(_ duration: Duration) -> Int64 {
        duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
    }

    /// `850 ms`, `12 s`, `5 min`, `5 min 20 s`.
    private static func phrase(_ milliseconds: Int64) -> String {
        if milliseconds < 1000 { return "\(max(0, milliseconds)) ms" }
        let seconds = milliseconds / 1000
        if seconds < 60 { return "\(seconds) s" }
        return seconds % 60 == 0 ? "\(seconds / 60) min" : "\(seconds / 60) min \(seconds % 60) s"
    }
}
