internal import Domain
internal import Storage
internal import Wire

/// What users can do with jobs. The rules are in the domain; this applies them to the store.
struct JobService: Sendable {
    var store: any Store
    var vines: VineService
    var vault: Vault
    var ambient: SystemDependencies
    var metrics = ServerMetrics()

    func find(_ id: JobID) async throws -> Job {
        guard let job = try await store.job(id) else { throw Refusal.notFound("job") }
        return job
    }

    func create(_ request: CreateJobRequest, by caller: AuditContext) async throws -> Job {
        try request.options.check(for: request.jobType)
        if request.jobType == .deploy {
            guard let plan = request.planJobId else {
                throw Refusal(.invalid, "A DEPLOY needs \"plan_job_id\".")
            }
            let job = try await find(plan)
            guard job.vine == request.vineId else { throw Refusal(.invalid, "The plan belongs to another vine.") }
            return try await apply(plan, to: request.assignedWorkerId, by: caller)
        }
        guard request.planJobId == nil else {
            throw Refusal(.invalid, "Only a DEPLOY accepts \"plan_job_id\".")
        }
        let vine = try await vines.find(vine(of: request))
        if request.jobType == .connectionTest { return try await createTest(request, of: vine, by: caller) }
        guard request.identityId == nil else {
            throw Refusal(.invalid, "Only a CONNECTION_TEST accepts \"identity_id\".")
        }
        let secrets = try await store.vineSecrets(vine.id)
        let snapshot = Snapshot(
            vine: vine.id, revision: vine.revision, settings: vine.settings,
            digest: try vault.configurationDigest(of: vine.settings, secrets: secrets))
        let job = Job(
            id: ambient.makeID(), type: request.jobType, vine: vine.id, assignedWorker: request.assignedWorkerId,
            snapshot: snapshot, requirement: EngineRequirement(name: vine.settings.engine),
            options: request.options, createdBy: caller.name, createdAt: ambient.now(),
            vineyard: vine.vineyard)
        return try await insert(
            job, secrets: secrets, note: "\(job.type.rawValue) queued by \(caller.name)", by: caller)
    }

    /// The vine whose identity a CONNECTION_TEST tries out: the one that it names, or the first that uses the identity.
    /// For another job, the one that it names.
    func vine(of request: CreateJobRequest) async throws -> VineID {
        if let vine = request.vineId { return vine }
        guard request.jobType == .connectionTest, let id = request.identityId else {
            throw Refusal(.invalid, "\"vine_id\" is missing.")
        }
        guard let identity = try await store.identity(id) else { throw Refusal.notFound(CloudIdentity.noun) }
        guard let vine = try await store.vines(using: id, limit: 1).first else {
            throw Refusal(
                .conflict,
                "No vine uses the cloud identity \(identity.name) yet. Choose it in a vine first: a token's subject "
                    + "names its vine.")
        }
        return vine.id
    }

    /// A job that tries the identity of a vine out. It has the vine's names, region and environment, and nothing else.
    private func createTest(
        _ request: CreateJobRequest, of vine: Vine, by caller: AuditContext
    ) async throws -> Job {
        guard let identity = request.identityId, identity == vine.settings.identity else {
            throw Refusal(.conflict, "The vine \(vine.title) does not use this cloud identity.")
        }
        let settings = VineSettings(
            projectName: vine.settings.projectName, environmentStage: vine.settings.environmentStage,
            region: vine.settings.region, environment: vine.settings.environment, source: .inline(files: [:]),
            identity: identity)
        let snapshot = Snapshot(
            vine: vine.id, revision: vine.revision, settings: settings,
            digest: try vault.configurationDigest(of: settings, secrets: VineSecrets()))
        let job = Job(
            id: ambient.makeID(), type: .connectionTest, vine: vine.id, assignedWorker: request.assignedWorkerId,
            snapshot: snapshot, options: request.options, createdBy: caller.name, createdAt: ambient.now(),
            vineyard: vine.vineyard)
        return try await insert(
            job, secrets: VineSecrets(), note: "CONNECTION_TEST queued by \(caller.name)", by: caller)
    }

