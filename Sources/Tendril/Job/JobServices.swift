import Domain
import Wire

/// Runs phases, each at most once per job.
protocol PhaseRunning: Sendable {
    /// Runs `command` to its end. Where an earlier Tendril began the phase: waits for that run's end, or returns the
    /// one that was recorded; a phase that has started is never started again.
    ///
    /// Once `stop` is requested, the engine is stopped in stages (``StopEscalation``), each taken once, also after a
    /// restart of the Tendril. Canceling the task leaves the engine alone, and throws `CancellationError`.
    ///
    /// - Throws: if the engine was not run.
    func run(_ command: PhaseCommand, in folder: JobFolder, stop: StopRequest) async throws -> PhaseEnd

    /// When the phase's engine ran; nil if that is not recorded.
    func span(of phase: String, in folder: JobFolder) async -> PhaseSpan?
}

/// When an engine ran.
struct PhaseSpan: Hashable, Sendable {
    /// When its executable took over.
    var execAt: Timestamp
    var endedAt: Timestamp
}

extension PhaseRunning {
    func span(of phase: String, in folder: JobFolder) async -> PhaseSpan? { nil }
}

/// The job's log.
protocol JobLogging: Sendable {
    /// Appends a SYSTEM line. It is in the capture when this returns.
    func note(_ text: String) async

    /// Ships the whole capture, however long it takes, and returns the closing. No SYSTEM lines may follow.
    /// Called again by a Tendril that was restarted in between.
    func finish() async -> LogClosingMessage

    /// Ships the whole capture once more, after Trellis found it different; nil if that can't be done.
    func resend() async -> LogClosingMessage?

    /// Stops shipping, for good in this process: the job runs on without it.
    func detach() async

    /// Masks these, too, from now on. When it returns, nothing that holds one leaves this machine.
    func hide(_ texts: [String]) async

    /// Unfinished resources of an apply; masked.
    func unfinished() async -> [String]

    /// What the engine said was wrong, masked; errors only from `start` on.
    func diagnostics(errorsFrom start: EngineDiagnostics.Position) async -> EngineDiagnostics

    /// The errors that the shipped log shows of the last command called `title`; masked.
    func errors(of title: String) async -> [Diagnostic]
}

extension JobLogging {
    func hide(_ texts: [String]) async {}
    func resend() async -> LogClosingMessage? { nil }
    func unfinished() async -> [String] { [] }
    func diagnostics(errorsFrom start: EngineDiagnostics.Position) async -> EngineDiagnostics { EngineDiagnostics() }
    func errors(of title: String) async -> [Diagnostic] { [] }
    func detach() async {}
}

/// The services of one job.
struct JobServices: Sendable {
    var phases: any PhaseRunning
    var log: any JobLogging
    var masker: any TextMasking
}

/// Makes the equipment of a job.
protocol JobServicesFactory: Sendable {
    /// Opens the log of the job in its folder, which is there, and begins to ship it.
    ///
    /// `secrets` is nil if Trellis no longer provides them (the lease was lost while this Tendril was away):
    /// then nothing that was captured may leave this machine.
    func open(_ lease: LeaseMessage, secrets: VineSecrets?, in folder: JobFolder) async throws -> JobServices
}
