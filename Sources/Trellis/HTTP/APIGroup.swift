internal import Domain
internal import HTTPTypes
internal import Hummingbird

/// The routes of the API, each with the names of the query parameters that it takes.
///
/// A user's request with any other parameter is refused by name: a misspelled filter must not pass for one that matches
/// everything. A Tendril's request is not checked, because it may be newer than this server.
struct APIGroup {
    typealias Handler = @Sendable (Request, TrellisContext) async throws -> Response

    var group: RouterGroup<TrellisContext>

    func get(_ path: RouterPath, taking names: [String] = [], use handler: @escaping Handler) {
        on(path, method: .get, taking: names, use: handler)
    }

    func post(_ path: RouterPath, taking names: [String] = [], use handler: @escaping Handler) {
        on(path, method: .post, taking: names, use: handler)
    }

    func put(_ path: RouterPath, taking names: [String] = [], use handler: @escaping Handler) {
        on(path, method: .put, taking: names, use: handler)
    }

    func patch(_ path: RouterPath, taking names: [String] = [], use handler: @escaping Handler) {
        on(path, method: .patch, taking: names, use: handler)
    }

    func delete(_ path: RouterPath, taking names: [String] = [], use handler: @escaping Handler) {
        on(path, method: .delete, taking: names, use: handler)
    }

    func on(
        _ path: RouterPath, method: HTTPRequest.Method, taking names: [String] = [], use handler: @escaping Handler
    ) {
        group.on(path, method: method) { request, context in
            // Strangers hear 401 from the handler, whatever they ask.
            if case .user = context.principal { try request.checkParameters(names) }
            return try await handler(request, context)
        }
    }
}

extension Request {
    /// - Throws: ``Refusal`` `.invalid` for a query parameter that is not in `known`, or that is given twice.
    fileprivate func checkParameters(_ known: [String]) throws {
        var seen: Set<String> = []
        for name in parameterNames {
            guard known.contains(name) else {
                let list = known.map { "\"\($0)\"" }.joined(separator: ", ")
                let takes = known.isEmpty ? "This call takes none." : "This call takes \(list)."
                throw Refusal(.invalid, "Unknown query parameter \"\(String(name).shortened(toBytes: 80))\". \(takes)")
            }
            guard seen.insert(name).inserted else {
                throw Refusal(.invalid, "Query parameter \"\(name)\" is given more than once.")
            }
        }
    }
}
