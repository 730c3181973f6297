internal import Contract
internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Wire

/// `GET /api/openapi.json`: what the API can do, for other programs.
struct ContractRoutes: Sendable {
    /// It does not change while the server runs, and few ask for it: made with the first request.
    private static let document = Data(contract.bytes)
    static let contract = OpenAPIDocument.make(of: Endpoints.all, version: VintnerVersion.current)

    func add(to api: APIRouter) {
        api.on(ContractEndpoints.document) { _ in .json(Self.document, status: .ok) }
    }
}
