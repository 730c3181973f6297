internal import Crypto
internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Storage
internal import Wire

/// Carries out a call that creates something once, however often its request is sent with the same `Idempotency-Key`.
///
/// The key is stored in the deed's commit (``RepeatStore``), and then the answer, for a day. A refused call stores
/// nothing, so it can be sent again.
struct RepeatedCalls: Sendable {
    var store: any RepeatStore
    var ambient: SystemDependencies

    static let field = headerName(Endpoints.idempotencyKey.name)
    /// Marks an answer that was given before.
    static let replayed = headerName("Idempotency-Replayed")

    /// The answer of `handler`, or the one that the same request had before.
    ///
    /// - Throws: ``Refusal`` `.conflict` for a key that belongs to another request, or whose answer is not known.
    func once<Path>(
        _ call: APICall<Path>, _ body: Data, handler: (APICall<Path>) async throws -> Answer
    ) async throws -> Response {
        guard call.endpoint.isCreation, let request = try request(of: call, body) else {
            return try await handler(call).response
        }
        switch try await store.earlierRequest(like: request) {
        case .answered(let status, let body):
            var response = Answer(status: status, body: Data(body)).response
            response.headers[Self.replayed] = "true"
            return response
        case .unanswered: throw Refusal.repeated
        case .other:
            throw Refusal(.conflict, "This Idempotency-Key belongs to a request with other contents. Use a new one.")
        case nil: break
        }
        var call = call
        call.onceOnly = request
        let answer = try await handler(call)
        try await store.saveAnswer(status: answer.status, body: [UInt8](answer.body ?? Data()), to: request)
        return answer.response
    }

    private func request<Path>(of call: APICall<Path>, _ body: Data) throws -> RepeatableRequest? {
        guard let field = call.request.headers[Self.field] else { return nil }
        let key = try RepeatableRequest.key(inField: field)
        var hash = SHA256()
        for part in [call.request.method.rawValue, call.request.uri.string] {
            hash.update(data: Data("\(part)\n".utf8))
        }
        // Another credential of the account may have fewer rights: it must not get what this one was answered.
        if case .user(let user) = call.context.principal {
            switch user.credential {
            case .tokenHash(let credential), .sessionHash(let credential): hash.update(data: credential)
            }
        }
        hash.update(data: body)
        return RepeatableRequest(
            owner: try call.account.name, key: key, digest: hash.finalize().hexadecimal, id: ambient.makeID(),
            at: ambient.now())
    }
}

/// What a call answers: JSON, or nothing.
struct Answer {
    var status: Int
    var body: Data?

    init(status: Int, body: Data?) {
        self.status = status
        self.body = body
    }

    /// `value` with this status; 204 for an optional message that is absent.
    init(_ value: some ResponseMessage, status: Int) throws {
        body = try value.encodedBody()
        self.status = body == nil && !(value is NoContent) ? 204 : status
    }

    var response: Response {
        let status = HTTPResponse.Status(code: status)
        guard let body, !body.isEmpty else { return Response(status: status) }
        return .json(body, status: status)
    }
}
