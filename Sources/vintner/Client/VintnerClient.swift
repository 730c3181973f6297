internal import AsyncHTTPClient
internal import Foundation
internal import NIOCore
internal import NIOFoundationCompat
internal import NIOHTTP1
internal import Wire

/// The API, as the command line calls it.
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

    /// - Throws: ``ClientError`` where `url` is none.
    init(url: String, token: String) throws {
        guard url.hasPrefix("http://") || url.hasPrefix("https://") else { throw ClientError.badURL(url) }
        self.url = url.hasSuffix("/") ? String(url.dropLast()) : url
        self.token = token
    }

    func get<Reply: Decodable>(_ path: String, as type: Reply.Type = Reply.self) async throws -> Reply {
        try await send(.GET, path, body: nil, as: type)
    }

    func post<Reply: Decodable>(
        _ path: String, _ body: some Encodable, as type: Reply.Type = Reply.self
    ) async throws -> Reply {
        try await send(.POST, path, body: WireJSON.encode(body), as: type)
    }

    func patch<Reply: Decodable>(
        _ path: String, _ body: some Encodable, as type: Reply.Type = Reply.self
    ) async throws -> Reply {
        try await send(.PATCH, path, body: WireJSON.encode(body), as: type)
    }

    /// The text of `path`, piece by piece.
    func text(_ path: String, _ take: (String) -> Void) async throws {
        var request = request(.GET, path)
        request.headers.add(name: "Accept", value: "text/plain")
        let response = try await perform(request, timeout: .hours(1))
        for try await buffer in response.body { take(String(buffer: buffer)) }
    }

    /// The events of `path` (Server-Sent Events), until the server ends them or the connection is cut.
    func events(_ path: String, _ take: (EventStreamParser.Event) async throws -> Void) async throws {
        var request = request(.GET, path)
        request.headers.add(name: "Accept", value: "text/event-stream")
        let response = try await perform(request, timeout: .hours(24 * 30))
        // A chunk of 64 KiB may be six times that when it is escaped.
        var parser = EventStreamParser(lineLimit: 1 << 20)
        for try await buffer in response.body {
            for event in parser.take(buffer.readableBytesView) { try await take(event) }
        }
    }

    /// - Throws: ``ClientError`` `.unreachable` if nothing answers within 4 seconds.
    func checkAnswers() async throws {
        do {
            let response = try await Self.http.execute(request(.GET, "/healthz"), timeout: Self.patience)
            // Whatever the answer is, even one of a proxy: somebody is there.
            _ = try? await response.body.collect(upTo: 1 << 16)
        } catch {
            throw ClientError.unreachable(url)
        }
    }

    /// True where the server answers that it is ready.
    func isReady() async -> Bool {
        let response = try? await Self.http.execute(request(.GET, "/readyz"), timeout: .seconds(2))
        return response?.status == .ok
    }

    private func send<Reply: Decodable>(
        _ method: HTTPMethod, _ path: String, body: Data?, as type: Reply.Type
    ) async throws -> Reply {
        var request = request(method, path)
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(data: body))
        }
        let response = try await perform(request, timeout: .seconds(60))
        let data = Data(buffer: try await response.body.collect(upTo: 64 << 20))
        return try WireJSON.decode(type, from: data)
    }

    private func request(_ method: HTTPMethod, _ path: String) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: url + path)
        request.method = method
        request.headers.add(name: "Authorization", value: "Bearer \(token)")
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
            let message = try? WireJSON.decode(ErrorBody.self, from: Data(buffer: body)).error
            throw ClientError.refused(Int(response.status.code), message ?? response.status.reasonPhrase)
        }
        return response
    }
}

/// Why a call failed, as the user is told.
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
