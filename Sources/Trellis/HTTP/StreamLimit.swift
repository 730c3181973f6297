internal import Domain
internal import HTTPTypes
internal import Hummingbird

/// How many Server-Sent Events may be followed at a time.
public struct StreamLimits: Sendable {
    /// Followers of logs, in all.
    public var followers: Int
    /// Streams of one Tendril.
    public var perTendril: Int

    public init(followers: Int = 2000, perTendril: Int = 4) {
        self.followers = followers
        self.perTendril = perTendril
    }
}

/// Counts the open event streams, and refuses more than there may be (429): each is a connection that stays.
struct StreamLimit: RouterMiddleware {
    let limits: StreamLimits
    private let places = ConcurrencyLimit()

    init(limits: StreamLimits) { self.limits = limits }

    func handle(
        _ request: Request, context: TrellisContext, next: (Request, TrellisContext) async throws -> Response
    ) async throws -> Response {
        guard request.method == .get, request.uri.path.hasSuffix("/stream") else {
            return try await next(request, context)
        }
        let place =
            if case .tendril(let id) = context.principal {
                places.take(id.rawValue, limit: limits.perTendril)
            } else {
                places.take("followers", limit: limits.followers)
            }
        guard let place else { throw Refusal(.tooMany, "Too many streams are open here; close some, or poll.") }
        var response = try await next(request, context)
        let body = response.body
        // The place goes with the body, whether or not that was ever written.
        response.body = ResponseBody(contentLength: body.contentLength) { writer in
            defer { place.leave() }
            try await body.write(writer)
        }
        return response
    }
}
