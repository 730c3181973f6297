internal import Crypto
internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import LiveFeed
internal import Logging
internal import Storage
internal import Wire

/// The calls of Tendrils, and the users' view of them.
struct WorkerRoutes: Sendable {
    var service: WorkerService
    var bell: FeedNotifier
    var limits: TrellisLimits
    let meter: AppendRateLimit

    init(service: WorkerService, bell: FeedNotifier, limits: TrellisLimits) {
        self.service = service
        self.bell = bell
        self.limits = limits
        meter = AppendRateLimit(rate: limits.appends)
    }

    func add(to group: APIGroup) {
        group.get("workers", taking: ["plan_job_id", "vine_id", "limit", "cursor"], use: list)
        group.post("workers", use: register)
        group.delete("workers/:id", use: revoke)
        group.post("workers/heartbeat", use: heartbeat)
        group.get("workers/stream", use: stream)
        group.post("jobs/claim", use: claim)
        group.get("jobs/:id/work", taking: ["epoch"], use: work)
        group.put("jobs/:id/status", use: report)
        group.post("jobs/:id/logs", use: append)
        group.get("jobs/:id/logs/cursor", taking: ["epoch"], use: cursor)
        group.put("jobs/:id/artifact", taking: ["epoch"], use: saveArtifact)
        group.get("jobs/:id/artifact", taking: ["for", "epoch"], use: artifact)
    }

    private static let contentDigest = headerName("X-Content-SHA256")

    private func list(_ request: Request, context: TrellisContext) async throws -> Response {
        _ = try context.requireUser()
        let now = service.ambient.now()
        let requirement = try await requirement(of: request)
        let active = Dictionary(grouping: try await service.store.activeJobs()) { $0.state.worker }
        let items = try await service.store.tendrils().map { tendril in
            WorkerResponse(
                tendril, activeJobs: (active[tendril.id] ?? []).map(\.id), requirement: requirement, now: now)
        }
        return try .json(ListPage(items: items, nextCursor: nil))
    }

    /// What `plan_job_id`, for a DEPLOY of that plan, or `vine_id`, for a PLAN or DESTROY, asks of a Tendril.
    private func requirement(of request: Request) async throws -> EngineRequirement? {
        if let plan = try request.text("plan_job_id") {
            guard let id = JobID(plan), let requirement = try await service.store.deployRequirement(of: id) else {
                throw Refusal(.notFound, "There is no such job.")
            }
            return requirement
        }
        guard let vine = try request.text("vine_id") else { return nil }
        guard let id = VineID(vine), let found = try await service.store.vine(id) else {
            throw Refusal(.notFound, "There is no such vine.")
        }
        return EngineRequirement(name: found.settings.engine)
    }

    private func register(_ request: Request, context: TrellisContext) async throws -> Response {
        _ = try context.requireUser()
        let message = try await request.message(RegisterWorkerRequest.self, upTo: 4096)
        return try .json(await service.register(message.name), status: .created)
    }

    private func revoke(_ request: Request, context: TrellisContext) async throws -> Response {
        let user = try context.requireUser()
        let id: TendrilID = try context.id("id", of: "Tendril")
        try await service.store.revokeTendril(id, at: service.ambient.now())
        context.logger.notice("a Tendril was revoked", metadata: ["tendril": "\(id)", "by": "\(user)"])
        return Response(status: .noContent)
    }

    private func heartbeat(_ request: Request, context: TrellisContext) async throws -> Response {
        let id = try context.requireTendril()
        let beat = try await request.message(HeartbeatRequest.self, upTo: 256 << 10, mayBeNewer: true)
        return try .json(await service.heartbeat(beat, from: id))
    }

    private func claim(_ request: Request, context: TrellisContext) async throws -> Response {
        let id = try context.requireTendril()
        guard let order = try await service.claim(by: id) else { return Response(status: .noContent) }
        return try .json(order)
    }

    private func work(_ request: Request, context: TrellisContext) async throws -> Response {
        let id = try context.requireTendril()
        return try .json(
            await service.order(of: context.id("id", of: "job"), epoch: epoch(of: request), for: id))
    }

    private func report(_ request: Request, context: TrellisContext) async throws -> Response {
        let id = try context.requireTendril()
        let report = try await request.message(ReportStatusRequest.self, upTo: limits.reportBytes, mayBeNewer: true)
        return try .json(await service.report(report, on: context.id("id", of: "job"), from: id))
    }

