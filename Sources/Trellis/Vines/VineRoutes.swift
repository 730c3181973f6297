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
            let vineyard = message.vineyardId ?? Vineyard.defaultID
            try await call.require(.vinesWrite, on: .vineyard(vineyard))
            if let identity = message.identityId { try await call.require(.vinesRead, on: .identity(identity)) }
            return try await show(service.create(message, by: call.audit), call)
        }
        api.on(VineEndpoints.list, use: list)
        api.on(VineEndpoints.show) { call in try await show(service.find(call.path), call) }
        api.on(VineEndpoints.update, bodyLimit: bodyLimit) { call, patch in
            if !patch.isOfVariablesOnly { try await call.require(.vinesWrite, on: .vine(call.path)) }
            if let vineyard = patch.vineyardId { try await call.require(.vinesWrite, on: .vineyard(vineyard)) }
            // The one that the vine has may be sent again by somebody who sees only the vine.
            if case .value(let identity) = patch.identityId,
                try await service.find(call.path).settings.identity != identity
            {
                try await call.require(.vinesRead, on: .identity(identity))
            }
            return try await show(
                service.update(call.path, with: patch, ifRevision: call.matchedRevision(), by: call.audit), call)
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
        let visible = call.rights.visible(.vinesRead)
        let page =
            try call.query(VineEndpoints.List.deleted) == true
            ? try await service.store.deletedVines(visible: visible, limit: limit, cursor: cursor)
            : try await service.store.vines(text: text, visible: visible, limit: limit, cursor: cursor)
        let items = try await service.records(page.items).map { $0.showing(call.rights) }
        return ListResponse(items: items, nextCursor: page.next)
    }

    private func show<Path>(_ vine: Vine, _ call: APICall<Path>) async throws -> VineResponse {
        try await service.record(vine).showing(call.rights)
    }
}

extension VineResponse {
    /// With what the caller may do.
    func showing(_ rights: Rights) -> VineResponse {
        var response = self
        response.rights = rights.names(on: .vine(id, in: vineyardId))
        return response
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
