internal import Domain
internal import HTTPTypes
internal import Hummingbird
internal import Storage
internal import Wire

/// What vines' states hold: `/api/vines/{id}/outputs`, `/resources` and `/states`.
struct VineStateRoutes: Sendable {
    var states: VineStates
    var ambient: SystemDependencies

    private typealias Calls = VineStateEndpoints

    private static let pageSize = 100

    func add(to api: APIRouter) {
        api.on(Calls.outputs) { call in try await states.outputs(of: call.path) }
        api.on(Calls.resources) { call in
            try await states.resources(
                of: call.path, text: call.query(Calls.Resources.text), type: call.query(Calls.Resources.type),
                limit: call.query(Calls.limit) ?? Self.pageSize, cursor: call.query(Calls.cursor))
        }
        api.on(Calls.versions) { call in
            try await states.versions(
                of: call.path, limit: call.query(Calls.limit) ?? Self.pageSize, cursor: call.query(Calls.cursor))
        }
        api.on(Calls.download, use: download)
        api.on(Calls.compare) { call in
            try await states.comparison(
                of: call.path, with: base(of: call), limit: call.query(Calls.limit) ?? Self.pageSize,
                cursor: call.query(Calls.cursor))
        }
        api.on(Calls.compareResource) { call in
            guard let address = try call.query(Calls.Resource.address) else {
                throw Refusal(.invalid, "\"address\" names the resource.")
            }
            return try await states.resource(
                of: call.path, with: base(of: call), address: address, deposed: call.query(Calls.Resource.deposed))
        }
    }

    private func base(of call: APICall<StateVersionPath>) throws -> Int {
        guard let base = try call.query(Calls.with) else {
            throw Refusal(.invalid, "\"with\" is the number of the version to compare with.")
        }
        return base
    }

    /// Also of a deleted vine: what its states describe may still exist.
    private func download(_ call: APICall<StateVersionPath>) async throws -> Response {
        let (id, number) = (call.path.vine, call.path.number)
        guard let vine = try await states.store.anyVine(id),
            let version = try await states.store.stateVersion(number, of: id)
        else { throw Refusal.notFound(StateVersionPath.noun) }
        let bytes = try await StorageError.refusingCorruptData("The state") {
            try await states.store.stateBytes(of: id, number: number)
        }
        guard let bytes else { throw Refusal.notFound(StateVersionPath.noun) }
        let facts: [String: JSONValue] = [
            "version": .integer(Int64(number)), "serial": .integer(version.position.serial),
            "sha256": .string(version.sha256),
        ]
        try await states.store.record(call.audit.event(.readState, on: vine, changes: facts, ambient))
        var response = Response.bytes(bytes, contentType: "application/json")
        let name = "\(vine.settings.projectName)-\(vine.settings.environmentStage)-\(version.position.serial)"
        response.headers[.contentDisposition] = "attachment; filename=\"\(Self.fileName(name)).tfstate\""
        return response
    }

    private static func fileName(_ name: String) -> String {
        String(name.prefix(100).map { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) ? $0 : "-" })
    }
}