    private func append(_ request: Request, context: TrellisContext) async throws -> Response {
        let worker = try context.requireTendril()
        let id: JobID = try context.id("id", of: "job")
        // The whole body first, and only then a slot: a slow request blocks no other. Slots are per job and Tendril, so a
        // Tendril that does not hold the job takes no slot from the one that does; the store checks the lease.
        // Escaping may double the text, and times come on top.
        let message = try await request.message(
            AppendLogsRequest.self, upTo: 4 * limits.log.appendBytes, mayBeNewer: true)
        let append = LogAppend(
            job: id, worker: worker, epoch: message.epoch, n: message.n, chunks: message.chunks.map(\.draft))
        try limits.log.check(append.chunks)
        let writer = AppendRateLimit.Writer(job: id, worker: worker)
        return try await meter.one(of: writer) {
            try meter.check(append.chunks.count, of: writer, at: service.ambient.now())
            let receipt = try await service.store.append(append, at: service.ambient.now())
            return try .json(LogCursorResponse(nextN: receipt.nextN, seq: receipt.seq))
        }
    }

    private func cursor(_ request: Request, context: TrellisContext) async throws -> Response {
        let worker = try context.requireTendril()
        let id: JobID = try context.id("id", of: "job")
        let epoch = try epoch(of: request)
        _ = try await service.requireLastLease(id, epoch: epoch, worker: worker)
        let cursor = try await service.store.logCursor(of: id, epoch: epoch)
        let stored = Dictionary(uniqueKeysWithValues: cursor.storedBytes.map { ($0.key.rawValue, $0.value) })
        return try .json(LogCursorResponse(nextN: cursor.nextN, seq: cursor.seq, stored: stored))
    }

    private func saveArtifact(_ request: Request, context: TrellisContext) async throws -> Response {
        let worker = try context.requireTendril()
        let id: JobID = try context.id("id", of: "job")
        let epoch = try epoch(of: request)
        _ = try await service.requireLastLease(id, epoch: epoch, worker: worker)
        let bytes = try await request.bytes(upTo: limits.artifactBytes)
        let digest = Data(SHA256.hash(data: bytes)).hex
        guard request.headers[Self.contentDigest] == digest else {
            throw Refusal(.invalid, "The artifact's bytes do not have the digest in X-Content-SHA256.")
        }
        try await service.store.saveArtifact(
            bytes, sha256: digest, of: id, epoch: epoch, at: service.ambient.now())
        return Response(status: .noContent)
    }

    /// Only the holder of a DEPLOY that names the plan may read its artifact: it holds sensitive values in clear.
    private func artifact(_ request: Request, context: TrellisContext) async throws -> Response {
        let worker = try context.requireTendril()
        let plan: JobID = try context.id("id", of: "job")
        guard let deploy = try request.text("for").flatMap(JobID.init) else {
            throw Refusal(.invalid, "\"for\" names the DEPLOY that needs the artifact.")
        }
        let job = try await service.requireLastLease(deploy, epoch: epoch(of: request), worker: worker)
        guard job.state.leaseHeld, job.type == .deploy, job.plan == plan else {
            throw Refusal(.leaseLost, "This lease does not give the right to read the plan.")
        }
        let stored = try await StorageError.refusingDamage("The plan file") {
            try await service.store.artifact(of: plan)
        }
        guard let artifact = stored else { throw Refusal(.notFound, "The plan file is gone.") }
        var response = Response.bytes(artifact.bytes)
        response.headers[Self.contentDigest] = artifact.sha256
        return response
    }

    private func epoch(of request: Request) throws -> Int {
        try request.number("epoch", in: 1...Int(Int32.max), fallback: 0)
    }

    // MARK: - What a Tendril is told at once

    private func stream(_ request: Request, context: TrellisContext) async throws -> Response {
        let id = try context.requireTendril()
        let (service, bell) = (service, bell)
        return EventStream.response(to: request) { writer in
            let listener = bell.listen(to: [.tendril(id), .queue])
            defer { listener.cancel() }
            var told: Set<[String]> = []
            try await writer.open()
            while true {
                let stopping = try await service.store.activeJobs(of: id).filter { $0.state.engine == .stopping }
                for job in stopping where told.insert([job.id.rawValue, "\(job.state.isForced)"]).inserted {
                    try await writer.send(WorkerEvent.stop, StopMessage(jobId: job.id, kill: job.state.isForced))
                }
                if try await service.store.hasWork(for: id, at: service.ambient.now()) {
                    try await writer.send(WorkerEvent.work, [String: String]())
                }
                switch await listener.next(timeout: EventStream.heartbeat) {
                case .notified: continue
                case .timedOut: try await writer.heartbeat()
                case .closed: return
                }
            }
        }
    }
}
