import Domain
import Foundation
import Logging
import SystemCalls
import Wire

extension JobRunner {
    // MARK: - State

    func storeFinalState() async throws {
        let settlement: StateUploader.Result
        let file = (progress.workingDirectory ?? workspace.folder) + "/terraform.tfstate"
        do { settlement = try await stateKeeper().settle() } catch let error where !(error is CancellationError) {
            settlement = .unstored(path: file, reason: "\(error)")
        }
        guard case .unstored(let path, let reason) = settlement else { return try checkForLostState(file) }
        // Keep the lock and the folder: nobody must unknowingly continue from an older state.
        try record { progress in
            progress.keepsFolder = true
            progress.mayHoldLock = false
            progress.lockReleased = false
        }
        let kept = (try? keep(path)) ?? path
        throw JobError(
            description: "Couldn't store the state (\(reason)). It is kept at \(kept) on \(host.name), and the "
                + "vine stays locked.")
    }

    /// An apply that ended well has left a new state, if it had something to do: or the state is somewhere else, and
    /// the next plan would make everything once more.
    private func checkForLostState(_ file: String) throws {
        guard progress.mark(of: .apply)?.succeeded == true, progress.stateAfter == nil, let changes = progress.changes,
            changes.mustChangeState || !changes.isEmpty && Files.kind(of: file) == nil
        else { return }
        try record { progress in
            progress.keepsFolder = true
            progress.mayHoldLock = false
            progress.lockReleased = false
        }
        let kept = "\(host.kept(of: lease.jobId))/folder"
        var place = workspace.folder
        do {
            try Files.makeFolder(host.kept(of: lease.jobId))
            try Files.move(place, to: kept)
            place = kept
        } catch { logger.warning("the folder can't be moved to where it is kept: \(error)") }
        throw JobError(
            description:
                "\(engineName) apply ended well, but left no new state where Vintner keeps it. Its folder is kept "
                + "at \(place) on \(host.name), and the vine stays locked.")
    }

    /// Copies a file to where it outlives the job; returns the new path.
    private func keep(_ path: String) throws -> String {
        let place = host.kept(of: lease.jobId)
        try Files.makeFolder(place)
        let copy = "\(place)/\((path as NSString).lastPathComponent)"
        try Files.write(try Files.read(path) ?? Data(), to: copy, durably: true)
        return copy
    }

    // MARK: - Facts

    /// Collects results, then deletes all files with secrets, because the report may take long.
    func collect() async throws {
        await stopIdentity()
        var found: [String: JSONValue] = [:]
        if let engine = progress.engine?.engine {
            found["engine"] = [
                "name": .string(engine.name.rawValue), "version": .string(engine.version),
                "platform": .string(engine.platform),
            ]
        }
        if let changes = progress.changes { found["changes"] = changes.metadata }
        if let commit = progress.resolvedCommit { found["resolved_commit"] = .string(commit) }
        if progress.type != .connectionTest { found["state_kept_by"] = .string(progress.backend ?? "trellis") }
        found["timing_ms"] = timing
        var cut: [String] = []
        if progress.mark(of: .apply)?.succeeded == true, let outputs = try outputs() {
            found["outputs"] = .object(outputs.values)
            cut = outputs.tooLarge + outputs.tooDeep
        }
        // The job's own metadata may add fields but not override ours.
        let written = Self.withoutOwnNames(await writtenMetadata())
        let gathered = progress.metadata.merging(masker.mask(written.merging(.object(found))))
        let outputsCut = cut.map { "outputs.\(mask($0))" }.sorted()
        let metadata = JobMetadata(
            gathered, truncated: (progress.truncated ?? []) + outputsCut, limit: JobMetadata.reportedBytes)
        try record { progress in
            progress.metadata = metadata.value
            progress.truncated = metadata.truncated
        }
        try await keepErroredState()
        for path in folder.confidential { try Files.remove(path) }
    }

    private var timing: JSONValue {
        var timing: [String: JSONValue] = [:]
        for mark in progress.phases {
            let name = mark.phase.rawValue.replacing("-", with: "_")
            if let end = mark.end { timing[name] = .integer(end.at.milliseconds(since: mark.begunAt)) }
        }
        return .object(timing)
    }

