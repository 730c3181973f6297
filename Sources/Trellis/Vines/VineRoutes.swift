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
        group.get("vines", taking: ["q", "limit", "cursor"], use: list)
        group.get("vines/:id", use: show)
        group.patch("vines/:id", use: update)
        group.delete("vines/:id", use: delete)
    }

    private func create(_ request: Request, context: TrellisContext) async throws -> Response {
        let user = try context.requireUser()
        let message = try await request.message(CreateVine.self, upTo: bodyLimit)
        return try .json(VineRecord(await service.create(message, by: user)), status: .created)
    }

    private func list(_ request: Request, context: TrellisContext) async throws -> Response {
        _ = try context.requireUser()
        let page = try await service.store.vines(
            text: request.text("q"), limit: request.number("limit", in: 1...200, fallback: 50),
            cursor: request.text("cursor"))
        var items: [VineRecord] = []
        for vine in page.items { items.append(VineRecord(vine, lock: try await service.store.stateLock(of: vine.id))) }
        return try .json(ListPage(items: items, nextCursor: page.next))
    }

    private func show(_ request: Request, context: TrellisContext) async throws -> Response {
        _ = try context.requireUser()
        let vine = try await service.find(context.id("id", of: "vine"))
        return try .json(VineRecord(vine, lock: await service.store.stateLock(of: vine.id)))
    }

    private func update(_ request: Request, context: TrellisContext) async throws -> Response {
        _ = try context.requireUser()
        let id: VineID = try context.id("id", of: "vine")
        let patch = try await request.message(PatchVine.self, upTo: bodyLimit)
        return try .json(VineRecord(await service.update(id, with: patch)))
    }

    private func delete(_ request: Request, context: TrellisContext) async throws -> Response {
        _ = try context.requireUser()
        let id: VineID = try context.id("id", of: "vine")
        try await service.store.deleteVine(id, at: service.ambient.now())
        return Response(status: .noContent)
    }
}
