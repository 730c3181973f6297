internal import HTTPTypes
internal import Hummingbird

/// Gives every route one spelling: the router would also take doubled and trailing slashes, and what is decided by the
/// path, such as how many streams may be open, would be decided by another one.
struct CanonicalPaths: RouterMiddleware {
    func handle(
        _ request: Request, context: TrellisContext, next: (Request, TrellisContext) async throws -> Response
    ) async throws -> Response {
        let path = request.uri.path
        guard path != Self.canonical(path) else { return try await next(request, context) }
        guard request.method == .get || request.method == .head else { throw HTTPError(.notFound) }
        let query = request.uri.query.map { "?\($0)" } ?? ""
        return Response(status: .permanentRedirect, headers: [.location: Self.canonical(path) + query])
    }

    /// `path` with single slashes, and none at its end.
    static func canonical(_ path: String) -> String {
        "/" + path.split(separator: "/").joined(separator: "/")
    }
}