    /// Names of the metadata that only Vintner writes.
    private static let ownNames: Set<String> = [
        "changes", "connection", "dispatch_ms", "engine", "outputs", "resolved_commit", "resources",
        "resources_omitted",
        "state_kept_by", "timing_ms",
    ]

    private static func withoutOwnNames(_ written: JSONValue) -> JSONValue {
        guard case .object(let members) = written else { return written }
        return .object(members.filter { !ownNames.contains($0.key) })
    }

    private func outputs() throws -> StateReader.Outputs? {
        let file =
            progress.backend == nil
            ? "\(progress.workingDirectory ?? workspace.folder)/terraform.tfstate" : folder.pulled(.pullAfter)
        return try Files.read(file).flatMap { try? StateReader.outputs(of: $0) }
    }

    /// What the job wrote to `$VINTNER_METADATA_FILE`: an object, or nothing.
    private func writtenMetadata() async -> JSONValue {
        guard Files.kind(of: folder.metadata) == .file else { return .object([:]) }
        let limit = 64 << 10
        guard let data = try? Files.read(folder.metadata, limit: limit) else {
            await note("Ignored the metadata file: larger than 64 KiB")
            try? record { $0.truncated = ($0.truncated ?? []) + ["metadata_file"] }
            return .object([:])
        }
        guard let written = try? JSONValue.parse(data, cuttingBelow: JSONDepth.metadata), case .object = written.value
        else {
            await note("Ignored the metadata file: not a JSON object")
            return .object([:])
        }
        if written.isCut {
            await note("The metadata file nests deeper than \(JSONDepth.metadata) levels; what is deeper is left out")
            let names = written.value.namesOfMembersCutForDepth.map(mask)
            try? record { $0.truncated = ($0.truncated ?? []) + names }
        }
        return written.value
    }

    /// The engine could not save its state to its own backend: the file that it left is the only copy.
    private func keepErroredState() async throws {
        guard let place = progress.workingDirectory, progress.backend != nil,
            Files.kind(of: "\(place)/errored.tfstate") == .file
        else { return }
        let kept = try keep("\(place)/errored.tfstate")
        await note("\(engineName) could not save the state; a copy is at \(kept) on \(host.name)")
    }

    // MARK: - Unlock and report

    /// Bytes of an error message.
    private static let errorBytes = 8 << 10

    func unlock() async throws {
        do {
            try await retryUntilAnswered("releasing the state lock") { [info = lockInfo, vine = progress.vine] in
                try await self.host.trellis.unlock(vine, info)
            }
            try record { $0.lockReleased = true }
            await note("Lock released")
        } catch let error as TrellisCallError {
            // Broken by an operator, or never granted.
            guard progress.done.contains(.lock) else { return }
            try record { $0.lockReleased = false }
            await note("The lock was lost: \(error.sentence)")
        }
    }

    func report() async throws {
        let failed = progress.failedPhase
        let said = await services?.log.diagnostics(
            errorsFrom: failed?.captured ?? EngineDiagnostics.Position())
        let unfinished = progress.mark(of: .apply) == nil ? [] : await services?.log.unfinished() ?? []
        let verdict = JobReport.of(
            progress, engineSaid: failed == nil ? nil : said?.message.map { relative($0) },
            diagnostic: said?.first?.mapTexts(relative), unfinished: unfinished)
        var report = ReportStatusRequest(epoch: lease.epoch)
        report.status = verdict.status
        report.engineState = verdict.engineState
        report.outcome = verdict.outcome
        report.errorMessage = verdict.errorMessage.map { mask($0).shortened(toBytes: Self.errorBytes) }
        report.outcome?.summary = mask(verdict.outcome.summary)
        report.executionMetadata = progress.metadata
        report.changes = progress.changes
        report.warnings = max(said?.warnings ?? 0, progress.failedChecks ?? 0)
        report.truncated = progress.truncated
        report.phases = progress.reportedPhases
        if let fitted = report.outcome?.fitted() {
            report.outcome = fitted.outcome
            if fitted.isCut { report.truncated = (report.truncated ?? []) + ["outcome.unfinished"] }
        }
        report.resolvedCommit = progress.resolvedCommit
        report.engineStartedAt = progress.phases.first?.begunAt
        if verdict.status == .success, progress.type == .plan, progress.backend == nil {
            report.plannedState = progress.stateBefore
        }
        let closing = await services?.log.finish()
        try Task.checkCancellation()
        report.log = closing ?? LogClosingMessage(digest: nil, incomplete: "couldn't open the log")
        if verdict.status == .failed, let failed {
            let found = await services?.log.errors(of: "\(engineName) \(failed.phase.displayName)") ?? []
            report.errors = found.isEmpty ? nil : found.map { $0.mapTexts(relative).fitted() }
        }
        guard let reply = try await deliver(report) else { return try preserveCapture(nil) }
        guard reply.logState != "COMPLETE", let log = services?.log else { return try preserveCapture(reply) }
        if closing?.incomplete == nil, let second = await log.resend() {
            var facts = ReportStatusRequest(epoch: lease.epoch)
            facts.engineState = verdict.engineState
            facts.log = second
            return try preserveCapture(try await deliver(facts))
        }
        try preserveCapture(reply)
    }