    /// Creates the DEPLOY that applies exactly the saved plan `id`.
    func apply(
        _ id: JobID, to worker: TendrilID?, by caller: AuditContext, rerunOf: JobID? = nil
    ) async throws -> Job {
        let plan = try await find(id)
        if let reason = try await validity(of: id).reason { throw Refusal(.conflict, reason) }
        let job = Job(
            id: ambient.makeID(), type: .deploy, vine: plan.vine, assignedWorker: worker, plan: plan.id,
            rerunOf: rerunOf, snapshot: plan.snapshot, options: plan.options, createdBy: caller.name,
            createdAt: ambient.now(), vineyard: plan.vineyard)
        let secrets = try await store.secrets(of: plan.id)
        return try await insert(
            job, secrets: secrets, note: "DEPLOY of plan \(plan.id.short) queued by \(caller.name)", by: caller)
    }

    /// Creates a new job with the same configuration. ``RerunPolicy`` decides its type.
    func rerun(_ id: JobID, by caller: AuditContext) async throws -> Job {
        let old = try await find(id)
        guard old.status.isTerminal else {
            throw Refusal(.conflict, "The job is \(old.status.rawValue); only ended jobs can be re-run.")
        }
        guard let vine = try await store.vine(old.vine) else { throw Refusal(.conflict, Self.deletedVine) }
        try Self.checkIdentity(of: old, against: vine)
        let policy = try await rerunPolicy(of: old)
        if case .deploy(let plan) = policy {
            return try await apply(plan, to: old.assignedWorker, by: caller, rerunOf: old.id)
        }
        let type = policy.type
        let job = Job(
            id: ambient.makeID(), type: type, vine: old.vine, assignedWorker: old.assignedWorker, rerunOf: old.id,
            snapshot: old.snapshot, requirement: EngineRequirement(name: old.snapshot.settings.engine),
            options: old.options, createdBy: caller.name, createdAt: ambient.now(), vineyard: old.vineyard)
        let secrets = try await store.secrets(of: old.id)
        return try await insert(
            job, secrets: secrets, note: "\(type.rawValue) queued by \(caller.name), a re-run of \(old.id.short)",
            by: caller)
    }

    /// A re-run has the old job's settings, and must not bring back an identity that was taken from the vine, nor the
    /// stage that a token names.
    private static func checkIdentity(of old: Job, against vine: Vine) throws(Refusal) {
        let (before, now) = (old.snapshot.settings, vine.settings)
        guard before.identity == now.identity else {
            throw Refusal(.conflict, "The vine has another cloud identity than this job had. Create a new job instead.")
        }
        guard now.identity == nil || before.environmentStage == now.environmentStage else {
            throw Refusal(
                .conflict,
                "The vine has another stage than this job had, and its cloud identity depends on it. Create a new job "
                    + "instead.")
        }
    }

    /// Why a job can't be applied or re-run.
    static let deletedVine = "The vine was deleted. Its jobs and states can only be read."

    /// Cancels the job. A second call changes nothing.
    func cancel(_ id: JobID, by caller: AuditContext) async throws -> Job {
        let before = try await find(id)
        if before.status == .cancelled { return before }
        let change = try await store.recording(caller.event(.cancelJob, on: before, ambient)).change(
            id, [.cancel],
            facts: JobFields(cancelledBy: caller.name, systemLines: ["Cancelled by \(caller.name)"]),
            at: ambient.now())
        metrics.escalated(.cancel)
        metrics.changed(change.job, from: before)
        return change.job
    }

