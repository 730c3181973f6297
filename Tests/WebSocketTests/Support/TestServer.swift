import HTTPTypes
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore
import NIOSSL
import ServiceLifecycle
import Synchronization
import WebSocket

/// A Hummingbird server on a free port, with a few ordinary routes beside the WebSocket.
struct TestServer: Sendable {
    let port: Int
    /// Opened when an endless answer could not be written any further.
    let cut: Gate
    private let group: ServiceGroup
    private let ended: Task<Void, any Error>

    /// Starts a server that runs until it is told to stop.
    static func start(
        _ endpoint: any WebSocketEndpoint, limits: WebSocketLimits = .init(),
        connections: ConnectionLimits = .init(), configuration: HTTP1Channel.Configuration = .init(),
        tls: TLSConfiguration? = nil
    ) async throws -> TestServer {
        let router = Router()
        let cut = Gate()
        router.get("plain") { _, _ in "plain answer" }
        router.get("ws") { _, _ in Response(status: .unauthorized, body: .init(byteBuffer: .init(string: "who?"))) }
        router.post("collect") { request, _ in
            let body = try await request.body.collect(upTo: 1 << 20)
            return Response(status: .ok, body: .init(byteBuffer: body))
        }
        router.post("refuse") { _, _ in Response(status: .unauthorized) }
        router.get("endless") { _, _ in
            Response(
                status: .ok,
                body: .init { writer in
                    defer { cut.open() }
                    while true { try await writer.write(ByteBuffer(repeating: 0x2e, count: 64 << 10)) }
                })
        }
        router.post("echo") { request, _ in Response(status: .ok, body: .init(asyncSequence: request.body)) }
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let (ports, report) = AsyncStream.makeStream(of: Int.self)
        let http = HTTPServerBuilder.http1(
            configuration: configuration, webSocket: endpoint, limits: limits, connections: connections)
        let app = try Application(
            router: router, server: tls.map { try .tls(http, tlsConfiguration: $0) } ?? http,
            configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { report.yield($0.localAddress?.port ?? 0) }, logger: logger)
        let group = ServiceGroup(services: [app], logger: logger)
        let ended = Task {
            defer { report.finish() }
            try await group.run()
        }
        for await port in ports { return TestServer(port: port, cut: cut, group: group, ended: ended) }
        try await ended.value
        throw CancellationError()
    }

    /// Shuts down gracefully, and waits until that is done.
    func stop() async throws {
        await group.triggerGracefulShutdown()
        try await ended.value
    }

    func connect(reads: Bool = true, receiveBuffer: Int? = nil) async throws -> RawClient {
        try await RawClient.connect(port, reads: reads, receiveBuffer: receiveBuffer)
    }

    /// A client whose handshake has been answered.
    func open() async throws -> RawClient {
        let client = try await connect()
        try await client.send(Self.handshake())
        let answer = try await client.answer()
        guard answer.head.hasPrefix("HTTP/1.1 101 ") else { throw RawClient.Failure.ended(answer.head) }
        return client
    }

    /// A valid opening handshake (RFC 6455, section 1.2), with `more` lines of head.
    static func handshake(_ path: String = "/ws", _ more: String = "") -> String {
        "GET \(path) HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\(more)\r\n"
    }
}

/// Serves `/ws` with a closure.
struct TestEndpoint: WebSocketEndpoint {
    var admits: @Sendable (HTTPRequest) async -> (any WebSocketSession)?

    /// Admits everybody.
    init(_ run: @escaping @Sendable (WebSocketConnection) async -> Void) {
        admits = { _ in TestSession(run: run) }
    }

    init(_ admits: @escaping @Sendable (HTTPRequest) async -> (any WebSocketSession)?) { self.admits = admits }

    func serves(path: String) -> Bool { path == "/ws" }

    func admit(_ request: HTTPRequest) async -> (any WebSocketSession)? { await admits(request) }

    /// Sends everything back.
    static let echo = TestEndpoint(echoing)

    @Sendable static func echoing(_ connection: WebSocketConnection) async {
        for await message in connection.messages {
            switch message {
            case .text(let text): connection.send([ByteBuffer(string: text)])
            case .binary(let bytes): connection.send(binary: bytes)
            }
        }
    }
}

struct TestSession: WebSocketSession {
    var run: @Sendable (WebSocketConnection) async -> Void

    func run(_ connection: WebSocketConnection) async { await run(connection) }
}

/// Starts a server for `body` and stops it afterwards.
func withServer(
    _ endpoint: TestEndpoint, limits: WebSocketLimits = .init(), connections: ConnectionLimits = .init(),
    configuration: HTTP1Channel.Configuration = .init(),
    _ body: (TestServer) async throws -> Void
) async throws {
    let server = try await TestServer.start(
        endpoint, limits: limits, connections: connections, configuration: configuration)
    do {
        try await body(server)
    } catch {
        try? await server.stop()
        throw error
    }
    try await server.stop()
}

/// A self-signed certificate for `localhost`, for tests of TLS only.
let testCertificate = """
    -----BEGIN CERTIFICATE-----
    MIIBfzCCASWgAwIBAgIUPCMbXas/DhCuadae/jtKCfD0wEgwCgYIKoZIzj0EAwIw
    FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzIyMjIwNloYDzIxMjYxMDMw
    MjIyMjA2WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
    PQMBBwNCAASPSdViE22gjsGYKW7g5ZTdiDDUfXpn7csQ4kEtmPx4VOdgvZYs2mt6
    PGmCRGgOq1aovoCTSwj/+CVZMq2M0fo2o1MwUTAdBgNVHQ4EFgQUx/EgvFntJ+iE
    R4gFaJOSvvnxRK0wHwYDVR0jBBgwFoAUx/EgvFntJ+iER4gFaJOSvvnxRK0wDwYD
    VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiAiT1kpos9bEG2XBFuyTAVN
    P7JEdJALv+JhvNXETWpV1QIhAMZUjYr1HY4AzzIu8XrqKnFCOdMnGs75ZQWKviOG
    Jmzg
    -----END CERTIFICATE-----
    """

/// Its key.
let testKey = """
    -----BEGIN PRIVATE KEY-----
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgGd9GoP5yFNh2lciu
    Qc867UTvLFoZa4+qImcYKenboz+hRANCAASPSdViE22gjsGYKW7g5ZTdiDDUfXpn
    7csQ4kEtmPx4VOdgvZYs2mt6PGmCRGgOq1aovoCTSwj/+CVZMq2M0fo2
    -----END PRIVATE KEY-----
    """

/// Lets a test decide when something goes on, and wait for something that happens elsewhere.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for one in waiting { one.resume() }
    }

    func passed() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }
}
