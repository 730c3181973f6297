public import Domain
public import Foundation

/// One call of the API: its method, path, parameters, request and response. The router, the Tendril's client and the
/// command line are built from these values, so that no path is spelled twice.
public struct Endpoint<Path: PathParameters, Request, Response>: Sendable {
    public private(set) var description: EndpointDescription

    /// - Parameters:
    ///   - path: a template such as `/api/jobs/{id}`; its placeholders are the names of `Path`.
    ///   - operation: the name of the call, unique in the API.
    ///   - query: the query parameters that the call takes. Any other one is refused.
    ///   - errors: those that its form does not bring along; see ``CallError``.
    ///   - about: what it does, for readers of the API reference; nil if the name of the call says it.
    init(
        _ method: EndpointMethod, _ path: String, _ operation: String, for caller: Caller,
        query: [QueryParameterDescription] = [], headers: [HeaderParameterDescription] = [], success: Int = 200,
        errors: Set<CallError> = [], _ about: String? = nil
    ) {
        let placeholders = EndpointDescription.placeholders(of: path)
        precondition(placeholders == Path.names, "\(operation): \(path) has the parameters \(placeholders)")
        description = EndpointDescription(
            method: method, path: path, operation: operation, about: about, caller: caller,
            parameters: Array(zip(Path.names, Path.kinds)), query: query, headers: headers, success: success,
            errors: errors.union(CallError.ofForm(method, caller, hasPath: !Path.names.isEmpty)), request: Request.self,
            response: Response.self)
        if description.isCreation { description.headers.append(Endpoints.idempotencyKey) }
    }

    /// The path of one call, percent-encoded, with its query.
    public func uri(_ parameters: Path, query: [QueryItem?] = []) -> String {
        var path = description.path
        for (name, value) in zip(Path.names, parameters.values) {
            path = path.replacing("{\(name)}", with: PercentEncoding.encode(value))
        }
        let pairs = query.compactMap(\.self).map { "\($0.name)=\(PercentEncoding.encode($0.value))" }
        return pairs.isEmpty ? path : path + "?" + pairs.joined(separator: "&")
    }
}

/// What an ``Endpoint`` says about itself, without its types.
public struct EndpointDescription: Sendable {
    public let method: EndpointMethod
    /// The path template.
    public let path: String
    public let operation: String
    /// What the call does, as plain text.
    public let about: String?
    public let caller: Caller
    /// The values in the path, in order.
    public let parameters: [(name: String, kind: ParameterKind)]
    public let query: [QueryParameterDescription]
    /// The header fields that the call takes besides those of every call.
    public fileprivate(set) var headers: [HeaderParameterDescription]
    /// The status of a response that is not an error. A response without a value has status 204.
    public let success: Int
    /// What it answers otherwise, besides errors of the server.
    public let errors: Set<CallError>
    public let request: any Any.Type
    public let response: any Any.Type

    /// Whether each call makes something new, so that a client must be able to repeat one whose answer was lost.
    public var isCreation: Bool { success == 201 && caller.permission != nil }

    /// The names between braces, in order.
    static func placeholders(of path: String) -> [String] {
        path.split(separator: "/").filter { $0.hasPrefix("{") && $0.hasSuffix("}") }
            .map { String($0.dropFirst().dropLast()) }
    }
}

/// The method of a call. `LOCK` and `UNLOCK` are what Terraform's `http` backend sends unless it is configured.
public enum EndpointMethod: String, Hashable, Sendable {
    case get = "GET"
    case post = "POST"
    case put = "PUT"
    case patch = "PATCH"
    case delete = "DELETE"
    case lock = "LOCK"
    case unlock = "UNLOCK"
}

/// An error that a call answers with, by its status.
public enum CallError: Int, Hashable, CaseIterable, Sendable {
    case invalid = 400
    case unauthorized = 401
    case forbidden = 403
    case notFound = 404
    /// What the call would change is not in a state for that.
    case conflict = 409
    /// The Tendril's lease was lost.
    case leaseLost = 410
    /// `If-Match` names another revision.
    case outdated = 412
    case tooLarge = 413
    /// The host name in the request is not one of this server's.
    case misdirected = 421
    /// Somebody else has locked the vine's state.
    case locked = 423
    case tooMany = 429

