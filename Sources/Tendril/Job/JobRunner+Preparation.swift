import Domain
import Foundation
import Wire

extension JobRunner {
    // MARK: - The start

    func start() async throws {
        let order = try requireOrder()
        let engine = EngineFinder.choose(
            order.requirement, from: await host.engines.find(), runRoot: host.runRoot)
        try record { $0.engine = engine }
        try await reportProcessing()
        // From here on the job is ours to end, whatever happens.
        try record { $0.done.insert(.start) }
        try await openEquipment()
        for warning in order.secrets.warnings { await note(warning) }
        guard engine != nil else { throw Failure(description: missingEngine(order.requirement)) }
        let names = Array(order.snapshot.settings.environment.keys) + Array(order.secrets.environment.keys)
        if let sentence = EnvironmentRules.refusal(of: names) {
            throw Failure(description: "\(sentence) Take it out of the vine, and plan again. Nothing was run.")
        }
    }

    /// Trellis hears that the job is (still) being processed, and agrees.
    func reportProcessing(onWait: (@Sendable () async -> Void)? = nil) async throws {
        var report = ReportStatusRequest(epoch: lease.epoch)
        report.status = .processing
        report.engine = progress.engine?.engine
        report.runRoot = host.runRoot
        report.resolvedCommit = progress.resolvedCommit
        let masked = try MaskedReport(report, masker)
        do {
            _ = try await untilAnswered("reporting the start", onWait: onWait) {
                try await self.host.trellis.report(masked, job: self.lease.jobId)
            }
        } catch let error as TrellisCallError where !progress.done.contains(.start) {
            throw Abandoned(sentence: error.sentence)
        }
    }

    private func missingEngine(_ requirement: EngineRequirement) -> String {
        let wanted = [requirement.name?.rawValue ?? "engine", requirement.version, requirement.platform]
            .compactMap { $0 }.joined(separator: " ")
        return "This Tendril has no \(wanted) any more."
    }

    /// Just before anything is changed: was the job cancelled, or given to others, while nobody could tell us?
    func confirm() async throws {
        do {
            let log = equipment?.log
            try await reportProcessing(onWait: {
                await log?.note("Waiting for Trellis, which must agree before anything is applied")
            })
        } catch let error as TrellisCallError where error.isConflict {
            try record { $0.isCancelled = true }
        }
    }

    // MARK: - Lock and state

    var lockInfo: LockInfo {
        let lease = Lease(job: lease.jobId, worker: host.worker, epoch: lease.epoch)
        return LockInfo(
            ID: LockInfo.id(for: lease), Operation: progress.type.rawValue, Info: "job \(lease.job)", Who: host.name,
            Created: host.ambient.now().description)
    }

    func lock() async throws {
        // Also where the answer gets lost, the lock must be given back.
        try record { $0.mayHoldLock = true }
        let giveUpAt = host.ambient.now().advanced(by: host.lockPatience.milliseconds)
        var hasNoted = false
        while true {
            do {
                return try await untilAnswered("taking the lock") { [info = lockInfo, vine = progress.vine] in
                    try await self.host.trellis.lock(vine, info)
                }
            } catch let error as TrellisCallError {
                guard case .locked(let holder) = error.kind else { throw error }
                guard host.ambient.now() < giveUpAt else {
                    throw Failure(description: "The vine's state stayed locked by \(holder); nothing was run.")
                }
                if !hasNoted { await note("Waiting for the state lock, held by \(holder)") }
                hasNoted = true
                try await cancellation.interrupting { [pacing = host.pacing] in try await pacing.pause(.seconds(2)) }
            }
        }
    }

    func fetchState() async throws {
        let state = try await untilAnswered("fetching the state") { [vine = progress.vine] in
            try await self.host.trellis.state(of: vine)
        }
        try Files.remove(folder.stateBefore)
        guard let state else { return }
        guard let position = StateReader.position(of: state) else {
            throw Failure(description: "The state that Trellis keeps for this vine is no Terraform state.")
        }
        try Files.write(state, to: folder.stateBefore)
        try record { progress in
            progress.stateBefore = position
            progress.storedState = StateUploader.digest(of: state)
        }
    }

    /// A plan may have gone stale between the click and now.
    func judge() throws {
        guard let plan = try requireOrder().plan else {
            throw Failure(description: "The saved plan is gone; plan again. Nothing was applied.")
        }
        let facts = PlanValidity.Facts(
            planType: .plan, planStatus: .success, plannedDigest: "", currentDigest: "", plannedState: plan.state,
            currentState: progress.stateBefore, artifactStored: true, deploy: nil)
        if let reason = PlanValidity.evaluate(facts).reason { throw Failure(description: reason) }
        try record { $0.changes = plan.changes }
    }

    // MARK: - The working folder

