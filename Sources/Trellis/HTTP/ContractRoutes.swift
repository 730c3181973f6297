internal import Contract
internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Wire

/// `GET /api/openapi.json`: what the API can do, for other programs.
struct ContractRoutes: Sendable {
    func add(to api: APIRouter) {
        // It does not change while the server runs.
        let document = Data(OpenAPIDocument.make(of: Endpoints.all, version: VintnerVersion.current).bytes)
        api.on(ContractEndpoints.document) { _ in .json(document, status: .ok) }
    }
}
