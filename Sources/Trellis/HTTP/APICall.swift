internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Wire

/// A request to an ``Endpoint``, from a caller who may make it.
struct APICall<Path: PathParameters>: Sendable {
    var request: Request
    var context: TrellisContext
    var endpoint: EndpointDescription
    /// The values in the request's path.
    var path: Path
    /// What the signed-in user may do; nothing for a Tendril.
    var rights: Rights
    /// Set if the request has an idempotency key.
    var onceOnly: RepeatableRequest?
    fileprivate var check: RightsCheck

    /// The signed-in user. - Throws: 401 or 403 without one.
    var user: String { get throws { try context.requireUser() } }

    /// The account of the signed-in user. - Throws: 401 or 403 without one.
    var account: Account { get throws { try context.requireAccount() } }

    /// For what only the request's body or query names; the path was asked about before.
    ///
    /// - Throws: 404 for what the user may not know of, 403 with the missing permission.
    func require(_ permission: Permission, on resource: PathResource) async throws {
        try await check.require(permission, on: resource, rights)
    }

    func require(_ permission: Permission, at place: AccessPlace, noun: String = "page") async throws {
        try await check.require(permission, at: place, noun: noun, rights)
    }

    /// The calling Tendril. - Throws: 401 or 403 without one.
    var tendril: TendrilID { get throws { try context.requireTendril() } }

    /// A query parameter; nil if it is absent, or an empty text.
    ///
    /// - Throws: ``Refusal`` `.invalid` for a value that the parameter does not take.
    func query<Value>(_ parameter: QueryParameter<Value>) throws -> Value? {
        assert(endpoint.query.contains(parameter.description), "\(endpoint.operation) does not declare \(parameter)")
        let name = parameter.description.name
        guard let text = request.queryItems.first(where: { $0.name == name })?.value else { return nil }
        if case .number = parameter.description.kind { return try parameter.value(of: text) }
        return text.isEmpty ? nil : try parameter.value(of: text)
    }
}

/// The API: a table of ``Endpoint`` values and what answers them.
///
/// The caller is checked first, then the query, the path, the permission, and the body. An unknown query parameter or field of a user's
/// request is refused by name: a misspelled filter must not pass for one that matches everything. A Tendril's request
/// may have more than this server knows, because the Tendril may be newer.
struct APIRouter {
    let table: RouteTable
    let check: RightsCheck
    let repeats: RepeatedCalls

    /// Bytes of a message, unless the route says otherwise.
    static let bodyLimit = 64 << 10

    /// A message in, a message out.
    func on<Path, Body: RequestMessage, Result: ResponseMessage>(
        _ endpoint: Endpoint<Path, Body, Result>, bodyLimit: Int = APIRouter.bodyLimit,
        use handler: @escaping @Sendable (APICall<Path>, Body) async throws -> Result
    ) {
        add(endpoint) { [repeats] call in
            let data = try await call.request.bytes(upTo: bodyLimit)
            return try await repeats.once(call, data) { call in
                let body = try call.body(Body.self, in: data)
                return try Answer(await handler(call, body), status: endpoint.description.success)
            }
        }
    }

    /// No fields in, a message out.
    func on<Path, Result: ResponseMessage>(
        _ endpoint: Endpoint<Path, NoFields, Result>,
        use handler: @escaping @Sendable (APICall<Path>) async throws -> Result
    ) {
        add(endpoint) { [repeats] call in
            let data = try await call.checkNoFields()
            return try await repeats.once(call, data) { call in
                try Answer(await handler(call), status: endpoint.description.success)
            }
        }
    }

    /// A message in, a message and a cookie out.
    func on<Path, Body: RequestMessage, Result: ResponseMessage>(
        _ endpoint: Endpoint<Path, Body, Result>,
        use handler: @escaping @Sendable (APICall<Path>, Body) async throws -> (Result, Cookie)
    ) {
        add(endpoint) { call in
            let body = try call.body(Body.self, in: try await call.request.bytes(upTo: Self.bodyLimit))
            let (result, cookie) = try await handler(call, body)
            var response = try Answer(result, status: endpoint.description.success).response
            response.setCookie(cookie)
            return response
        }
    }

