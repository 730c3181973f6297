internal import Domain
internal import HTTPTypes
internal import Hummingbird
internal import Storage
internal import Wire

/// `/api/jobs`, the users' side.
struct JobRoutes: Sendable {
    var service: JobService
    var records: JobResponses

    func add(to group: APIGroup) {
        group.post("jobs", use: create)
        group.get("jobs", taking: ["status", "type", "q", "vine_id", "limit", "cursor"], use: list)
        group.get("jobs/:id", use: show)
        group.patch("jobs/:id", use: assign)
        group.get("jobs/:id/status", use: status)
        group.get("jobs/:id/apply-check", use: applyCheck)
        group.post("jobs/:id/cancel", use: cancel)
        group.post("jobs/:id/force-cancel", use: forceCancel)
        group.post("jobs/:id/give-up", use: giveUp)
        group.post("jobs/:id/apply", use: apply)
        group.post("jobs/:id/rerun", use: rerun)
    }

    /// Bytes of the small messages here.
    private static let bodyLimit = 64 << 10

    private func create(_ request: Request, context: TrellisContext) async throws -> Response {
        let user = try context.requireUser()
        let message = try await request.message(CreateJobRequest.self, upTo: Self.bodyLimit)
        return try .json(await records.record(service.create(message, by: user)), status: .created)
    }

    private func list(_ request: Request, context: TrellisContext) async throws -> Response {
        _ = try context.requireUser()
        var query = JobQuery()
        query.status = try request.choice("status", of: JobStatus.self)
        query.type = try request.choice("type", of: JobType.self)
        query.text = try request.text("q")
        if let vine = try request.text("vine_id") {
            guard let id = VineID(vine) else { throw Refusal(.invalid, "\"vine_id\" is not an id.") }
            query.vine = id
        }
        let page = try await service.store.jobs(
            query, limit: request.number("limit", in: 1...200, fallback: 50), cursor: request.text("cursor"))
        let tendrils = try await service.store.tendrils()
        let names = Dictionary(tendrils.map { ($0.id, $0.name) }, uniquingKeysWith: { first, _ in first })
        return try .json(
            ListPage(items: page.items.map { records.row($0, names: names) }, nextCursor: page.next))
    }

    private func show(_ request: Request, context: TrellisContext) async throws -> Response {
        _ = try context.requireUser()
        return try .json(await records.record(service.find(context.id("id", of: "job"))))
    }

    /// Changes who a QUEUED job is for; null means anybody.
    private func assign(_ request: Request, context: TrellisContext) async throws -> Response {
        let user = try context.requireUser()
        let message = try await request.message(AssignJobRequest.self, upTo: Self.bodyLimit)
        let job = try await service.assign(context.id("id", of: "job"), to: message.assignedWorkerId, by: user)
        return try .json(await records.record(job))
    }

    private func status(_ request: Request, context: TrellisContext) async throws -> Response {
        _ = try context.requireUser()
        guard let found = try await service.store.status(of: context.id("id", of: "job")) else {
            throw Refusal(.notFound, "There is no such job.")
        }
        return try .json(JobStatusResponse(status: found.status, errorMessage: found.errorMessage))
    }

    private func applyCheck(_ request: Request, context: TrellisContext) async throws -> Response {
        _ = try context.requireUser()
        return try .json(await service.applyCheck(service.find(context.id("id", of: "job"))))
    }

    private func cancel(_ request: Request, context: TrellisContext) async throws -> Response {
        let user = try context.requireUser()
        try await request.checkNoFields()
        let job = try await service.cancel(context.id("id", of: "job"), by: user)
        return try .json(await records.record(job))
    }

    private func forceCancel(_ request: Request, context: TrellisContext) async throws -> Response {
        let user = try context.requireUser()
        try await request.checkNoFields()
        return try .json(await records.record(service.forceCancel(context.id("id", of: "job"), by: user)))
    }

    private func giveUp(_ request: Request, context: TrellisContext) async throws -> Response {
        let user = try context.requireUser()
        try await request.checkNoFields()
        return try .json(await records.record(service.giveUp(context.id("id", of: "job"), by: user)))
    }

    private func apply(_ request: Request, context: TrellisContext) async throws -> Response {
        let user = try context.requireUser()
        let message = try await request.message(ApplyPlanRequest.self, upTo: Self.bodyLimit)
        let job = try await service.apply(context.id("id", of: "job"), to: message.assignedWorkerId, by: user)
        return try .json(await records.record(job), status: .created)
    }

    private func rerun(_ request: Request, context: TrellisContext) async throws -> Response {
        let user = try context.requireUser()
        try await request.checkNoFields()
        let job = try await service.rerun(context.id("id", of: "job"), by: user)
        return try .json(await records.record(job), status: .created)
    }
}
