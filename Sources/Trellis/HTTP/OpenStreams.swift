internal import Domain
internal import HTTPTypes
internal import Hummingbird
internal import Synchronization

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
struct OpenStreams: RouterMiddleware {
    let limits: StreamLimits
    private let counts = Counts()

    init(limits: StreamLimits) { self.limits = limits }

    func handle(
        _ request: Request, context: TrellisContext, next: (Request, TrellisContext) async throws -> Response
    ) async throws -> Response {
        guard request.method == .get, request.uri.path.hasSuffix("/stream") else {
            return try await next(request, context)
        }
        let place: Place?
        if case .tendril(let id) = context.principal {
            place = counts.take(id.rawValue, limit: limits.perTendril)
        } else {
            place = counts.take("followers", limit: limits.followers)
        }
        guard let place else { throw Refusal(.tooMany, "Too many streams are open here; close some, or poll.") }
        var response = try await next(request, context)
        let body = response.body
        // The place goes with the body, whether or not that was ever written.
        response.body = ResponseBody(contentLength: body.contentLength) { writer in
            defer { withExtendedLifetime(place) {} }
            try await body.write(writer)
        }
        return response
    }

    private final class Counts: Sendable {
        private let open = Mutex<[String: Int]>([:])

        func take(_ key: String, limit: Int) -> Place? {
            let isTaken = open.withLock { open in
                guard open[key, default: 0] < limit else { return false }
                open[key, default: 0] += 1
                return true
            }
            return isTaken ? Place { self.free(key) } : nil
        }

        private func free(_ key: String) {
            open.withLock { open in
                open[key, default: 1] -= 1
                if open[key] == 0 { open[key] = nil }
            }
        }
    }

    private final class Place: Sendable {
        private let free: @Sendable () -> Void

        init(free: @escaping @Sendable () -> Void) { self.free = free }

        deinit { free() }
    }
}