    /// No fields in; the handler writes the response: a stream, or raw bytes.
    func on<Path, Result: WrittenBody>(
        _ endpoint: Endpoint<Path, NoFields, Result>,
        use handler: @escaping @Sendable (APICall<Path>) async throws -> Response
    ) {
        add(endpoint, use: handler)
    }

    /// Raw bytes in, which the handler reads; a message out.
    func on<Path, Content, Result: ResponseMessage>(
        _ endpoint: Endpoint<Path, RawBody<Content>, Result>,
        use handler: @escaping @Sendable (APICall<Path>) async throws -> Result
    ) {
        add(endpoint) { call in
            try Answer(await handler(call), status: endpoint.description.success).response
        }
    }

    /// Raw bytes in, which the handler reads; the handler writes the response.
    func on<Path, Content, Result: WrittenBody>(
        _ endpoint: Endpoint<Path, RawBody<Content>, Result>,
        use handler: @escaping @Sendable (APICall<Path>) async throws -> Response
    ) {
        add(endpoint, use: handler)
    }

    private func add<Path, Body, Result>(
        _ endpoint: Endpoint<Path, Body, Result>,
        use handler: @escaping @Sendable (APICall<Path>) async throws -> Response
    ) {
        let description = endpoint.description
        table.add(description) { [check] request, context in
            try context.require(description.caller)
            if case .user = context.principal { try request.checkQuery(description.query) }
            let texts = Path.names.map { context.parameters.get($0) ?? "" }
            guard let path = Path(texts: texts) else { throw Refusal.notFound(Path.noun) }
            var rights = Rights()
            if case .user(let user) = context.principal, let permission = description.caller.permission {
                rights = try await check.rights(of: user.account)
                try await check.require(permission, on: path.resource, rights)
                context.use.value = StreamUse(permission: permission, resource: path.resource)
            }
            return try await handler(
                APICall(
                    request: request, context: context, endpoint: description, path: path, rights: rights,
                    onceOnly: nil, check: check))
        }
    }
}

/// The routes of the server. Those under `/api` are endpoints; what is not one can't be added there.
final class RouteTable: RouterMethods {
    typealias Context = TrellisContext

    struct Route: Hashable {
        var method: HTTPRequest.Method
        /// With its parameters in braces.
        var path: String
    }

    let router: Router<TrellisContext>
    private let metrics: ServerMetrics
    private(set) var endpoints: [EndpointDescription] = []
    /// Pages, probes and what answers at the Realtime path.
    private(set) var others: [Route] = []

    init(router: Router<TrellisContext>, metrics: ServerMetrics = ServerMetrics()) {
        self.router = router
        self.metrics = metrics
    }

    @discardableResult func on<Responder: HTTPResponder>(
        _ path: RouterPath, method: HTTPRequest.Method, responder: Responder
    ) -> Self where Responder.Context == TrellisContext {
        let route = Route(method: method, path: CanonicalPaths.canonical(path.description))
        precondition(!route.path.hasPrefix("/api"), "\(route.path) is not an endpoint")
        others.append(route)
        router.on(path, method: method, responder: responder)
        return self
    }

    @discardableResult func add(middleware: any MiddlewareProtocol<Request, Response, TrellisContext>) -> Self {
        router.add(middleware: middleware)
        return self
    }