    /// What any call of a form may answer.
    static func ofForm(_ method: EndpointMethod, _ caller: Caller, hasPath: Bool) -> Set<CallError> {
        var errors: Set<CallError> = [.invalid, .unauthorized, .forbidden, .misdirected]
        // What somebody may not know of is not there.
        if hasPath || caller.permission != nil { errors.insert(.notFound) }
        if method != .get { errors.formUnion([.conflict, .tooLarge]) }
        switch caller {
        case .tendril, .userOrTendril: errors.insert(.leaseLost)
        // Attempts to sign in are limited.
        case .anyone: errors.insert(.tooMany)
        case .user: break
        }
        return errors
    }

    /// What it means, for the document of the API.
    public var meaning: String {
        switch self {
        case .invalid: "The request is not valid; the sentence names what is wrong."
        case .unauthorized: "A valid credential is missing."
        case .forbidden: "The credential does not permit this; the sentence names the missing right."
        case .notFound: "There is no such thing, or the caller may not know of it."
        case .conflict: "The thing is not in a state for this, or the Idempotency-Key is taken."
        case .leaseLost: "The Tendril's lease was lost."
        case .outdated: "The thing has another revision than If-Match."
        case .tooLarge: "The body is larger than its limit."
        case .misdirected: "The host name is not one of this server's."
        case .locked: "Somebody else has locked the vine's state."
        case .tooMany: "Too many at a time. Try again later."
        }
    }
}

/// Who may make a call. What a user calls needs a permission; Tendrils may do what their leases allow.
public enum Caller: Hashable, Sendable {
    case user(Permission)
    case tendril
    case userOrTendril(Permission)
    /// No credential is needed: the call makes one.
    case anyone

    /// What a user needs for the call; nil if users can't make it, or anyone may.
    public var permission: Permission? {
        switch self {
        case .user(let permission), .userOrTendril(let permission): permission
        case .tendril, .anyone: nil
        }
    }
}

/// A request body that is a message.
public protocol RequestMessage: Sendable {
    /// - Parameter refusingUnknownFields: for what users send; a Tendril may be newer than the server.
    /// - Throws: ``WireError``.
    static func decoded(from body: Data, refusingUnknownFields: Bool) throws -> Self

    func encodedBody() throws -> Data
}

/// A response body that is a message, or no body at all.
public protocol ResponseMessage: Sendable {
    /// - Throws: ``WireError``. The body is empty for a response without content.
    static func decoded(from body: Data) throws -> Self

    /// nil for a response without content.
    func encodedBody() throws -> Data?
}

extension RequestMessage where Self: Codable {
    public static func decoded(from body: Data, refusingUnknownFields: Bool) throws -> Self {
        try WireJSON.decode(Self.self, from: body, refusingUnknownFields: refusingUnknownFields)
    }

    public func encodedBody() throws -> Data { try WireJSON.encode(self) }
}

extension ResponseMessage where Self: Codable {
    public static func decoded(from body: Data) throws -> Self {
        try WireJSON.decode(Self.self, from: body, maxDepth: JSONDepth.trusted)
    }

    public func encodedBody() throws -> Data? { try WireJSON.encode(self) }
}

/// nil is a response without content.
extension Optional: ResponseMessage where Wrapped: ResponseMessage {
    public static func decoded(from body: Data) throws -> Wrapped? {
        body.isEmpty ? nil : try Wrapped.decoded(from: body)
    }

    public func encodedBody() throws -> Data? { try self?.encodedBody() }
}

/// A body without fields: absent, or `{}`.
public struct NoFields: Codable, RequestMessage {
    // An empty container, so that an unknown field is noticed.
    private enum CodingKeys: CodingKey {}

    public init() {}

    public init(from decoder: any Decoder) throws { _ = try decoder.container(keyedBy: CodingKeys.self) }

    public func encode(to encoder: any Encoder) throws { _ = encoder.container(keyedBy: CodingKeys.self) }
}

/// A response without content.
public struct NoContent: ResponseMessage {
    public init() {}

    public static func decoded(from body: Data) -> NoContent { NoContent() }
    public func encodedBody() -> Data? { nil }
}

/// The type of a response that its handler writes by itself.
public protocol WrittenBody {}

/// Bytes whose form is not Vintner's, in a request or a response: a state, an artifact, Terraform's lock information.
public enum RawBody<Content>: WrittenBody {}

/// A response that is written while it is made. `Item` is one event or line of it.
public enum StreamBody<Item>: WrittenBody {}

/// A response that is JSON, or one document per line (`application/x-ndjson`) for a client that prefers it.
public enum MessageOrLines<Message>: WrittenBody {}

/// A response that is JSON, or text for a client that prefers it.
public enum MessageOrText<Message>: WrittenBody {}
