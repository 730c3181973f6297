internal import Crypto
internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import LiveFeed
internal import Logging
internal import Storage
internal import Wire

/// The API for Tendrils, and the list of Tendrils for users.
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

    func add(to api: APIRouter) {
        api.on(TendrilEndpoints.list, use: list)
        api.on(TendrilEndpoints.register) { call, message in
            try await service.register(message.name, vineyards: Set(message.vineyards ?? []), by: call.audit)
        }
        api.on(TendrilEndpoints.update, use: update)
        api.on(TendrilEndpoints.revoke, use: revoke)
        api.on(TendrilEndpoints.heartbeat, bodyLimit: 256 << 10) { call, beat in
            try await service.heartbeat(beat, from: call.tendril)
        }
        api.on(TendrilEndpoints.stream, use: stream)
        api.on(TendrilEndpoints.claim) { call in
            try await service.claim(by: call.tendril, call.audit(service.store))
        }
        api.on(TendrilEndpoints.work) { call in
            try await service.order(
                of: call.path, epoch: Self.epoch(of: call), for: call.tendril, call.audit(service.store))
        }
        api.on(TendrilEndpoints.report, bodyLimit: limits.reportBytes) { call, report in
            try await service.report(report, on: call.path, from: call.tendril, call.audit(service.store))
        }
        // Escaping may double the text, plus the times.
        api.on(TendrilEndpoints.append, bodyLimit: 4 * limits.log.appendBytes, use: append)
        api.on(TendrilEndpoints.cursor, use: cursor)
        api.on(TendrilEndpoints.reportResources, bodyLimit: ReportResourcesRequest.maximumBytes) { call, message in
            try await service.report(message, on: call.path, from: call.tendril)
            return NoContent()
        }
        api.on(TendrilEndpoints.saveArtifact, use: saveArtifact)
        api.on(TendrilEndpoints.readArtifact, use: artifact)
    }

    private static let contentDigest = headerName(TendrilEndpoints.artifactDigest)

    private func list(_ call: APICall<NoParameters>) async throws -> ListResponse<WorkerResponse> {
        let now = service.ambient.now()
        let requirement = try await requirement(of: call)
        let (jobs, visible) = (call.rights.visible(.jobsRead), call.rights.visible(.tendrilsRead))
        let seen = try await service.store.activeJobs().filter { jobs.contains($0.vine, in: $0.vineyard) }
        let active = Dictionary(grouping: seen) { $0.state.worker }
        let tendrils = try await service.store.tendrils().filter { tendril in
            visible.isAll || tendril.vineyards.isEmpty || !visible.vineyards.isDisjoint(with: tendril.vineyards)
        }
        let items = tendrils.map { tendril in
            WorkerResponse(
                tendril, activeJobs: (active[tendril.id] ?? []).map(\.id), requirement: requirement, now: now)
        }
        return ListResponse(items: items, nextCursor: nil)
    }

    /// What a DEPLOY of `plan_job_id`, or a PLAN or DESTROY of `vine_id`, requires of a Tendril.
    private func requirement(of call: APICall<NoParameters>) async throws -> EngineRequirement? {
        if let plan = try call.query(TendrilEndpoints.List.plan) {
            guard let id = JobID(plan) else { throw Refusal.notFound("job") }
            try await call.require(.jobsRead, on: .job(id))
            guard let requirement = try await service.store.deployRequirement(of: id) else {
                throw Refusal.notFound("job")
            }
            return requirement
        }
        guard let vine = try call.query(TendrilEndpoints.List.vine) else { return nil }
        guard let id = VineID(vine) else { throw Refusal.notFound("vine") }
        try await call.require(.vinesRead, on: .vine(id))
        guard let found = try await service.store.vine(id) else {
            throw Refusal.notFound("vine")
        }
        return EngineRequirement(name: found.settings.engine)
    }

    private func update(_ call: APICall<TendrilID>, _ request: PatchWorkerRequest) async throws -> WorkerResponse {
        guard request.vineyards.count <= RightsLimits.vineyards else {
            throw Refusal(.invalid, "A Tendril is bound to at most \(RightsLimits.vineyards) vineyards.")
        }
        let name = try await service.store.tendril(call.path)?.name
        let bound = request.vineyards.map(\.rawValue).sorted().map(JSONValue.string)
        let event = call.audit.event(
            .updateTendril, on: .tendril(call.path, name: name), changes: ["vineyards": .array(bound)],
            service.ambient)
        try await service.store.recording(event).setVineyards(Set(request.vineyards), of: call.path)
        guard let tendril = try await service.store.tendril(call.path) else { throw Refusal.notFound(Tendril.noun) }
        let active = try await service.store.activeJobs(of: call.path).map(\.id)
        return WorkerResponse(tendril, activeJobs: active, now: service.ambient.now())
    }

    private func revoke(_ call: APICall<TendrilID>) async throws -> NoContent {
        let user = try call.user
        let name = try await service.store.tendril(call.path)?.name
        let event = call.audit.event(
            .revokeTendril, on: .tendril(call.path, name: name), service.ambient)
        try await service.store.recording(event).revokeTendril(call.path, at: service.ambient.now())
        call.context.logger.notice(
            "a Tendril was revoked", metadata: ["tendril": "\(call.path)", "by": "\(user)"])
        return NoContent()
    }

    private func append(_ call: APICall<JobID>, _ message: AppendLogsRequest) async throws -> LogCursorResponse {
        let (id, worker) = (call.path, try call.tendril)
        // The whole body has been read, and only then comes a slot: a slow request blocks no other. Slots are per job and
        // Tendril, so a Tendril that does not hold the job takes no slot from the one that does; the store checks the
        // lease.
        let append = LogAppend(
            job: id, worker: worker, epoch: message.epoch, n: message.n, chunks: message.chunks.map(\.draft))
        try limits.log.check(append.chunks)
        let writer = AppendRateLimit.Writer(job: id, worker: worker)
        return try await meter.one(of: writer) {
            try meter.check(append.chunks.count, of: writer, at: service.ambient.now())
            let receipt: LogReceipt
            do {
                receipt = try await service.store.append(append, at: service.ambient.now())
            } catch let refusal as Refusal where [.notFound, .leaseLost].contains(refusal.kind) {
                throw Refusal(.leaseLost, WorkerService.notHeld)
            }
            service.metrics.appended(append.chunks)
            return LogCursorResponse(nextN: receipt.nextN, seq: receipt.seq, lines: receipt.lines)
        }
    }

    private func cursor(_ call: APICall<JobID>) async throws -> LogCursorResponse {
        let epoch = try Self.epoch(of: call)
        _ = try await service.requireLatestLease(call.path, epoch: epoch, worker: call.tendril)
        let cursor = try await service.store.logCursor(of: call.path, epoch: epoch)
        let stored = Dictionary(uniqueKeysWithValues: cursor.storedBytes.map { ($0.key.rawValue, $0.value) })
        return LogCursorResponse(nextN: cursor.nextN, seq: cursor.seq, stored: stored)
    }

    private func saveArtifact(_ call: APICall<JobID>) async throws -> NoContent {
        let epoch = try Self.epoch(of: call)
        let job = try await service.requireLatestLease(call.path, epoch: epoch, worker: call.tendril)
        let bytes = try await call.request.bytes(upTo: limits.artifactBytes)
        let digest = SHA256.hash(data: bytes).hexadecimal
        guard call.request.headers[Self.contentDigest] == digest else {
            throw Refusal(.invalid, "The artifact does not match \(TendrilEndpoints.artifactDigest).")
        }
        let event = try await call.audit(service.store).event(
            .writeArtifact, on: job, changes: ["sha256": .string(digest)], service.ambient)
        try await service.store.recording(event).saveArtifact(
            bytes, sha256: digest, of: call.path, epoch: epoch, at: service.ambient.now())
        return NoContent()
    }

    /// Only the holder of a DEPLOY that names the plan may read its artifact, which contains sensitive values in plain
    /// text.
    private func artifact(_ call: APICall<JobID>) async throws -> Response {
        let (worker, plan) = (try call.tendril, call.path)
        guard let deploy = try call.query(TendrilEndpoints.deploy) else {
            throw Refusal(.invalid, TendrilEndpoints.deploy.description.expectation)
        }
        let job = try await service.requireLatestLease(deploy, epoch: Self.epoch(of: call), worker: worker)
        guard job.state.leaseHeld, job.type == .deploy, job.plan == plan else {
            throw Refusal(.leaseLost, "This lease does not permit reading the plan.")
        }
        let stored = try await StorageError.refusingCorruptData("The plan file") {
            try await service.store.artifact(of: plan)
        }
        guard let artifact = stored else { throw Refusal(.notFound, "The plan file no longer exists.") }
        try await service.store.record(
            call.audit(service.store).event(
                .readArtifact, on: job,
                changes: ["plan_job_id": .string(plan.rawValue), "sha256": .string(artifact.sha256)], service.ambient))
        var response = Response.bytes(artifact.bytes)
        response.headers[Self.contentDigest] = artifact.sha256
        return response
    }

    /// The epoch that the call names; no lease has epoch 0.
    private static func epoch(of call: APICall<JobID>) throws -> Int { try call.query(TendrilEndpoints.epoch) ?? 0 }

    // MARK: - Events

    private func stream(_ call: APICall<NoParameters>) async throws -> Response {
        let id = try call.tendril
        let (service, bell) = (service, bell)
        return EventStream.response(to: call.request) { writer in
            let listener = bell.listen(to: [.tendril(id), .queue])
            defer { listener.cancel() }
            var sent: Set<[String]> = []
            try await writer.open()
            while true {
                let stopping = try await service.store.activeJobs(of: id).filter { $0.state.engine == .stopping }
                for job in stopping where sent.insert([job.id.rawValue, "\(job.state.isForced)"]).inserted {
                    try await writer.send(WorkerEvent.stop, StopMessage(jobId: job.id, kill: job.state.isForced))
                }
                if try await service.store.hasWork(for: id, at: service.ambient.now()) {
                    try await writer.send(WorkerEvent.work, NoFields())
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
