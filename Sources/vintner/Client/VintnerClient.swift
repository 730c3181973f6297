internal import AsyncHTTPClient
internal import Domain
internal import Foundation
internal import NIOCore
internal import NIOFoundationCompat
internal import NIOHTTP1
internal import Wire

/// Calls the API for the command line.
struct VintnerClient: Sendable {
    let url: String
    private let token: String

    /// How long a server may take to accept a connection, and to say anything at all.
    private static let patience = TimeAmount.seconds(4)

    private static let http: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.timeout.connect = patience
        // The server's streams send something every 15 seconds: silence is a cut connection.
        configuration.timeout.read = .seconds(60)
        // Otherwise it tries again until the request's own time is over.
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// - Throws: ``ClientError`` if `url` is not an HTTP URL.
    init(url: String, token: String) throws {
        guard url.hasPrefix("http://") || url.hasPrefix("https://") else { throw ClientError.badURL(url) }
        self.url = url.hasSuffix("/") ? String(url.dropLast()) : url
        self.token = token
    }

    /// Makes a call with a message.
    func call<Path, Body: RequestMessage, Reply: ResponseMessage>(
        _ endpoint: Endpoint<Path, Body, Reply>, _ path: Path, query: [QueryItem?] = [], sending body: Body
    ) async throws -> Reply {
        var request = request(endpoint, path, query)
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(ByteBuffer(data: try body.encodedBody()))
        return try await reply(to: request)
    }

    func call<Body: RequestMessage, Reply: ResponseMessage>(
        _ endpoint: Endpoint<NoParameters, Body, Reply>, query: [QueryItem?] = [], sending body: Body
    ) async throws -> Reply {
        try await call(endpoint, NoParameters(), query: query, sending: body)
    }

    /// Makes a call without a message.
    @discardableResult func call<Path, Reply: ResponseMessage>(
        _ endpoint: Endpoint<Path, NoFields, Reply>, _ path: Path, query: [QueryItem?] = []
    ) async throws -> Reply {
        try await reply(to: request(endpoint, path, query))
    }

    func call<Reply: ResponseMessage>(
        _ endpoint: Endpoint<NoParameters, NoFields, Reply>, query: [QueryItem?] = []
    ) async throws -> Reply {
        try await call(endpoint, NoParameters(), query: query)
    }

    /// The response of a call as it is, with fields that this program does not know.
    func document<Path, Reply: ResponseMessage>(
        _ endpoint: Endpoint<Path, NoFields, Reply>, _ path: Path
    ) async throws -> JSONValue {
        let response = try await perform(request(endpoint, path, []), timeout: .seconds(60))
        let data = Data(buffer: try await response.body.collect(upTo: 64 << 20))
        return try WireJSON.decode(JSONValue.self, from: data, maxDepth: JSONDepth.trusted)
    }

    /// A document that needs no credential.
    func publicDocument(_ path: String) async throws -> Data {
        let response = try await perform(request(.GET, path), timeout: .seconds(60))
        return Data(buffer: try await response.body.collect(upTo: 1 << 20))
    }

    /// Receives the text of a response, piece by piece.
    func text<Path, Content: WrittenBody>(
        _ endpoint: Endpoint<Path, NoFields, Content>, _ path: Path, query: [QueryItem?] = [],
        _ receive: (String) -> Void
    ) async throws {
        var request = request(endpoint, path, query)
        request.headers.add(name: "Accept", value: "text/plain")
        let response = try await perform(request, timeout: .hours(1))
        for try await buffer in response.body { receive(String(buffer: buffer)) }
    }

    /// Receives the bytes of a response, piece by piece.
    func bytes<Path, Content: WrittenBody>(
        _ endpoint: Endpoint<Path, NoFields, Content>, _ path: Path, query: [QueryItem?] = [],
        _ receive: (Data) throws -> Void
    ) async throws {
        let response = try await perform(request(endpoint, path, query), timeout: .hours(1))
        for try await buffer in response.body { try receive(Data(buffer: buffer)) }
    }

    /// Receives Server-Sent Events until the server ends them or the connection is cut.
    func events<Path, Event>(
        _ endpoint: Endpoint<Path, NoFields, StreamBody<Event>>, _ path: Path, query: [QueryItem?] = [],
        _ receive: (EventStreamParser.Event) async throws -> Void
    ) async throws {
        var request = request(endpoint, path, query)
        request.headers.add(name: "Accept", value: "text/event-stream")
        let response = try await perform(request, timeout: .hours(24 * 30))
        // Escaping can make a chunk of 64 KiB six times as long.
        var parser = EventStreamParser(lineLimit: 1 << 20)
        for try await buffer in response.body {
            for event in parser.take(buffer.readableBytesView) { try await receive(event) }
        }
    }

    /// - Throws: ``ClientError`` `.unreachable` if nothing answers within 4 seconds.
    func checkAnswers() async throws {
        do {
            let response = try await Self.http.execute(request(.GET, "/healthz"), timeout: Self.patience)
            // Any response will do, also one of a proxy.
            _ = try? await response.body.collect(upTo: 1 << 16)
        } catch {
            throw ClientError.unreachable(url)
        }
    }

    /// True if the server responds that it is ready.
    func isReady() async -> Bool {
        let response = try? await Self.http.execute(request(.GET, "/readyz"), timeout: .seconds(2))
        return response?.status == .ok
    }

    private func reply<Reply: ResponseMessage>(to request: HTTPClientRequest) async throws -> Reply {
        let response = try await perform(request, timeout: .seconds(60))
        return try Reply.decoded(from: Data(buffer: try await response.body.collect(upTo: 64 << 20)))
    }

    private func request<Path, Body, Reply>(
        _ endpoint: Endpoint<Path, Body, Reply>, _ path: Path, _ query: [QueryItem?]
    ) -> HTTPClientRequest {
        request(HTTPMethod(rawValue: endpoint.description.method.rawValue), endpoint.uri(path, query: query))
    }

    private func request(_ method: HTTPMethod, _ path: String) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: url + path)
        request.method = method
        // Before a sign-in there is none; an empty one would be refused.
        if !token.isEmpty { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        return request
    }

    private func perform(_ request: HTTPClientRequest, timeout: TimeAmount) async throws -> HTTPClientResponse {
        let response: HTTPClientResponse
        do {
            response = try await Self.http.execute(request, timeout: timeout)
        } catch {
            throw ClientError.unreachable(url)
        }
        guard (200..<300).contains(response.status.code) else {
            let body = try await response.body.collect(upTo: 1 << 20)
            let message = try? WireJSON.decode(ErrorResponse.self, from: Data(buffer: body)).error
            throw ClientError.refused(Int(response.status.code), message ?? response.status.reasonPhrase)
        }
        return response
    }
}

/// Why a call failed, for the user.
enum ClientError: Error, CustomStringConvertible {
    case badURL(String)
    case unreachable(String)
    case refused(Int, String)

    var description: String {
        switch self {
        case .badURL(let url): "\(url) is not an http or https address."
        case .unreachable(let url): "No answer from \(url). Is \"vintner up\" running?"
        case .refused(_, let message): message
        }
    }
}
