internal import Domain
internal import HTTPTypes
internal import Hummingbird

/// Limits on open event streams.
public struct StreamLimits: Sendable {
    /// Followers of logs, in total.
    public var followers: Int
    /// Streams of one Tendril.
    public var perTendril: Int

    public init(followers: Int = 2000, perTendril: Int = 4) {
        self.followers = followers
        self.perTendril = perTendril
    }
}

/// Refuses event streams beyond the limits (429). Each stream keeps a connection open.
struct StreamLimit: RouterMiddleware {
    let limits: StreamLimits
    private let slots = ConcurrencyLimit()

    init(limits: StreamLimits) { self.limits = limits }

    /// Followers that there are now.
    var followers: Int { slots.count(of: Self.followersKey) }

    private static let followersKey = "followers"

    func handle(
        _ request: Request, context: TrellisContext, next: (Request, TrellisContext) async throws -> Response
    ) async throws -> Response {
        guard request.method == .get, request.uri.path.hasSuffix("/stream") else {
            return try await next(request, context)
        }
        let slot =
            if case .tendril(let id) = context.principal {
                slots.take(id.rawValue, limit: limits.perTendril)
            } else {
                slots.take(Self.followersKey, limit: limits.followers)
            }
        guard let slot else { throw Refusal(.tooMany, "Too many open streams. Close some, or poll.") }
        var response = try await next(request, context)
        let body = response.body
        // The slot belongs to the body, whether or not that is ever written.
        response.body = ResponseBody(contentLength: body.contentLength) { writer in
            defer { slot.release() }
            try await body.write(writer)
        }
        return response
    }
}