    /// Changes which Tendril a QUEUED job is for; nil for any.
    func assign(_ id: JobID, to worker: TendrilID?, by caller: AuditContext) async throws -> Job {
        var name = "any available Tendril"
        if let worker, let tendril = try await store.tendril(worker) { name = tendril.name }
        let event = caller.event(
            .assignJob, on: try await outline(of: id), changes: ["tendril": .string(name)], ambient)
        try await store.recording(event).assign(
            id, to: worker, systemLine: "Changed to \(name) by \(caller.name)", at: ambient.now())
        return try await find(id)
    }

    /// Kills the engine of a canceled job at once. A second call changes nothing.
    func forceCancel(_ id: JobID, by caller: AuditContext) async throws -> Job {
        let note = "Forced by \(caller.name): Terraform is killed, without time to write its state"
        let event = caller.event(.forceCancelJob, on: try await outline(of: id), ambient)
        let change = try await store.recording(event).change(
            id, [.forceCancel], facts: JobFields(systemLines: [note]), at: ambient.now())
        if change.isChange { metrics.escalated(.force) }
        return change.job
    }

    /// Gives up a job whose Tendril can't be reached.
    func giveUp(_ id: JobID, by caller: AuditContext) async throws -> Job {
        let job = try await LeaseRevocation(store: store, ambient: ambient, metrics: metrics).job(id, by: caller)
        metrics.escalated(.giveUp)
        return job
    }

    func planFacts(of plan: JobID) async throws -> PlanValidity.Facts {
        guard let facts = try await store.planFacts(plan) else { throw Refusal.notFound("job") }
        return facts
    }

    func validity(of plan: JobID) async throws -> PlanValidity {
        PlanValidity.evaluate(try await planFacts(of: plan))
    }

    func rerunPolicy(of job: Job) async throws -> RerunPolicy {
        if job.type == .connectionTest { return .connectionTest }
        guard job.type == .deploy, let plan = job.plan else {
            return job.type == .destroy ? .destroy : .plan(insteadOfApplying: nil)
        }
        let validity = try await validity(of: plan)
        return validity == .valid ? .deploy(plan) : .plan(insteadOfApplying: validity.staleness)
    }

    private func insert(
        _ job: Job, secrets: VineSecrets, note: String, by caller: AuditContext
    ) async throws -> Job {
        var facts: [String: JSONValue] = [
            "snapshot_digest": .string(job.snapshot.digest), "vine_revision": .integer(Int64(job.snapshot.revision)),
        ]
        if let plan = job.plan { facts["plan_job_id"] = .string(plan.rawValue) }
        if let old = job.rerunOf { facts["rerun_of"] = .string(old.rawValue) }
        let action: AuditAction =
            switch job.type {
            case .plan: .createJob
            case .deploy: .applyPlan
            case .destroy: .destroy
            case .connectionTest: .testConnection
            }
        try await store.recording(caller.event(action, on: job, changes: facts, ambient))
            .createJob(job, secrets: secrets, systemLines: [note])
        return job
    }

    private func outline(of id: JobID) async throws -> Job {
        guard let job = try await store.outline(of: id) else { throw Refusal.notFound("job") }
        return job
    }
}

/// What a re-run creates.
enum RerunPolicy: Equatable {
    /// A PLAN of the same configuration; for a DEPLOY, because its plan may not be applied (again).
    case plan(insteadOfApplying: PlanValidity.Staleness?)
    /// The same plan again.
    case deploy(JobID)
    case destroy
    case connectionTest

    var type: JobType {
        switch self {
        case .plan: .plan
        case .deploy: .deploy
        case .destroy: .destroy
        case .connectionTest: .connectionTest
        }
    }

    /// What the page says before the click.
    var note: String {
        switch self {
        case .plan(nil): "Creates a new plan of the same configuration."
        case .plan(let stale?) where stale.deploy != nil:
            "Creates a new plan; a saved plan applies once."
        case .plan(let stale?): "Creates a new plan; the saved one can't be applied. \(stale.reason)"
        case .deploy(let plan): "Applies plan \(plan.short), which is still valid."
        case .connectionTest: "Tests the connection again."
        case .destroy: "Plans the destruction again and applies exactly that plan."
        }
    }
}
