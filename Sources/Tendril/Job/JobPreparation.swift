import Domain
import Foundation
import SystemCalls
import Wire

extension JobRunner {
    // MARK: - The start

    func start() async throws {
        let order = try requireOrder()
        let engine = EngineFinder.choose(
            order.requirement, from: await host.engines.find(), runRoot: host.runRoot)
        try record { $0.engine = engine }
        try await reportProcessing()
        // From here on, this Tendril must end the job.
        try record { $0.done.insert(.start) }
        try await openServices()
        for warning in order.secrets.warnings { await note(warning) }
        if progress.type == .connectionTest { return }
        guard engine != nil else { throw JobError(description: missingEngine(order.requirement)) }
        let names = Array(order.snapshot.settings.environment.keys) + Array(order.secrets.environment.keys)
        if let sentence = EnvironmentRules.refusal(of: names) {
            throw JobError(description: "\(sentence) Take it out of the vine, and plan again. Nothing was run.")
        }
    }

    /// Reports PROCESSING and waits for the acknowledgment.
    func reportProcessing(onWait: (@Sendable () async -> Void)? = nil) async throws {
        var report = ReportStatusRequest(epoch: lease.epoch)
        report.status = .processing
        report.engine = progress.engine?.engine
        report.runRoot = host.runRoot
        report.resolvedCommit = progress.resolvedCommit
        let masked = try MaskedReport(report, masker)
        do {
            _ = try await retryUntilAnswered("reporting the start", onWait: onWait) {
                try await self.host.trellis.report(masked, job: self.lease.jobId)
            }
        } catch let error as TrellisCallError where !progress.done.contains(.start) {
            throw LeaseNotHeld(sentence: error.sentence)
        }
    }

    private func missingEngine(_ requirement: EngineRequirement) -> String {
        let wanted = [requirement.name?.rawValue ?? "engine", requirement.version, requirement.platform]
            .compactMap { $0 }.joined(separator: " ")
        return "This Tendril no longer has \(wanted)."
    }

    /// Before the first change: check that the job was not canceled or reassigned while we were disconnected.
    func confirm() async throws {
        do {
            let log = services?.log
            try await reportProcessing(onWait: {
                await log?.note("Waiting for Trellis to confirm before applying")
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
        // Release the lock even if the response is lost.
        try record { $0.mayHoldLock = true }
        let giveUpAt = host.ambient.now().advanced(by: host.lockPatience.milliseconds)
        var hasNoted = false
        while true {
            do {
                return try await retryUntilAnswered("acquiring the state lock") {
                    [info = lockInfo, vine = progress.vine] in
                    try await self.host.trellis.lock(vine, info)
                }
            } catch let error as TrellisCallError {
                guard case .locked(let holder) = error.kind else { throw error }
                guard host.ambient.now() < giveUpAt else {
                    throw JobError(description: "The vine's state is still locked by \(holder); nothing was run.")
                }
                if !hasNoted { await note("Waiting for the state lock, held by \(holder)") }
                hasNoted = true
                try await stop.interrupting { [sleeper = host.sleeper] in try await sleeper.sleep(.seconds(2)) }
            }
        }
    }

    func fetchState() async throws {
        let state = try await retryUntilAnswered("fetching the state") { [vine = progress.vine] in
            try await self.host.trellis.state(of: vine)
        }
        try Files.remove(folder.stateBefore)
        guard let state else { return }
        guard let position = StateReader.position(of: state) else {
            throw JobError(description: "The stored state of this vine is not a Terraform state.")
        }
        try Files.write(state, to: folder.stateBefore)
        try record { progress in
            progress.stateBefore = position
            progress.storedState = StateUploader.digest(of: state)
        }
    }

    /// The plan may have become stale since the click.
    func checkPlan() throws {
        guard let plan = try requireOrder().plan else {
            throw JobError(description: "The saved plan no longer exists. Plan again; nothing was applied.")
        }
        let facts = PlanValidity.Facts(
            planType: .plan, planStatus: .success, plannedDigest: "", currentDigest: "", plannedState: plan.state,
            currentState: progress.stateBefore, artifactStored: true, deploy: nil)
        if let reason = PlanValidity.evaluate(facts).reason { throw JobError(description: reason) }
        try record { $0.changes = plan.changes }
    }

    // MARK: - The working folder

    func prepare() async throws {
        let order = try requireOrder()
        if vineLock == nil {
            let log = services?.log
            vineLock = try await stop.interrupting { [workspace, sleeper = host.sleeper] in
                try await workspace.take(
                    sleeper: sleeper,
                    onWait: { await log?.note("Waiting for the vine's folder, in use by another job") })
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
        await note(progress.stateBefore.map { "Restored state, serial \($0.serial)" } ?? "No state yet")
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
            await note("Ignored in the source, because Vintner stores the state: \(removed.joined(separator: ", "))")
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
            commit = try await stop.interrupting { try await git.resolve() }
            if !isResolved {
                try record { $0.resolvedCommit = commit }
                try await reportProcessing()
            }
        }
        await note("Checking out \(commit.prefix(12)) of \(url)" + (ref == commit ? "" : " (\(ref))"))
        let found = try await stop.interrupting { [workspace, folder] in
            try await git.checkOut(commit, into: workspace.folder, scratch: folder.gitScratch)
        }
        if resolved == nil, progress.resolvedCommit == nil {
            // A full commit as the ref: only the repository knows whether it is one, or a tag's id.
            try record { $0.resolvedCommit = found }
            try await reportProcessing()
        }
    }

    private func restore(_ plan: PlanReference) async throws {
        try await stop.interrupting { [self] in
            try await retryUntilAnswered("fetching the plan") { [folder, lease, host] in
                try await host.trellis.downloadArtifact(
                    of: plan.jobId, for: lease, to: folder.artifact, limit: host.artifactLimit)
            }
        }
        let artifact = try artifact()
        try await stop.interrupting { [folder] in
            try await artifact.unpack(folder.artifact, sha256: plan.artifactSha256)
        }
        await note("Restored the plan of job \(plan.jobId.short)")
    }

    func artifact() throws -> Artifact {
        Artifact(
            workspace: workspace, planFolder: folder.exchange,
            tar: Command(executable: try helper("tar"), environment: host.environment.base), limit: host.artifactLimit)
    }

    /// A tool of the system, on the PATH.
    private func helper(_ name: String) throws -> String {
        let path = host.environment.base["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
        let found = path.split(separator: ":").map { "\($0)/\(name)" }.first(where: Files.isExecutable)
        guard let found else { throw JobError(description: "This Tendril has no \(name) on its PATH.") }
        return found
    }

    private func writeVariables(_ order: ClaimResponse, workingDirectory: String) throws {
        // Terraform quotes this file in diagnostics, and numbers are masked as they are written without an exponent.
        let secrets = order.secrets.variables.mapValues(\.withPlainNumbers)
        let variables = order.snapshot.settings.variables.merging(secrets) { _, secret in secret }
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

extension JSONValue {
    /// The value with every number written with all its digits, as far as that is not absurdly long.
    fileprivate var withPlainNumbers: JSONValue {
        switch self {
        case .number(let number):
            guard let text = DecimalNumber(number.description)?.plain, let plain = JSONNumber(text) else { return self }
            return .number(plain)
        case .array(let items): return .array(items.map(\.withPlainNumbers))
        case .object(let members): return .object(members.mapValues(\.withPlainNumbers))
        default: return self
        }
    }
}
