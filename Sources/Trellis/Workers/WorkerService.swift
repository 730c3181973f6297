internal import Domain
internal import Foundation
internal import Storage
internal import Wire

/// Handles claims, heartbeats and reports of Tendrils.
struct WorkerService: Sendable {
    var store: any Store
    var credentials: Credentials
    var ambient: SystemDependencies
    let forecasts: RunForecasts
    /// What is stored of one job's metadata.
    var metadataBytes = JobMetadata.storedBytes
    var metrics = ServerMetrics()

    /// How long a claim may stay unconfirmed before the job is queued again, in milliseconds.
    static let claimGrace: Int64 = 15_000
    /// Bytes of an error message, and of the reason why a log is incomplete.
    static let errorBytes = 8 << 10
    static let reasonBytes = 500
    /// Room for what Trellis itself adds to the metadata.
    static let ownMetadataBytes = 4 << 10

    func register(
        _ name: String, vineyards: Set<VineyardID>, by caller: AuditContext
    ) async throws -> RegisterWorkerResponse {
        guard !name.isEmpty, name.count <= 64, PlainName.isPlain(name) else {
            throw Refusal(.invalid, "\"name\" has 1 to 64 characters, none of them a control or bidirectional one.")
        }
        let token = credentials.make(.tendrilToken)
        let tendril = Tendril(id: ambient.makeID(), name: name, createdAt: ambient.now(), vineyards: vineyards)
        let event = caller.event(.registerTendril, on: .tendril(tendril.id, name: name), ambient)
        try await store.recording(event).createTendril(tendril, tokenHash: Credentials.hash(token))
        return RegisterWorkerResponse(
            workerId: tendril.id, workerToken: token, runRoots: try await runRoots(besides: tendril.id))
    }

    /// Where the other Tendrils that are there run their jobs: a plan is applied only under the folder in which it was
    /// made.
    private func runRoots(besides id: TendrilID) async throws -> [String] {
        let now = ambient.now()
        let others = try await store.tendrils().filter { $0.id != id && $0.status(at: now) != .offline }
        return Set(others.map(\.offer.runRoot).filter { !$0.isEmpty }).sorted()
    }

    /// Records the heartbeat and reconciles leases.
    func heartbeat(_ beat: HeartbeatRequest, from id: TendrilID) async throws -> HeartbeatResponse {
        let now = ambient.now()
        guard beat.engines.count <= 16, beat.runRoot.utf8.count <= 4096 else {
            throw Refusal(.invalid, "A heartbeat names at most 16 engines, and a run root of at most 4096 bytes.")
        }
        let offer = TendrilCapabilities(
            version: beat.version.shortened(toBytes: 64), slots: min(max(beat.slots, 1), 256),
            engines: beat.engines, runRoot: beat.runRoot)
        try await store.heartbeat(
            id, offer: offer, draining: beat.draining,
            leases: Set(beat.leases.map { Lease(job: $0.jobId, worker: id, epoch: $0.epoch) }), at: now)
        let active = try await store.activeJobs(of: id)
        let named = Set(beat.leases)
        for job in active
        where job.status == .claimed && !named.contains(LeaseMessage(jobId: job.id, epoch: job.state.epoch)) {
            // The claim's response was lost: no Tendril runs this job.
            guard let claimedAt = job.claimedAt, now.milliseconds(since: claimedAt) > Self.claimGrace else { continue }
            let event = AuditContext.system.event(
                .loseLease, on: job, reason: "The Tendril does not know of its claim.", ambient)
            let change = try? await store.recording(event).change(
                job.id, [.loseLease(epoch: job.state.epoch)], facts: JobFields(), at: now)
            if change != nil { metrics.lostLease() }
        }
        var lost: [LeaseMessage] = []
        for lease in beat.leases where try await !isKnown(lease, to: id) { lost.append(lease) }
        return HeartbeatResponse(
            serverNow: now, work: try await store.hasWork(for: id, at: now),
            stop: active.filter { $0.state.engine == .stopping }.map(\.id),
            kill: active.filter { $0.state.engine == .stopping && $0.state.isForced }.map(\.id), lost: lost,
            name: try await store.tendril(id)?.name,
            otherRunRoots: try await runRoots(besides: id).filter { $0 != beat.runRoot })
    }