    /// Answers 405, with the methods that there are, where a path has no route for a method (RFC 9110, section 15.5.6).
    /// Call it after the last route was added.
    func refuseOtherMethods() {
        let routes =
            endpoints.map { Route(method: HTTPRequest.Method($0.method), path: $0.path) } + others
        for (path, routes) in Dictionary(grouping: routes, by: \.path) where !path.contains("*") {
            let allowed = Set(routes.map(\.method))
            let list = allowed.map(\.rawValue).sorted().joined(separator: ", ")
            for method in Self.methods where !allowed.contains(method) {
                router.on(RouterPath(path), method: method) { _, context -> Response in
                    if context.principal == nil { _ = try context.requireUser() }
                    throw HTTPError(.methodNotAllowed, headers: [.allow: list], message: "Use \(list) here.")
                }
            }
        }
    }

    /// Those that a client may try. HEAD is answered like GET.
    private static let methods: [HTTPRequest.Method] =
        [.get, .post, .put, .patch, .delete, .options, .trace]
        + [HTTPRequest.Method(rawValue: "QUERY")].compactMap(\.self)

    fileprivate func add(
        _ endpoint: EndpointDescription,
        use handler: @escaping @Sendable (Request, TrellisContext) async throws -> Response
    ) {
        endpoints.append(endpoint)
        let metrics = metrics
        router.on(RouterPath(endpoint.path), method: HTTPRequest.Method(endpoint.method)) { request, context in
            let begun = ContinuousClock.now
            do {
                let response = try await handler(request, context)
                metrics.answered(endpoint.operation, status: response.status.code, after: .now - begun)
                return response
            } catch {
                let status = ErrorReport(error).status.code
                metrics.answered(endpoint.operation, status: status, after: .now - begun)
                if (400..<500).contains(status), !endpoint.errors.contains(where: { $0.rawValue == status }) {
                    context.logger.error(
                        "an error that its endpoint does not list",
                        metadata: ["operation": "\(endpoint.operation)", "status": "\(status)", "error": "\(error)"])
                }
                throw error
            }
        }
    }
}

extension HTTPRequest.Method {
    fileprivate init(_ method: EndpointMethod) {
        guard let known = Self(rawValue: method.rawValue) else { preconditionFailure("not a method: \(method)") }
        self = known
    }
}

extension APICall {
    fileprivate func body<Body: RequestMessage>(_ type: Body.Type, in data: Data) throws -> Body {
        var isUser = true
        if case .tendril = context.principal { isUser = false }
        return try Body.decoded(from: data.isEmpty ? Data("{}".utf8) : data, refusingUnknownFields: isUser)
    }

    /// The body without fields. It is read only if the method usually has one.
    fileprivate func checkNoFields() async throws -> Data {
        guard [.post, .put, .patch].contains(endpoint.method) else { return Data() }
        let data = try await request.bytes(upTo: 4096)
        _ = try body(NoFields.self, in: data)
        return data
    }
}

extension TrellisContext {
    /// - Throws: 401 or 403 if the request's sender may not make calls for `caller`.
    fileprivate func require(_ caller: Caller) throws {
        switch caller {
        case .user: _ = try requireUser()
        case .tendril: _ = try requireTendril()
        case .userOrTendril: if principal == nil { _ = try requireUser() }
        case .anyone: break
        }
    }
}

extension Request {
    /// Also what the handler will not read is checked: what is passed over would be taken for obeyed.
    ///
    /// - Throws: ``Refusal`` `.invalid` for a query parameter that is not in `known`, that is given twice, or that does
    ///   not take its value.
    fileprivate func checkQuery(_ known: [QueryParameterDescription]) throws {
        var seen: Set<String> = []
        for (name, value) in queryItems {
            guard let parameter = known.first(where: { $0.name == name }) else {
                let list = known.map { "\"\($0.name)\"" }.joined(separator: ", ")
                let takes = known.isEmpty ? "This call takes none." : "This call takes \(list)."
                throw Refusal(.invalid, "Unknown query parameter \"\(String(name).shortened(toBytes: 80))\". \(takes)")
            }
            guard seen.insert(name).inserted else {
                throw Refusal(.invalid, "Query parameter \"\(name)\" is given more than once.")
            }
            guard parameter.kind.accepts(String(value)) else { throw Refusal(.invalid, parameter.expectation) }
        }
    }
}
