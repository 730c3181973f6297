import Domain
import Foundation
import Logging
import SystemCalls
import Wire

extension JobRunner {
    /// Runs the phase, or waits for the run that an earlier Tendril began.
    func run(_ phase: Phase, stdoutFile: String? = nil) async throws {
        guard let services else { throw JobError(description: "The job has no log yet.") }
        try await assumeIdentity(for: phase)
        let command = try phaseCommand(phase, stdoutFile: stdoutFile)
        if progress.mark(of: phase) == nil {
            await note("Running \(engineName) \(phase.displayName)" + (progress.phases.isEmpty ? engineDetails : ""))
            // Durable: a restart must know that this phase may have written to the folder.
            try record(durably: true) { progress in
                progress.phases.append(
                    PhaseMark(
                        phase: phase, captured: .end(of: self.folder), begunAt: self.host.ambient.now()))
            }
            reportPhases()
        }
        let end: PhaseEnd
        do {
            end = try await services.phases.run(command, in: folder, stop: stop)
        } catch let error where !(error is CancellationError) {
            // The engine was not run.
            try record { $0.phases.removeAll { $0.phase == phase } }
            throw error
        }
        let span = await services.phases.span(of: command.name, in: folder)
        try record { progress in
            guard let index = progress.phases.firstIndex(where: { $0.phase == phase }) else { return }
            progress.phases[index].end = PhaseMark.End(end, at: span?.endedAt ?? self.host.ambient.now())
            if let span { progress.phases[index].begunAt = span.execAt }
        }
        reportPhases()
    }

    /// Reports the phases while the job runs, so that its page can show them. One report is in flight at a time; changes
    /// made meanwhile go with the next one. A lost report does no harm: every later one repeats the phases.
    func reportPhases() {
        let phases = progress.reportedPhases
        guard phaseReport == nil, phases != sentPhases, !progress.done.contains(.report) else { return }
        var report = ReportStatusRequest(epoch: lease.epoch)
        report.phases = phases
        guard let masked = try? MaskedReport(report, masker) else { return }
        sentPhases = phases
        phaseReport = Task {
            do { _ = try await host.trellis.report(masked, job: lease.jobId) } catch {
                logger.info("the phases could not be reported: \(error)")
            }
            phaseReport = nil
            reportPhases()
        }
    }

    private var engineDetails: String {
        progress.engine.map { " (\($0.engine.version), \($0.engine.platform))" } ?? ""
    }

    private func phaseCommand(_ phase: Phase, stdoutFile: String?) throws -> PhaseCommand {
        let engine = progress.engine?.path ?? ""
        guard let order else {
            // Only to find an existing run; without the order, none starts.
            guard progress.mark(of: phase) != nil else {
                _ = try requireOrder(); return try phaseCommand(phase, stdoutFile: nil)
            }
            return PhaseCommand(
                name: phase.rawValue, executable: engine, arguments: [],
                workingDirectory: progress.workingDirectory ?? workspace.folder, environment: [:], stdoutFile: nil)
        }
        let variables = variablesFile(for: phase)
        let options = order.options ?? RunOptions()
        return PhaseCommand(
            name: phase.rawValue, executable: engine,
            arguments: phase.arguments(in: progress.type, plan: folder.plan, variables: variables, options: options),
            workingDirectory: progress.workingDirectory ?? workspace.folder, environment: environment(of: order),
            stdoutFile: stdoutFile, user: host.user)
    }

    /// The variables that the phase is given.
    private func variablesFile(for phase: Phase) -> String? {
        let file: String? =
            switch phase {
            case .plan: folder.variables
            case .apply: folder.ephemeralVariables
            default: nil
            }
        return file.flatMap { Files.kind(of: $0) == .file ? $0 : nil }
    }

    private func environment(of order: ClaimResponse) -> [String: String] {
        let vine = host.environment.forVine(
            order.snapshot.settings, secrets: order.secrets.environment, metadataFile: folder.metadata,
            logLevel: order.options?.logLevel)
        guard let identity else { return vine }
        return vine.filter { !identity.reserved.contains($0.key) }.merging(identity.environment) { _, own in own }
    }

    // MARK: - init

    /// Under a lock: concurrent writes corrupt the plugin cache.
    func initialize() async throws {
        var lock: FileLock?
        if progress.mark(of: .initialize) == nil, let order,
            let cache = environment(of: order)["TF_PLUGIN_CACHE_DIR"]
        {
            try Files.makeFolder(cache)
            let log = services?.log
            lock = try await stop.interrupting { [sleeper = host.sleeper] in
                try await FileLock.wait(for: "\(cache)/.vintner.lock", sleep: sleeper.sleep) {
                    await log?.note("Waiting for the plugin cache, in use by another init")
                }
            }
        }
        try await run(.initialize)
        withExtendedLifetime(lock) {}
    }