    /// Reports until answered; without a status if Trellis already decided it. nil if Trellis accepts
    /// nothing at all from this lease.
    private func deliver(_ report: ReportStatusRequest) async throws -> ReportStatusResponse? {
        var attempts = [report]
        if report.executionMetadata != nil || report.errors != nil {
            // Whatever is wrong with the optional part must not keep the end from being known.
            var essential = report
            essential.errors = nil
            if report.executionMetadata != nil {
                essential.executionMetadata = nil
                essential.truncated = (report.truncated ?? []) + ["execution_metadata"]
            }
            attempts.append(essential)
        }
        if report.status != nil {
            // Canceled or given up: still send the facts.
            var facts = report
            facts.status = nil
            attempts.append(facts)
        }
        var refusal: TrellisCallError?
        for attempt in attempts {
            // Another status or another lease is not a matter of what the report holds.
            if let refusal, attempt.status != nil, refusal.isConflict || refusal.isLeaseLost { continue }
            do { return try await send(attempt) } catch let error as TrellisCallError {
                logger.notice("the report was refused: \(error)")
                refusal = refusal ?? error
            }
        }
        if report.status != .failed, let refusal {
            // Success was refused: report a failure, so the job does not stay open.
            var failed = report
            failed.status = .failed
            failed.executionMetadata = nil
            failed.errorMessage = refusal.sentence
            failed.plannedState = nil
            do { return try await send(failed) } catch let error as TrellisCallError {
                logger.error("the report was refused: \(error)")
            }
        }
        return nil
    }

    private func send(_ report: ReportStatusRequest) async throws -> ReportStatusResponse {
        let masked = try MaskedReport(report, masker)
        return try await retryUntilAnswered("sending the report") {
            try await self.host.trellis.report(masked, job: self.lease.jobId)
        }
    }

    /// Preserve the capture of an incomplete log for inspection.
    private func preserveCapture(_ reply: ReportStatusResponse?) throws {
        guard reply?.logState != "COMPLETE" else { return }
        try record { $0.keepsCapture = true }
    }

    // MARK: - The end

    func cleanUp() throws {
        // Do it now, so the next job does not wait.
        if vineLock != nil, !progress.keepsFolder, let place = try workspace.empty() {
            logger.warning("what the job left could not be removed; it is now in \(place)")
        }
        vineLock = nil
        if progress.keepsCapture {
            let place = host.kept(of: lease.jobId)
            try Files.makeFolder(place)
            for path in folder.confidential + [folder.keptSecrets, folder.keptTokens] { try Files.remove(path) }
            // Commands contain the environment.
            try Files.remove(folder.path + "/phases")
            try Files.remove("\(place)/capture")
            try Files.move(folder.path, to: "\(place)/capture")
            if folder.exchange != folder.path { try Files.remove(folder.exchange) }
        } else {
            try folder.remove()
        }
    }
}

extension JSONValue {
    /// The names of an object's members of which some part was replaced because it nests too deep, in order.
    fileprivate var namesOfMembersCutForDepth: [String] {
        guard case .object(let members) = self else { return [] }
        return members.filter { $0.value.holdsDepthMarker }.map(\.key).sorted()
    }

    private var holdsDepthMarker: Bool {
        switch self {
        case .array(let items): items.contains(where: \.holdsDepthMarker)
        case .object(let members): members.values.contains(where: \.holdsDepthMarker)
        default: self == JSONDepth.marker
        }
    }
}
