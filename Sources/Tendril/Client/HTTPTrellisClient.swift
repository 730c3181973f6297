import AsyncHTTPClient
import Domain
import Foundation
import Logging
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import SystemCalls
import Wire

/// Trellis over HTTP: one client with its pool of connections for all calls of a Tendril.
final class HTTPTrellisClient: Sendable {
    /// One request and its retry policy.
    struct Call {
        enum Body {
            case none
            case data(Data, type: String)
            /// The file's bytes, read as they are sent.
            case file(path: String, length: Int)
        }

        var method: HTTPMethod
        /// With the query.
        var uri: String
        /// `PUT /api/jobs/…/status`, without the query.
        var name: String
        var headers: [(String, String)] = []
        var body = Body.none
        /// Safe to retry.
        var isRepeatable = true
        var timeout = TimeAmount.seconds(30)
        /// The maximum response size, in bytes.
        var limit = 4 << 20

        init<Path, Request, Response>(
            _ endpoint: Endpoint<Path, Request, Response>, _ path: Path, query: [QueryItem?] = [],
            headers: [(String, String)] = [], body: Body = .none, timeout: TimeAmount = .seconds(30),
            limit: Int = 4 << 20
        ) {
            method = HTTPMethod(rawValue: endpoint.description.method.rawValue)
            uri = endpoint.uri(path, query: query)
            name = "\(endpoint.description.method.rawValue) \(endpoint.uri(path))"
            (self.headers, self.body, self.timeout, self.limit) = (headers, body, timeout, limit)
        }

        init<Request, Response>(
            _ endpoint: Endpoint<NoParameters, Request, Response>, headers: [(String, String)] = [],
            body: Body = .none
        ) {
            self.init(endpoint, NoParameters(), headers: headers, body: body)
        }
    }

    struct Answer {
        var status: Int
        var body: Data
    }

    /// The maximum number of attempts.
    private static let attempts = 4
    /// The stream's heartbeats come every 15 s: without three of them the connection is dead.
    private static let silence = TimeAmount.seconds(45)

    private let base: String
    private let identity: [(String, String)]
    private let client: HTTPClient
    private let ambient: SystemDependencies
    private let sleeper: Sleeper
    private let logger: Logger

    /// `url` is Trellis' address, with or without a path.
    init(
        url: String, id: TendrilID, token: String, version: String, ambient: SystemDependencies, sleeper: Sleeper,
        logger: Logger
    ) {
        base = url.hasSuffix("/") ? String(url.dropLast()) : url
        identity = [
            (WorkerHeader.id, id.rawValue), (WorkerHeader.token, token), ("User-Agent", "vintner-tendril/\(version)"),
        ]
        var configuration = HTTPClient.Configuration(
            // A redirect would leak the token.
            redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(5), read: Self.silence),
            decompression: .disabled)
        configuration.httpVersion = .http1Only
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        self.ambient = ambient
        self.sleeper = sleeper
        self.logger = logger
    }

    /// Closes the connections. Nothing may be called afterwards.
    func shutdown() async {
        do { try await client.shutdown() } catch { logger.debug("closing connections: \(error)") }
    }

    // MARK: - One call

    /// Makes the call, retries transient failures, and returns a 2xx response.
    func send(_ call: Call) async throws -> Answer {
        try await repeating(call) { response in
            let body = try await response.body.collect(upTo: call.limit)
            return Answer(status: Int(response.status.code), body: Data(buffer: body))
        }
    }

    /// As ``send(_:)``, with the response read by `read`.
    func repeating<Result>(_ call: Call, read: (HTTPClientResponse) async throws -> Result) async throws -> Result {
        var backoff = Backoff(limit: .seconds(3), dependencies: ambient)
        for attempt in 1... {
            do {
                return try await once(call, read: read)
            } catch let error as TrellisCallError where error.isTransient {
                guard call.isRepeatable, attempt < Self.attempts else { throw error }
                logger.debug("\(error); trying again")
                try await sleeper.sleep(backoff.next())
            }
        }
        throw CancellationError()
    }

    private func once<Result>(_ call: Call, read: (HTTPClientResponse) async throws -> Result) async throws -> Result {
        do {
            let response = try await client.execute(try request(for: call), timeout: call.timeout)
            guard (200..<300).contains(response.status.code) else { throw await refusal(of: call, response) }
            return try await read(response)
        } catch let error as TrellisCallError {
            throw error
        } catch {
            throw Self.translated(error, call)
        }
    }

    func request(for call: Call) throws -> HTTPClientRequest {
        var request = HTTPClientRequest(url: base + call.uri)
        request.method = call.method
        for (name, value) in identity + call.headers { request.headers.add(name: name, value: value) }
        switch call.body {
        case .none:
            break
        case .data(let data, let type):
            request.headers.add(name: "Content-Type", value: type)
            request.body = .bytes(ByteBuffer(data: data))
        case .file(let path, let length):
            request.headers.add(name: "Content-Type", value: "application/octet-stream")
            request.body = .stream(try FileChunks.reading(path), length: .known(Int64(length)))
        }
        return request
    }

    /// The stream of `call`'s response, kept open.
    func open(_ call: Call) async throws -> HTTPClientResponse {
        do {
            let response = try await client.execute(try request(for: call), deadline: .distantFuture)
            guard response.status == .ok else { throw await refusal(of: call, response) }
            return response
        } catch let error as TrellisCallError {
            throw error
        } catch {
            throw Self.translated(error, call)
        }
    }

    // MARK: - Errors

    private func refusal(of call: Call, _ response: HTTPClientResponse) async -> TrellisCallError {
        let status = Int(response.status.code)
        let body = (try? await response.body.collect(upTo: 64 << 10)).map { Data(buffer: $0) } ?? Data()
        if status == 423, let holder = try? LockInfo.decoded(from: body) {
            let who = holder.Who ?? holder.ID
            return TrellisCallError(
                kind: .locked(holder: who), call: call.name, sentence: "The state is locked by \(who).")
        }
        let said = try? WireJSON.decode(ErrorResponse.self, from: body).error
        let sentence = said ?? "Trellis answered with status \(status)."
        if status == 423 {
            return TrellisCallError(kind: .locked(holder: "unknown holder"), call: call.name, sentence: sentence)
        }
        return TrellisCallError(kind: .refused(status: status), call: call.name, sentence: sentence)
    }

    /// Maps transport errors. Keeps only the short name, which contains nothing of the request.
    static func translated(_ error: any Error, _ call: Call) -> any Error {
        if error as? HTTPClientError == .cancelled { return CancellationError() }
        switch error {
        case is CancellationError, is FileError, is CocoaError: return error
        case is NIOTooManyBytesError:
            return TrellisCallError(kind: .malformed, call: call.name, sentence: "The response is too large.")
        case let error as WireError:
            return TrellisCallError(kind: .malformed, call: call.name, sentence: error.description)
        case let error as HTTPClientError:
            return TrellisCallError(
                kind: .unreachable, call: call.name, sentence: "Trellis can't be reached (\(error.shortDescription)).")
        default:
            return TrellisCallError(
                kind: .unreachable, call: call.name, sentence: "Trellis can't be reached (\(error)).")
        }
    }
}

/// A file, piece by piece.
enum FileChunks {
    static func reading(_ path: String) throws -> AsyncThrowingStream<ByteBuffer, any Error> {
        guard let file = try Files.open(path) else { throw FileError(path: path, reason: "it is not there") }
        return AsyncThrowingStream {
            guard let piece = try file.read(upToCount: 256 << 10), !piece.isEmpty else { return nil }
            return ByteBuffer(data: piece)
        }
    }
}