    func readBackend() async throws {
        guard let order, let place = progress.workingDirectory else { return }
        let keeping = BackendKind.read(
            try Files.read("\(place)/.terraform/terraform.tfstate"), environment: environment(of: order),
            workingDirectory: place)
        switch keeping {
        case .trellis: break
        case .refused(let reason): throw JobError(description: reason)
        case .backend(let name):
            try record { $0.backend = name }
            await note("The state is stored in \(name)")
        }
    }

    /// Reads another backend's state. On failure, only the serial is unknown.
    func pull(_ phase: Phase) async throws {
        let file = folder.pulled(phase)
        try await run(phase, stdoutFile: file)
        guard progress.mark(of: phase)?.succeeded == true,
            let position = try Files.read(file).flatMap(StateReader.position)
        else { return }
        try record { progress in
            if phase == .pullBefore { progress.stateBefore = position } else { progress.stateAfter = position }
        }
    }

    // MARK: - The plan

    func readPlan() async throws {
        let data = try Files.map(folder.planJSON)
        let summary = try PlanSummary.read(data, refreshOnly: order?.options?.refreshOnly == true)
        if let graph = try? PlanGraph.read(data) { report(graph) }
        var isCut = summary.omitted > 0
        let metadata = summary.metadata.mapStrings { text in
            let masked = mask(text)
            let shown = masked.shortened(toBytes: PlanSummary.addressBytes)
            if shown != masked { isCut = true }
            return shown
        }
        try record { progress in
            progress.changes = summary.changes
            progress.failedChecks = summary.failedChecks
            if isCut { progress.addTruncated("resources") }
            progress.metadata = progress.metadata.merging(metadata)
        }
        try await sendPlanChanges(data)
        try Files.remove(folder.planJSON)
        if progress.type != .plan { await note("Planned: \(summary.sentence)") }
    }

    /// Sends which resources wait for which others, for the page. Nothing depends on it.
    private func report(_ graph: RunGraph) {
        var masked = graph
        for index in masked.nodes.indices { masked.nodes[index].address = mask(masked.nodes[index].address) }
        masked.groups = masked.groups.map(mask)
        let request = ReportResourcesRequest(epoch: lease.epoch, graph: masked.bounded)
        Task { [host, lease, logger] in
            var backoff = Backoff(dependencies: host.ambient)
            for _ in 0..<3 {
                do { return try await host.trellis.report(request, job: lease.jobId) } catch {
                    logger.info("the plan's dependencies could not be reported: \(error)")
                    do { try await host.sleeper.sleep(backoff.next()) } catch { return }
                }
            }
        }
    }

    func packPlan() async throws {
        let place = progress.workingDirectory ?? workspace.folder
        let packer = try artifact()
        let digest = try await stop.interrupting { [folder] in
            try await packer.pack(to: folder.artifact, workingDirectory: place)
        }
        try record { $0.artifact = digest }
    }

    func uploadPlan() async throws {
        guard let digest = progress.artifact else { throw JobError(description: "The plan was not packed.") }
        do {
            try await stop.interrupting { [self] in
                try await self.retryUntilAnswered("storing the plan") { [folder, lease, host] in
                    try await host.trellis.uploadArtifact(folder.artifact, sha256: digest, lease: lease)
                }
            }
        } catch let error as TrellisCallError where !error.isLeaseLost {
            throw JobError(description: "Couldn't store the plan: \(error.sentence)")
        }
        await note("Saved plan: \(progress.changes?.sentence ?? "stored")")
    }

    // MARK: - apply

    func apply() async throws {
        guard progress.backend == nil else { return try await run(.apply) }
        let keeper = stateKeeper()
        let watching = Task { await keeper.watch() }
        defer { watching.cancel() }
        try await run(.apply)
        watching.cancel()
        await watching.value
    }

    func stateKeeper() -> StateUploader {
        StateUploader(
            folder: progress.workingDirectory ?? workspace.folder, vine: progress.vine, lockID: lockInfo.ID,
            alreadyStored: progress.storedState, trellis: host.trellis, sleeper: host.sleeper, ambient: host.ambient,
            stored: { [weak self] position, digest in await self?.storedState(position, digest) })
    }

    private func storedState(_ position: StatePosition, _ digest: String) async {
        await note("State serial \(position.serial) stored")
        do {
            try record { progress in
                progress.stateAfter = position
                progress.storedState = digest
            }
        } catch {
            // The next process stores it again, which is harmless.
            logger.warning("couldn't save the progress: \(error)")
        }
    }
}
