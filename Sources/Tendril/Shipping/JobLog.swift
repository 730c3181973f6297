import Dispatch
import Domain
import Synchronization
import Wire

/// The log of one job: writes SYSTEM lines, starts shipping, and closes.
///
/// Engine output arrives through the job's folder (``JobFolder/create()`` first).
final class JobLog: Sendable {
    private enum Shipping {
        case idle, ended
        case running(Task<LogShipper.End, Never>)
    }

    let folder: JobFolder
    private struct Hidden {
        var texts: [String]
        var masker: Masker
    }

    private let hidden: Mutex<Hidden>
    /// For other data that leaves this machine: outputs, messages, metadata. It hides more after ``hide(_:)``.
    var masker: Masker { hidden.withLock { $0.masker } }
    private let system: SystemLines
    private let seal: SystemSeal?
    private let makeShipper: @Sendable (Masker, (any LogObserver)?) -> LogShipper
    /// Follows what the log says about resources.
    private let resources: ResourceReporter?
    private let errors = ErrorCollector()
    private let shipper: LogShipper
    private let limit: CaptureLimit
    private let sleep: LogShipper.Sleep
    private let shipping = Mutex(Shipping.idle)
    private let now: @Sendable () -> Timestamp

    /// - Parameter secrets: the secrets, in plain text: ``VineSecrets/maskedTexts`` and what else is known.
    ///   After a restart, pass the same ones.
    ///   - seal: what the platform's own lines are written with.
    ///   - resources: is told what is stored.
    init(
        folder: JobFolder, epoch: Int, secrets: [String], seal: SystemSeal? = nil, sink: any LogSink,
        limit: CaptureLimit = CaptureLimit(), resources: ResourceReporter? = nil,
        now: @escaping @Sendable () -> Timestamp = SystemDependencies.system.now,
        sleep: @escaping LogShipper.Sleep = { try await Task.sleep(for: $0) }
    ) {
        let masker = Masker(secrets: secrets)
        self.folder = folder
        hidden = Mutex(Hidden(texts: secrets, masker: masker))
        self.limit = limit
        self.now = now
        self.sleep = sleep
        self.seal = seal
        makeShipper = { masker, observer in
            LogShipper(
                folder: folder, epoch: epoch, masker: masker, seal: seal, sink: sink, observer: observer, sleep: sleep)
        }
        self.resources = resources
        let observers: [(any LogObserver)?] = [resources, errors]
        shipper = makeShipper(masker, LogObservers(all: observers.compactMap(\.self)))
        system = SystemLines(folder: folder, seal: seal, now: now)
    }

    /// Writes a SYSTEM line. It is in the capture when this returns, in the order of the calls.
    func note(_ text: String) { system.append(text) }

    /// Masks `texts`, too. What is shipped from the return on has none of them.
    func hide(_ texts: [String]) async {
        let masker = hidden.withLock { hidden in
            hidden.texts += texts
            hidden.masker = Masker(secrets: hidden.texts)
            return hidden.masker
        }
        await shipper.use(masker)
    }

    /// Starts shipping, or resumes.
    func start() {
        shipping.withLock { state in
            guard case .idle = state else { return }
            state = .running(
                Task { [shipper, limit, sleep] in
                    let enforcing = Task {
                        while !Task.isCancelled {
                            await shipper.enforceLimit(limit)
                            try await sleep(.seconds(1))
                        }
                    }
                    defer { enforcing.cancel() }
                    return await shipper.run()
                })
        }
    }

    /// Stops shipping; the next start resumes.
    func stop() async {
        let task = shipping.withLock { state -> Task<LogShipper.End, Never>? in
            defer { state = .ended }
            if case .running(let task) = state { return task }
            return nil
        }
        task?.cancel()
        _ = await task?.value
    }

    /// Waits until all that was captured is stored, then hashes the whole capture. No phase may be running, and
    /// no more SYSTEM lines may follow.
    ///
    /// It waits as long as Trellis can't be reached; cancelling the task (or ``stop()``) ends that, incomplete.
    func finish() async -> LogClosingMessage {
        start()
        // Records what a killed supervisor missed.
        var failure: String?
        do {
            var recorder = try CaptureRecorder(folder)
            _ = try recorder.record(at: now())
            if seal != nil { try system.recordEnd() }
        } catch {
            failure = "Couldn't record the end of the capture: \(error)."
        }
        shipper.close()
        let task = shipping.withLock { state -> Task<LogShipper.End, Never>? in
            if case .running(let task) = state { return task }
            return nil
        }
        let end = await withTaskCancellationHandler {
            await task?.value ?? .stopped
        } onCancel: {
            task?.cancel()
        }
        await resources?.finish()
        var closing = await digest()
        closing.incomplete = Self.reason(end) ?? failure ?? system.failure ?? closing.incomplete
        return closing
    }

    /// Ships missing text again after a digest mismatch: a database that was restored
    /// from a backup has lost its end. nil where nothing is missing there.
    func resend() async -> LogClosingMessage? {
        let shipper = makeShipper(masker, nil)
        shipper.close()
        guard case .complete = await shipper.run(), await shipper.hasSent else { return nil }
        return await digest()
    }

    /// Unfinished resources found in the output; masked.
    func unfinished() async -> [String] {
        await onQueue { [folder, masker] in UnfinishedResources.find(in: folder).map { masker.mask($0) } }
    }

    /// What Terraform said was wrong, masked: for the job's error message and its count of warnings. Available
    /// immediately, however far shipping is.
    func diagnostics(errorsFrom start: EngineDiagnostics.Position) async -> EngineDiagnostics {
        await onQueue { [folder, masker] in EngineDiagnostics.read(folder, masker: masker, errorsFrom: start) }
    }

    /// The errors that the log shows of the last command called `title`, masked. To be called after ``finish()``; what
    /// was not shipped is missing.
    func errors(of title: String) async -> [Diagnostic] {
        await errors.errors(of: title).map { $0.mapTexts(masker.mask) }
    }

    private static func reason(_ end: LogShipper.End) -> String? {
        switch end {
        case .complete: nil
        case .rejected(let error): error.description
        case .unreadable(let reason): "The capture can't be read: \(reason)."
        case .stopped: "Shipping stopped before the whole log was stored."
        }
    }

    private func digest() async -> LogClosingMessage {
        await onQueue { [folder, masker, seal, written = system.count] in
            do {
                let result = try CaptureDigest.compute(folder, masker: masker, seal: seal, written: written)
                return LogClosingMessage(digest: result.digest, incomplete: result.flaw)
            } catch {
                return LogClosingMessage(digest: nil, incomplete: "The capture can't be read: \(error).")
            }
        }
    }

    /// Runs on its own queue, because it reads large files.
    private func onQueue<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: body()) }
        }
    }
}
