internal import Domain
internal import HTTPTypes
internal import Hummingbird
internal import Storage
internal import Wire

/// `/api/vines`.
struct VineRoutes: Sendable {
    var service: VineService
    /// Bytes of a request that carries a source.
    var bodyLimit: Int

    func add(to group: APIGroup) {
        group.post("vines", use: create)
        group.get("vines", taking: ["q", "limit", "cursor", "deleted"], use: list)
        group.get("vines/:id", use: show)
        group.patch("vines/:id", use: update)
        group.delete("vines/:id", taking: ["confirm"], use: delete)
    }

    private func create(_ request: Request, context: TrellisContext) async throws -> Response {
        let user = try context.requireUser()
        let message = try await request.message(CreateVineRequest.self, upTo: bodyLimit)
        let vine = try await service.create(message, by: user)
        return try .json(await service.record(vine), status: .created)
    }

    private func list(_ request: Request, context: TrellisContext) async throws -> Response {
        _ = try context.requireUser()
        let limit = try request.number("limit", in: 1...200, fallback: 50)
        let cursor = try request.text("cursor")
        let page =
            try request.text("deleted") == "true"
            ? try await service.store.deletedVines(limit: limit, cursor: cursor)
            : try await service.store.vines(text: request.text("q"), limit: limit, cursor: cursor)
        return try .json(ListPage(items: await service.records(page.items), nextCursor: page.next))
    }

    private func show(_ request: Request, context: TrellisContext) async throws -> Response {
        _ = try context.requireUser()
        return try .json(await service.record(service.find(context.id("id", of: "vine"))))
    }

    private func update(_ request: Request, context: TrellisContext) async throws -> Response {
        _ = try context.requireUser()
        let id: VineID = try context.id("id", of: "vine")
        let patch = try await request.message(PatchVineRequest.self, upTo: bodyLimit)
        return try .json(await service.record(service.update(id, with: patch)))
    }

    private func delete(_ request: Request, context: TrellisContext) async throws -> Response {
        _ = try context.requireUser()
        let id: VineID = try context.id("id", of: "vine")
        try await service.delete(id, confirm: request.text("confirm", upTo: 1000))
        return Response(status: .noContent)
    }
}
