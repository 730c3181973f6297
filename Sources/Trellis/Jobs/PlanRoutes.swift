internal import Domain
internal import Storage
internal import Wire

/// What a job plans: `/api/jobs/{id}/plan`.
struct PlanRoutes: Sendable {
    var jobs: JobService
    var workers: WorkerService

    private var store: any Store { jobs.store }
    private var plans: PlanReader { PlanReader(store: store) }

    func add(to api: APIRouter) {
        api.on(JobEndpoints.plan, use: plan)
        api.on(JobEndpoints.planResource, use: resource)
        api.on(JobEndpoints.comparePlans, use: comparison)
        api.on(TendrilEndpoints.savePlan, bodyLimit: PlanChangeLimits.messageBytes, use: save)
    }

    // MARK: - From the Tendril

    private func save(_ call: APICall<JobID>, _ part: SavePlanChangesRequest) async throws -> NoContent {
        _ = try await workers.requireLatestLease(call.path, epoch: part.epoch, worker: call.tendril)
        var last = 0
        for message in part.changes {
            let change = message.change
            guard change.n > last, change.n <= PlanChangeLimits.resources else {
                throw Refusal(
                    .invalid, "Resources are numbered from 1 to \(PlanChangeLimits.resources), in order.")
            }
            last = change.n
            guard message.digest.utf8.count <= 128, Self.isBounded(change), case .object = message.detail else {
                throw Refusal(.invalid, "Resource \(change.n) of the plan is malformed.")
            }
        }
        if let summary = part.summary {
            guard case .object = summary else { throw Refusal(.invalid, "\"summary\" is an object.") }
        }
        let records = part.changes.map { PlanChangeRecord(change: $0.change, digest: $0.digest, detail: $0.detail) }
        try await store.savePlanChanges(
            PlanChangesPart(changes: records, summary: part.summary, isFirst: part.isFirst), of: call.path,
            epoch: part.epoch)
        return NoContent()
    }

    private static func isBounded(_ change: PlanChange) -> Bool {
        let texts =
            [change.address, change.module, change.type] + change.forces + change.attributes
            + [change.previousAddress, change.deposed, change.reason, change.deferred].compactMap(\.self)
        return change.forces.count <= 100 && change.attributes.count <= 100
            && texts.allSatisfy { $0.utf8.count <= PlanChangeLimits.nameBytes }
    }

    // MARK: - For users

    private func plan(_ call: APICall<JobID>) async throws -> PlanChangesResponse {
        let cursor = try call.query(JobEndpoints.Plan.cursor)
        let after = cursor.map { Int($0) ?? -1 } ?? 0
        guard after >= 0 else { throw Refusal.badCursor() }
        let query = PlanChangeQuery(
            actions: try call.query(JobEndpoints.Plan.action), type: try call.query(JobEndpoints.Plan.type),
            text: try call.query(JobEndpoints.Plan.text))
        return try await plans.page(
            of: call.path, query, limit: call.query(JobEndpoints.Plan.limit) ?? 100, after: after)
    }

    private func resource(_ call: APICall<PlanResourcePath>) async throws -> PlanResourceResponse {
        let job = try await plans.planner(of: call.path.job)
        let found = try await StorageError.refusingCorruptData("The resource of the plan") {
            try await store.planChange(call.path.n, of: job)
        }
        guard let found else { throw Refusal.notFound(PlanResourcePath.noun) }
        return PlanResourceResponse(change: found.change, detail: found.detail)
    }

    private func comparison(_ call: APICall<JobID>) async throws -> PlanComparisonResponse {
        guard let with = try call.query(JobEndpoints.with) else {
            throw Refusal(.invalid, JobEndpoints.with.description.expectation)
        }
        try await call.require(.jobsRead, on: .job(with))
        let (job, base) = (try await plans.planner(of: call.path), try await plans.planner(of: with))
        guard try await store.outline(of: job)?.vine == store.outline(of: base)?.vine else {
            throw Refusal(.invalid, "Both jobs must be of one vine.")
        }
        for id in [job, base] where try await store.planSummary(of: id)?.summary == nil {
            throw Refusal(.notFound, "The changes of plan \(id.short) are not stored.")
        }
        return PlanComparison.of(
            job, try await store.planDigests(of: job), with: base, try await store.planDigests(of: base))
    }
}

/// Reads what a job plans, for the API and for the job's page.
struct PlanReader: Sendable {
    var store: any Store

    /// The job that planned what `id` does: itself, or the PLAN that it applies.
    func planner(of id: JobID) async throws -> JobID {
        guard let job = try await store.outline(of: id) else { throw Refusal.notFound("job") }
        return job.plan ?? job.id
    }

    func page(
        of id: JobID, _ query: PlanChangeQuery = PlanChangeQuery(), limit: Int, after: Int = 0
    ) async throws -> PlanChangesResponse {
        let job = try await planner(of: id)
        let page = try await store.planChanges(of: job, query, limit: limit, after: after)
        return PlanChangesResponse(
            summary: try await summary(of: job), items: page.items, nextCursor: page.next.map(String.init))
    }

    private func summary(of job: JobID) async throws -> JSONValue {
        let stored = try await StorageError.refusingCorruptData("The plan's summary") {
            try await store.planSummary(of: job)
        }
        let own: JSONValue = [
            "job_id": .string(job.rawValue),
            "state": stored == nil ? "none" : stored?.summary == nil ? "partial" : "complete",
        ]
        return (stored?.summary ?? .object([:])).merging(own)
    }
}

/// Compares two plans resource by resource, by their digests.
enum PlanComparison {
    /// Resources that a response names.
    static let limit = 2_000

    private struct Key: Hashable {
        var address: String
        var deposed: String?
        var isDrift: Bool

        init(_ change: PlanChange) { (address, deposed, isDrift) = (change.address, change.deposed, change.drift) }
    }

    static func of(
        _ job: JobID, _ changes: [PlanChangeDigest], with base: JobID, _ earlier: [PlanChangeDigest],
        limit: Int = PlanComparison.limit
    ) -> PlanComparisonResponse {
        var rest = Dictionary(earlier.map { (Key($0.change), $0) }, uniquingKeysWith: { first, _ in first })
        var counts = ["new": 0, "different": 0, "gone": 0, "same": 0]
        var items: [PlanComparisonResponse.Item] = []
        for found in changes {
            guard let old = rest.removeValue(forKey: Key(found.change)) else {
                counts["new", default: 0] += 1
                items.append(.init(kind: .new, change: found.change))
                continue
            }
            guard old.digest != found.digest else {
                counts["same", default: 0] += 1
                continue
            }
            counts["different", default: 0] += 1
            items.append(
                .init(
                    kind: .different, change: found.change, baseN: old.change.n,
                    baseAction: old.change.action == found.change.action ? nil : old.change.action))
        }
        for old in rest.values.sorted(by: { $0.change.n < $1.change.n }) {
            counts["gone", default: 0] += 1
            items.append(.init(kind: .gone, change: old.change, baseN: old.change.n))
        }
        return PlanComparisonResponse(
            jobId: job, with: base, counts: counts, items: Array(items.prefix(limit)), isCut: items.count > limit)
    }
}