    /// A lease is known while held, or until its engine's end is reported.
    private func isKnown(_ lease: LeaseMessage, to id: TendrilID) async throws -> Bool {
        guard let job = try await store.outline(of: lease.jobId), job.state.worker == id, job.state.epoch == lease.epoch
        else {
            return false
        }
        return job.state.leaseHeld || job.status == .cancelled
    }

    func claim(by id: TendrilID, _ caller: AuditContext) async throws -> ClaimResponse? {
        let event = caller.event(.claimJob, ambient)
        guard let job = try await store.recording(event).claim(by: id, at: ambient.now()) else { return nil }
        return try await order(for: job)
    }

    /// The order of a lease that is held already, for a Tendril that came back.
    func order(
        of id: JobID, epoch: Int, for worker: TendrilID, _ caller: AuditContext
    ) async throws -> ClaimResponse {
        let held = try await requireLatestLease(id, epoch: epoch, worker: worker)
        guard held.state.leaseHeld || held.state.engine.holdsVine else {
            throw Refusal(
                .leaseLost,
                "The job is \(held.status.rawValue) and its engine is gone. Its secrets can't be read anymore.")
        }
        guard let job = try await store.job(id) else { throw Refusal.notFound("job") }
        try await store.record(caller.event(.readSecrets, on: job, ambient))
        return try await order(for: job)
    }

    /// Processes a report. See ``ReportStatusRequest``.
    func report(
        _ report: ReportStatusRequest, on id: JobID, from worker: TendrilID, _ caller: AuditContext
    ) async throws -> ReportStatusResponse {
        let job = try await requireLatestLease(id, epoch: report.epoch, worker: worker)
        var events: [JobEvent] = []
        switch report.status {
        case .processing: events.append(.start(epoch: report.epoch))
        case .success: events.append(.succeed(epoch: report.epoch, artifactStored: false))
        case .failed: events.append(.fail(epoch: report.epoch, engineKnown: report.engineState != .unknown))
        case nil:
            if report.engineState == .gone || report.engineState == .unknown, job.state.engine != .none {
                events.append(.engineEnded(epoch: report.epoch, known: report.engineState == .gone))
            }
        case .queued, .claimed, .cancelled:
            throw Refusal(.invalid, "A Tendril reports PROCESSING, SUCCESS or FAILED, or no status.")
        }
        var facts = facts(of: report, on: job)
        facts.closing = report.log.map { Self.closing($0, epoch: report.epoch) }
        let event = caller.event(.reportJob, on: job, changes: report.auditFacts, ambient)
        let change = try await store.recording(event).change(id, events, facts: facts, at: ambient.now())
        metrics.changed(change.job, from: job)
        if report.status == .processing {
            // The Tendril starts the engine once this is answered.
            Task { await forecasts.update(change.job) }
        } else if !events.isEmpty {
            await forecasts.update(change.job)
        }
        let state = change.job.state
        return ReportStatusResponse(status: state.status, engineState: state.engine, logState: state.log.name)
    }

    /// Stores what the job did to resources.
    func report(_ report: ReportResourcesRequest, on id: JobID, from worker: TendrilID) async throws {
        let job = try await requireLatestLease(id, epoch: report.epoch, worker: worker)
        guard report.items.count <= ReportResourcesRequest.maximumItems else {
            throw Refusal(.invalid, "A message has at most \(ReportResourcesRequest.maximumItems) resources.")
        }
        try await store.saveResources(report.items, graph: report.graph, of: id, epoch: report.epoch)
        await forecasts.update(job)
    }

    /// What the report says about the end of its capture; the store compares it with the rows in its commit.
    private static func closing(_ message: LogClosingMessage, epoch: Int) -> LogClosing {
        if let reason = message.incomplete {
            return LogClosing(epoch: epoch, .incomplete(reason: reason.shortened(toBytes: reasonBytes)))
        }
        guard let captured = message.digest else {
            return LogClosing(epoch: epoch, .incomplete(reason: "The Tendril could not read its capture."))
        }
        return LogClosing(epoch: epoch, .captured(captured))
    }

