import Dispatch
import Domain
import Synchronization
import Wire

/// The log of one job, as the one who runs the job sees it: write lines of the platform, start shipping, and close.
///
/// What phases print comes by itself, through the job's folder (``JobFolder/create()`` first).
final class JobLog: Sendable {
    private enum Shipping {
        case idle, ended
        case running(Task<LogShipper.End, Never>)
    }

    let folder: JobFolder
    /// For everything else that leaves this machine: outputs, messages, metadata.
    let masker: Masker
    private let system: SystemLines
    private let shipper: LogShipper
    private let shipping = Mutex(Shipping.idle)
    private let now: @Sendable () -> Timestamp

    /// - Parameter secrets: what must not be seen, in clear: ``VineSecrets/texts`` and what else is known.
    ///   A Tendril that comes back must name the same ones.
    convenience init(
        folder: JobFolder, epoch: Int, secrets: [String], sink: any LogSink,
        now: @escaping @Sendable () -> Timestamp = Ambient.system.now
    ) {
        let masker = Masker(secrets: secrets)
        self.init(
            folder: folder, masker: masker,
            shipper: LogShipper(folder: folder, epoch: epoch, masker: masker, sink: sink), now: now)
    }

    init(folder: JobFolder, masker: Masker, shipper: LogShipper, now: @escaping @Sendable () -> Timestamp) {
        self.folder = folder
        self.masker = masker
        self.shipper = shipper
        self.now = now
        system = SystemLines(folder: folder, now: now)
    }

    /// Writes a SYSTEM line. It is in the capture when this returns, in the order of the calls.
    func note(_ text: String) { system.append(text) }

    /// Begins to ship, or goes on where an earlier Tendril stopped.
    func start() {
        shipping.withLock { state in
            guard case .idle = state else { return }
            state = .running(Task { [shipper] in await shipper.run() })
        }
    }

    /// Stops shipping and leaves everything as it is, for the next start.
    func stop() async {
        let task = shipping.withLock { state -> Task<LogShipper.End, Never>? in
            defer { state = .ended }
            if case .running(let task) = state { return task }
            return nil
        }
        task?.cancel()
        _ = await task?.value
    }

    /// Waits until all that was captured is stored, then hashes the whole capture. No phase may run any more, and
    /// nothing may be noted after it.
    ///
    /// It waits as long as Trellis can't be reached; cancelling the task (or ``stop()``) ends that, incomplete.
    func finish() async -> LogClosing {
        start()
        // What a killed supervisor did not get to record.
        var failure: String?
        do {
            var recorder = try CaptureRecorder(folder)
            _ = try recorder.record(at: now())
        } catch {
            failure = "The end of the capture could not be recorded: \(error)."
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
        var closing = await digest()
        closing.incomplete = Self.reason(end) ?? failure ?? system.failure ?? closing.incomplete
        return closing
    }

    /// The last `Error:` block of what Terraform printed, masked: for the job's error message. Available at once,
    /// however far shipping is.
    func errorSummary() async -> String? {
        await onQueue { [folder, masker] in ErrorBlock.last(in: folder, masker: masker) }
    }

    private static func reason(_ end: LogShipper.End) -> String? {
        switch end {
        case .complete: nil
        case .rejected(let error): error.description
        case .unreadable(let reason): "The capture can't be read: \(reason)."
        case .stopped: "Shipping was stopped before all was stored."
        }
    }

    private func digest() async -> LogClosing {
        await onQueue { [folder, masker] in
            do {
                let (digest, lost) = try CaptureDigest.compute(folder, masker: masker)
                let reason =
                    lost == 0 ? nil : "\(lost) bytes of the engine's output were lost on the Tendril's machine."
                return LogClosing(digest: digest, incomplete: reason)
            } catch {
                return LogClosing(digest: nil, incomplete: "The capture can't be read: \(error).")
            }
        }
    }

    /// Off the shared threads: it reads files, perhaps large ones.
    private func onQueue<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: body()) }
        }
    }
}
