import Domain
import SystemCalls
import Wire

/// The services of a real job: supervisors, captures, shipper.
@Sendable func makeJobServices(
    _ trellis: any TrellisClient, _ configuration: TendrilConfiguration, _ clock: ServerClock
) -> any JobServicesFactory {
    StandardJobServices(
        trellis: trellis, clock: clock, token: configuration.token,
        timing: StopEscalation.Timing(
            secondInterrupt: configuration.secondInterruptAfter, kill: configuration.killAfter),
        limit: CaptureLimit(bytes: configuration.unshippedLimit))
}

struct StandardJobServices: JobServicesFactory {
    var trellis: any TrellisClient
    var clock: ServerClock
    /// The Tendril's: the seal of the SYSTEM lines comes from it.
    var token: String
    var timing: StopEscalation.Timing
    var limit = CaptureLimit()

    func open(_ lease: LeaseMessage, secrets: VineSecrets?, in folder: JobFolder) async throws -> JobServices {
        let log = JobLog(
            folder: folder, epoch: lease.epoch, secrets: (secrets?.maskedTexts ?? []) + KeptTokens.load(from: folder),
            seal: SystemSeal(token: token, lease: lease),
            sink: HTTPLogSink(job: lease.jobId, trellis: trellis, clock: clock), limit: limit,
            resources: ResourceReporter(lease: lease, trellis: trellis, clock: clock))
        // Without secrets, nothing can be masked, so the capture stays on this machine.
        guard secrets != nil else {
            let silent = WithheldLog(log: log)
            return JobServices(
                phases: StoppablePhaseRunner(timing: timing, log: log), log: silent, masker: WithholdingMasker())
        }
        log.start()
        return JobServices(
            phases: StoppablePhaseRunner(timing: timing, log: log), log: ShippedLog(log: log),
            masker: LogMasker(log: log))
    }
}

/// Runs phases under supervisors, and logs how they are stopped and what they left running.
struct StoppablePhaseRunner: PhaseRunning {
    var timing: StopEscalation.Timing
    var log: JobLog

    func run(_ command: PhaseCommand, in folder: JobFolder, stop: StopRequest) async throws -> PhaseEnd {
        let end = try await PhaseRunner().run(command, in: folder, stop: stop, timing: timing) { log.note($0) }
        let phase = folder.phase(command.name)
        let leftovers = phase.leftBehind()
        for sentence in Leftover.sentences(leftovers) { log.note(sentence) }
        if !leftovers.isEmpty { try? Posix.remove(phase.leftovers) }
        return end
    }

    func span(of phase: String, in folder: JobFolder) async -> PhaseSpan? {
        guard let start = try? folder.phase(phase).start(), let execAt = start.execAt,
            let end = try? folder.phase(phase).end()
        else { return nil }
        return PhaseSpan(execAt: Timestamp(milliseconds: execAt), endedAt: Timestamp(milliseconds: end.endedAt))
    }
}

/// The log of a job whose secrets are no longer available.
struct WithheldLog: JobLogging {
    var log: JobLog

    func note(_ text: String) async { log.note(text) }

    func finish() async -> LogClosingMessage {
        LogClosingMessage(digest: nil, incomplete: "The lease was lost before the log could be shipped.")
    }
}

/// Hides what the log hides at the moment.
struct LogMasker: TextMasking {
    var log: JobLog

    func mask(_ text: String) -> String { log.masker.mask(text) }

    func mask(_ value: JSONValue) -> JSONValue { log.masker.mask(value) }
}

/// Withholds all text.
struct WithholdingMasker: TextMasking {
    func mask(_ text: String) -> String { "(withheld: the job's secrets are no longer available)" }

    func mask(_ value: JSONValue) -> JSONValue { .object([:]) }
}

/// The log of a job, as the runner sees it.
struct ShippedLog: JobLogging {
    var log: JobLog

    func note(_ text: String) async { log.note(text) }
    func hide(_ texts: [String]) async { await log.hide(texts) }
    func finish() async -> LogClosingMessage { await log.finish() }
    func resend() async -> LogClosingMessage? { await log.resend() }
    func unfinished() async -> [String] { await log.unfinished() }
    func detach() async { await log.stop() }
    func diagnostics(errorsFrom start: EngineDiagnostics.Position) async -> EngineDiagnostics {
        await log.diagnostics(errorsFrom: start)
    }
    func errors(of title: String) async -> [Diagnostic] { await log.errors(of: title) }
}