    /// The fields of a report, within their bounds: an end is accepted whatever the report contains.
    private func facts(of report: ReportStatusRequest, on job: Job) -> JobFields {
        let fitted = JobMetadata(
            report.executionMetadata ?? .object([:]), truncated: report.truncated ?? [],
            limit: metadataBytes - Self.ownMetadataBytes)
        var truncated = fitted.truncated
        let outcome = report.outcome?.fitted()
        if outcome?.isCut == true { truncated.append("outcome.unfinished") }
        var facts = JobFields(
            // If the status was already decided, keep its reason; the result is the outcome.
            errorMessage: report.status == nil && job.errorMessage != nil
                ? nil : report.errorMessage?.shortened(toBytes: Self.errorBytes), outcome: outcome?.outcome,
            changes: report.changes ?? report.executionMetadata.flatMap(PlannedChanges.init(metadata:)),
            warnings: report.warnings.map { max(0, $0) }, phases: report.phases.map(JobPhase.bounded),
            truncated: truncated.isEmpty ? nil : truncated,
            resolvedCommit: report.resolvedCommit)
        if report.status == .failed { facts.errors = Self.errors(of: report) }
        var metadata = fitted.value
        if let engine = report.engine, let runRoot = report.runRoot {
            facts.engine = engine
            facts.runRoot = runRoot
            metadata = metadata.merging([
                "engine": [
                    "name": .string(engine.name.rawValue), "version": .string(engine.version),
                    "platform": .string(engine.platform),
                ]
            ])
        }
        if report.status == .processing, let claimedAt = job.claimedAt {
            metadata = metadata.merging(
                ["timing_ms": ["queue": .integer(claimedAt.milliseconds(since: job.createdAt))]])
        }
        if let execAt = report.engineStartedAt {
            metadata = metadata.merging(["dispatch_ms": .integer(execAt.milliseconds(since: job.createdAt))])
        }
        if metadata != .object([:]) { facts.metadata = metadata }
        if report.status == .success, job.type == .plan { facts.plannedState = .some(report.plannedState) }
        return facts
    }

    /// What the job failed with: the errors of its log, else the first one of the capture, else its error message.
    private static func errors(of report: ReportStatusRequest) -> [StoredError] {
        let found = StoredError.list(report.errors ?? [])
        guard found.isEmpty else { return found }
        if let first = report.outcome?.diagnostic { return StoredError.list([first]) }
        let message = report.errorMessage?.split(separator: "\n").first.map(String.init)
        return StoredError.list(message.map { [Diagnostic(summary: $0)] } ?? [])
    }

    private func order(for job: Job) async throws -> ClaimResponse {
        let settings = job.snapshot.settings
        return ClaimResponse(
            jobId: job.id, epoch: job.state.epoch, jobType: job.type, vineId: job.vine,
            vineTitle: settings.title, snapshot: job.snapshot,
            secrets: try await store.secrets(of: job.id), requirement: job.requirement,
            options: job.options.isEmpty ? nil : job.options,
            plan: try await planRecord(of: job), createdAt: job.createdAt)
    }

    /// nil if the artifact no longer exists; the Tendril then refuses.
    private func planRecord(of job: Job) async throws -> PlanReference? {
        guard let id = job.plan, let plan = try await store.job(id), let facts = try await store.planFacts(id),
            let digest = try await store.artifactDigest(of: id)
        else { return nil }
        return PlanReference(
            jobId: id, artifactSha256: digest, state: facts.plannedState,
            changes: plan.changes)
    }

    static let notHeld = "This Tendril does not hold the job's lease."

    /// The job without its documents, if `worker` had its last lease. - Throws: ``Refusal`` `.leaseLost` otherwise.
    func requireLatestLease(_ id: JobID, epoch: Int, worker: TendrilID) async throws -> Job {
        // A job that does not exist is refused like one that somebody else has: a Tendril learns nothing about those.
        guard let job = try await store.outline(of: id), job.state.worker == worker else {
            throw Refusal(.leaseLost, Self.notHeld)
        }
        guard job.state.epoch == epoch else {
            throw Refusal(.leaseLost, "\(Self.notHeld) The job is \(job.status.rawValue).")
        }
        return job
    }
}

extension ReportStatusRequest {
    /// What is recorded of a report.
    fileprivate var auditFacts: [String: JSONValue] {
        var facts: [String: JSONValue] = ["epoch": .integer(Int64(epoch))]
        if let status { facts["status"] = .string(status.rawValue) }
        if let engineState { facts["engine_state"] = .string(engineState.rawValue) }
        if let result = outcome?.result { facts["result"] = .string(result.rawValue) }
        return facts
    }
}