    func prepare() async throws {
        let order = try requireOrder()
        if vineLock == nil {
            let log = equipment?.log
            vineLock = try await cancellation.interrupting { [workspace, pacing = host.pacing] in
                try await workspace.take(
                    pacing: pacing,
                    onWait: { await log?.note("Waiting for the vine's folder, which another job holds") })
            }
        }
        if let place = try workspace.empty() {
            await note("What an earlier job left could not be removed; it is now in \(place) on \(host.name)")
        }
        let workingDirectory: String
        if let plan = order.plan {
            workingDirectory = try workspace.workingDirectory(path: order.snapshot.settings.source.path)
            try await restore(plan)
        } else {
            workingDirectory = try await fill(from: order.snapshot)
        }
        if progress.stateBefore != nil {
            let state = try Files.read(folder.stateBefore)
            try Files.write(state ?? Data(), to: workingDirectory + "/terraform.tfstate")
        }
        await note(progress.stateBefore.map { "Restored state, serial \($0.serial)" } ?? "There is no state yet")
        try writeVariables(order, workingDirectory: workingDirectory)
        if let user = host.user {
            for path in [workspace.folder, folder.exchange] { try user.own(path) }
        }
        try record { $0.workingDirectory = workingDirectory }
    }

    private func fill(from snapshot: Snapshot) async throws -> String {
        let workingDirectory: String
        switch snapshot.settings.source {
        case .inline(let files, let path):
            workingDirectory = try workspace.workingDirectory(path: path)
            try workspace.write(files)
            try workspace.checkTree(workingDirectory: workingDirectory)
        case .git(let url, let ref, let path):
            workingDirectory = try workspace.workingDirectory(path: path)
            try await checkOut(url, ref, resolved: snapshot.resolvedCommit ?? progress.resolvedCommit)
            try workspace.checkTree(workingDirectory: workingDirectory)
        }
        let removed = try workspace.removeForeignState(in: workingDirectory)
        if !removed.isEmpty {
            await note("Left out of the source, because Vintner keeps the state: \(removed.joined(separator: ", "))")
        }
        // Only a PLAN is saved. It is said before the plan is made, not after.
        if progress.type == .plan { try artifact().checkSize(workingDirectory: workingDirectory) }
        return workingDirectory
    }

    private func checkOut(_ url: String, _ ref: String, resolved: String?) async throws {
        let environment = host.environment.base
        let git = try GitSource(
            url: url, ref: ref, executable: try helper("git"), environment: environment, allowFile: host.allowFileGit,
            limits: host.gitLimits)
        let commit: String
        if let resolved {
            commit = resolved
        } else {
            let isResolved = GitSource.isCommit(ref)
            if !isResolved { await note("Resolving \(ref) of \(url)") }
            commit = try await cancellation.interrupting { try await git.resolve() }
            if !isResolved {
                try record { $0.resolvedCommit = commit }
                try await reportProcessing()
            }
        }
        await note("Checking out \(commit.prefix(12)) of \(url)" + (ref == commit ? "" : " (\(ref))"))
        let found = try await cancellation.interrupting { [workspace, folder] in
            try await git.checkOut(commit, into: workspace.folder, scratch: folder.gitScratch)
        }
        if resolved == nil, progress.resolvedCommit == nil {
            // A full commit as the ref: only the repository knows whether it is one, or a tag's id.
            try record { $0.resolvedCommit = found }
            try await reportProcessing()
        }
    }

    private func restore(_ plan: PlanReference) async throws {
        try await cancellation.interrupting { [self] in
            try await untilAnswered("fetching the plan") { [folder, lease, host] in
                try await host.trellis.downloadArtifact(
                    of: plan.jobId, for: lease, to: folder.artifact, limit: host.artifactLimit)
            }
        }
        let artifact = try artifact()
        try await cancellation.interrupting { [folder] in
            try await artifact.unpack(folder.artifact, sha256: plan.artifactSha256)
        }
        await note("Restored the plan of job \(plan.jobId.short)")
    }

    func artifact() throws -> Artifact {
        Artifact(
            workspace: workspace, planFolder: folder.exchange,
            tar: Tool(executable: try helper("tar"), environment: host.environment.base), limit: host.artifactLimit)
    }

    /// A tool of the system, on the PATH.
    private func helper(_ name: String) throws -> String {
        let path = host.environment.base["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
        let found = path.split(separator: ":").map { "\($0)/\(name)" }.first(where: Files.isExecutable)
        guard let found else { throw Failure(description: "This Tendril has no \(name) on its PATH.") }
        return found
    }

    private func writeVariables(_ order: ClaimResponse, workingDirectory: String) throws {
        let variables = order.snapshot.settings.variables.merging(order.secrets.variables) { _, secret in secret }
        try Files.remove(folder.variables)
        try Files.remove(folder.ephemeralVariables)
        guard !variables.isEmpty else { return }
        try Files.write(Data(JSONValue.object(variables).bytes), to: folder.variables)
        guard let engine = progress.engine?.engine, engine.takesEphemeralVariables else { return }
        let names = EphemeralVariables.declared(in: workingDirectory, engine: engine.name)
        let ephemeral = variables.filter { names.contains($0.key) }
        guard !ephemeral.isEmpty else { return }
        try Files.write(Data(JSONValue.object(ephemeral).bytes), to: folder.ephemeralVariables)
    }
}

extension Duration {
    var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
