internal import Domain
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Storage
internal import Wire

/// `/api/vines`.
struct VineRoutes: Sendable {
    var service: VineService
    /// Bytes of a request that carries a source.
    var bodyLimit: Int

    func add(to api: APIRouter) {
        api.on(VineEndpoints.create, bodyLimit: bodyLimit) { call, message in
            try await service.record(service.create(message, by: call.audit))
        }
        api.on(VineEndpoints.list, use: list)
        api.on(VineEndpoints.show) { call in try await service.record(service.find(call.path)) }
        api.on(VineEndpoints.update, bodyLimit: bodyLimit) { call, patch in
            try await service.record(
                service.update(call.path, with: patch, ifRevision: call.matchedRevision(), by: call.audit))
        }
        api.on(VineEndpoints.delete) { call in
            try await service.delete(call.path, confirm: call.query(VineEndpoints.confirm), by: call.audit)
            return NoContent()
        }
        api.on(VineEndpoints.breakLock) { call, message in
            let user = try call.user
            let vine = try await service.breakLock(of: call.path, message, by: call.audit)
            call.context.logger.notice(
                "a state lock was broken", metadata: ["vine": "\(call.path)", "by": "\(user)"])
            return vine
        }
    }

    private func list(_ call: APICall<NoParameters>) async throws -> ListResponse<VineResponse> {
        let limit = try call.query(VineEndpoints.List.limit) ?? 50
        let cursor = try call.query(VineEndpoints.List.cursor)
        let text = try call.query(VineEndpoints.List.text)
        let page =
            try call.query(VineEndpoints.List.deleted) == true
            ? try await service.store.deletedVines(limit: limit, cursor: cursor)
            : try await service.store.vines(text: text, limit: limit, cursor: cursor)
        return ListResponse(items: try await service.records(page.items), nextCursor: page.next)
    }
}

extension APICall {
    /// The revision that `If-Match` names; nil without one, and for any revision.
    ///
    /// - Throws: ``Refusal`` `.invalid` for another form.
    fileprivate func matchedRevision() throws -> Int? {
        guard let text = request.headers[.ifMatch], text != "*" else { return nil }
        guard text.count > 2, text.first == "\"", text.last == "\"", let revision = Int(text.dropFirst().dropLast())
        else {
            throw Refusal(.invalid, VineEndpoints.ifMatch.expectation)
        }
        return revision
    }
}
