import Domain
import Foundation
import Logging
import SystemCalls
import Wire

/// Takes one job from its claim to its end, step by step as ``JobSteps`` says.
///
/// Each step is recorded in the job's folder once it is done, so the next process resumes where this one was
/// killed. Canceling the task of ``run()`` detaches from the job: the engine keeps running, the folder stays.
actor JobRunner {
    nonisolated let lease: LeaseMessage
    nonisolated let vine: VineID
    nonisolated let host: JobContext
    nonisolated let folder: JobFolder
    nonisolated let logger: Logger
    /// Whether a user wants the job to end.
    nonisolated let stop = StopRequest()

    /// nil until Trellis has provided it, or if it no longer does.
    private(set) var order: ClaimResponse?
    private(set) var progress: JobProgress
    /// nil before the start was acknowledged.
    private(set) var services: JobServices?
    /// Holding this reserves the vine's folder.
    var vineLock: FileLock?
    /// What the engine is in a cloud now.
    var identity: JobIdentity?
    private var isLeaseLost = false
    /// Sends the phases while the job runs; nil while nothing is being sent.
    var phaseReport: Task<Void, Never>?
    /// The phases that were sent last.
    var sentPhases: [JobPhase] = []
    private var isCancelNoted = false
    /// The progress on disk is outdated.
    private var isUnsaved = false

    /// The job ends without a report, because the lease is not ours.
    struct LeaseNotHeld: Error {
        var sentence: String
    }

    /// A failure with a message for the job page.
    struct JobError: Error, CustomStringConvertible {
        var description: String
    }

    /// For a job that was just claimed. What an earlier claim of it left in the folder is removed.
    init(_ order: ClaimResponse, host: JobContext) throws {
        self.order = order
        progress = JobProgress(order)
        lease = progress.lease
        vine = progress.vine
        self.host = host
        folder = host.folder(of: order.jobId)
        logger = host.logger.tagged(order.jobId)
        let earlier: JobProgress?
        do { earlier = try JobProgress.load(folder.progress) } catch {
            // An engine may be running.
            throw JobError(
                description: "Can't tell whether job \(order.jobId) already started here, so it does not start again: "
                    + "\(folder.progress) is unreadable (\(error)).")
        }
        if earlier?.done.contains(.start) == true {
            throw JobError(description: "Job \(order.jobId) already started here and must not start again.")
        }
        try folder.remove()
        try Files.makeFolder(host.jobs)
        // The engine's user gets it once everything is in it, just before the engine starts.
        if host.user != nil { try Files.makeFolder(folder.exchange) }
        try folder.create()
        try progress.save(folder.progress, durably: false)
    }

    /// For a job that an earlier Tendril process left in `folder`; nil if the folder has no job.
    init?(resuming folder: JobFolder, host: JobContext) throws {
        guard let progress = try JobProgress.load(folder.progress) else { return nil }
        self.progress = JobSteps.resumed(progress)
        lease = progress.lease
        vine = progress.vine
        self.host = host
        self.folder = folder
        logger = host.logger.tagged(progress.lease.jobId)
        if progress.isCancelled { stop.request() }
    }

    // MARK: - From outside

    /// A user cancels the job. Repeating it changes nothing.
    func cancel() async {
        guard !stop.isRequested, !isCancelNoted else { return }
        isCancelNoted = true
        let running = progress.phases.last.flatMap { $0.end == nil ? $0.phase : nil }
        await note("Cancel requested" + (running.map { "; stopping \(engineName) \($0.displayName)" } ?? ""))
        stop.request()
        // Immediately: this process may end before the phase does.
        do { try record { $0.isCancelled = true } } catch {
            logger.warning("couldn't record the cancel: \(error)")
        }
    }

    /// A user does not want to wait until the engine of a canceled job exits. Repeating it changes nothing.
    func force() async {
        await cancel()
        stop.force()
    }

    /// The lease was lost. Running phases continue; no new phase starts.
    func markLeaseLost() {
        guard !isLeaseLost, !progress.done.contains(.report) else { return }
        isLeaseLost = true
        logger.warning("lease lost")
    }

    // MARK: - The script

    /// Returns when the job is finished or detached.
    func run() async {
        do {
            if order == nil { try await resume() }
            while true {
                noticeRequests()
                guard let step = JobSteps.next(after: progress) else { return }
                try Task.checkCancellation()
                try await take(step)
            }
        } catch is CancellationError {
            await stopIdentity()
            await services?.log.detach()
            logger.info("detached from the job; the next start resumes it")
        } catch {
            logger.error("can't continue the job: \(error)")
        }
    }

    private func take(_ step: JobStep) async throws {
        let isCleanup = JobSteps.cleanupSteps.contains(step)
        do {
            try await perform(step)
            try record { $0.done.insert(step) }
        } catch let error as LeaseNotHeld {
            logger.notice("the lease is not ours: \(error.sentence)")
            try record { $0.isCancelled = true }
        } catch is CancellationError {
            guard stop.isRequested, !isCleanup, !Task.isCancelled else { throw CancellationError() }
            try record { $0.isCancelled = true }
        } catch let error as TrellisCallError where error.isLeaseLost && !isCleanup {
            try record { $0.leaseLost = error.sentence }
        } catch {
            if stop.isRequested, !isCleanup { return try record { $0.isCancelled = true } }
            let sentence = mask(error is JobError ? "\(error)" : relative("\(error)"))
            logger.warning("step \(step.rawValue): \(sentence)")
            await note(sentence)
            try record { progress in
                progress.failure = progress.failure ?? sentence
                if isCleanup { progress.done.insert(step) }
            }
        }
    }

    private func perform(_ step: JobStep) async throws {
        switch step {
        case .start: try await start()
        case .lock: try await lock()
        case .fetchState: try await fetchState()
        case .checkPlan: try checkPlan()
        case .prepare: try await prepare()
        case .initialize: try await initialize()
        case .readBackend: try await readBackend()
        case .pullBefore: try await pull(.pullBefore)
        case .plan: try await run(.plan)
        case .show: try await run(.show, stdoutFile: folder.planJSON)
        case .readPlan: try await readPlan()
        case .packPlan: try await packPlan()
        case .uploadPlan: try await uploadPlan()
        case .confirm: try await confirm()
        case .apply: try await apply()
        case .testConnection: try await testConnection()
        case .storeFinalState: try await storeFinalState()
        case .pullAfter: try await pull(.pullAfter)
        case .collect: try await collect()
        case .unlock: try await unlock()
        case .report: try await report()
        case .cleanUp: try cleanUp()
        }
    }

    private func noticeRequests() {
        if stop.isRequested { progress.isCancelled = true }
        if isLeaseLost, progress.leaseLost == nil { progress.leaseLost = "Trellis revoked it." }
    }

    /// Restores what a new process needs: secrets, log, vine folder.
    private func resume() async throws {
        do {
            order = try await retryUntilAnswered("requesting the job") { try await self.host.trellis.work(self.lease) }
        } catch let error as TrellisCallError {
            // The job was given up meanwhile. Wait for the engine and save its state.
            progress.leaseLost = error.sentence
        }
        guard progress.done.contains(.start) else { return }
        var backoff = Backoff(dependencies: host.ambient)
        while services == nil {
            do { try await openServices() } catch let error where !(error is CancellationError) {
                // The engine may be running: there is nothing to do but to try again.
                logger.error("couldn't open the job's log: \(error)")
                try await host.sleeper.sleep(backoff.next())
            }
        }
        guard progress.done.contains(.prepare) else { return }
        vineLock = try? FileLock.take("\(host.runRoot)/.locks/\(progress.vine)")
        if vineLock == nil { logger.warning("the vine's folder can't be locked; it is not cleaned up at the end") }
    }

    // MARK: - What every step uses

    func record(durably: Bool = false, _ change: (inout JobProgress) -> Void) throws {
        let before = progress
        change(&progress)
        guard progress != before || durably || isUnsaved, !progress.done.contains(.cleanUp) else { return }
        do {
            try progress.save(folder.progress, durably: durably)
            isUnsaved = false
        } catch  where !durably {
            // A full disk must not end the job: keep the progress in memory and save it with the next change. A Tendril
            // that is killed before repeats a step, which is harmless.
            isUnsaved = true
            logger.warning("couldn't save the progress: \(error)")
        }
    }

    func openServices() async throws {
        guard services == nil else { return }
        if let order, Files.kind(of: folder.keptSecrets) == nil {
            do { try KeptSecrets.save(order.secrets, in: folder) } catch {
                // Only a Tendril that is restarted after the engine's end would miss it: then the log stays here.
                logger.warning("what the log masks could not be kept: \(error)")
            }
        }
        let secrets = order?.secrets ?? KeptSecrets.load(from: folder)
        services = try await host.services.open(lease, secrets: secrets, in: folder)
    }

    func note(_ text: String) async { await services?.log.note(text) }

    func mask(_ text: String) -> String { masker.mask(text) }

    /// Takes the job's secrets out of what leaves this machine; lets nothing through if they aren't known.
    var masker: any TextMasking {
        services?.masker ?? order.map { Masker(secrets: $0.secrets.maskedTexts) } ?? WithholdingMasker()
    }

    /// `text` without the folders of this Tendril: what lies in them is named as the vine's author knows it.
    nonisolated func relative(_ text: String) -> String {
        var text = text
        for place in [workspaceFolder, folder.path] {
            for path in Set([place, Files.real(place) ?? place]) {
                text = text.replacing("\(path)/", with: "").replacing(path, with: ".")
            }
        }
        return text
    }

    var engineName: String { progress.engine?.engine.name.rawValue ?? "terraform" }

    var workspace: Workspace { Workspace(runRoot: host.runRoot, vine: progress.vine) }

    private nonisolated var workspaceFolder: String { Workspace(runRoot: host.runRoot, vine: vine).folder }

    /// The order, for steps that need it.
    func requireOrder() throws -> ClaimResponse {
        guard let order else { throw JobError(description: "Trellis no longer provides this job.") }
        return order
    }

    /// Retries a call until Trellis accepts or refuses it.
    func retryUntilAnswered<Result: Sendable>(
        _ what: String, onWait: (@Sendable () async -> Void)? = nil, _ call: @Sendable () async throws -> Result
    ) async throws -> Result {
        var backoff = Backoff(dependencies: host.ambient)
        var hasWaited = false
        while true {
            do {
                return try await call()
            } catch let error as TrellisCallError where error.isTransient || error.isUnauthorised {
                logger.warning("\(what): \(error)")
                if !hasWaited { await onWait?() }
                hasWaited = true
                try await host.sleeper.sleep(backoff.next())
            }
        }
    }
}

extension Logger {
    fileprivate func tagged(_ job: JobID) -> Logger {
        var logger = self
        logger[metadataKey: "job"] = "\(job.short)"
        return logger
    }
}
