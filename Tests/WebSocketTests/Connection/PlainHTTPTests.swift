import HummingbirdCore
import NIOCore
import NIOSSL
import Testing

@testable import WebSocket

/// Connections that stay HTTP behave as on Hummingbird's own server.
@Suite struct PlainHTTPTests {
    private static let get = "GET /plain HTTP/1.1\r\nHost: x\r\n\r\n"

    @Test func keepAliveAndPipelining() async throws {
        try await withServer(.echo) { server in
            let client = try await server.connect()
            try await client.send(Self.get)
            #expect(try await client.answer().body == "plain answer")
            try await client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab")
            try await client.send("cd" + Self.get + Self.get)
            let body = try await client.take("the echo") { (bytes: inout ByteBuffer) -> String? in
                let text = String(buffer: bytes)
                guard let end = text.firstRange(of: "0\r\n\r\n") else { return nil }
                bytes.moveReaderIndex(forwardBy: text[..<end.upperBound].utf8.count)
                return text
            }
            #expect(body.hasPrefix("HTTP/1.1 200 ") && body.contains("ab"))
            for _ in 0..<2 {
                let answer = try await client.answer()
                #expect(answer.body == "plain answer")
                #expect(!answer.head.lowercased().contains("connection: close"))
            }
        }
    }

    @Test func aRefusedUpgradeOnALaterRequestEndsTheConnectionAfterItsAnswer() async throws {
        try await withServer(TestEndpoint { _ in nil }) { server in
            let client = try await server.connect()
            try await client.send(Self.get + TestServer.handshake())
            let first = try await client.answer()
            #expect(first.body == "plain answer")
            #expect(!first.head.lowercased().contains("connection: close"))
            let second = try await client.answer()
            #expect(second.head.hasPrefix("HTTP/1.1 401 "))
            #expect(second.head.lowercased().contains("connection: close"))
            try await client.expectEnd()
        }
    }

    /// Proxies reuse a connection for whatever comes next.
    @Test func aConnectionThatServedRequestsBecomesAWebSocket() async throws {
        try await withServer(.echo) { server in
            let client = try await server.connect()
            for _ in 0..<3 {
                try await client.send(Self.get)
                #expect(try await client.answer().body == "plain answer")
            }
            try await client.send(Array(TestServer.handshake().utf8) + RawFrame.text("eager").bytes)
            #expect(try await client.answer().head.hasPrefix("HTTP/1.1 101 "))
            #expect(try await client.frame() == .text("eager"))
            let large = AutobahnCase.stars(1 << 20)
            try await client.send(RawFrame(opcode: 2, payload: large).bytes)
            #expect(try await client.frame() == .binary(large))
            try await client.send(.close())
            #expect(try await client.frame().closeCode == 1000)
            try await client.expectEnd()
        }
    }

    /// The handshake arrives before the responses to the requests in front of it are written.
    @Test func aPipelinedUpgradeWaitsForItsTurn() async throws {
        try await withServer(.echo) { server in
            let client = try await server.connect()
            try await client.send(
                Array((Self.get + Self.get + TestServer.handshake()).utf8) + RawFrame.text("early").bytes)
            for _ in 0..<2 { #expect(try await client.answer().body == "plain answer") }
            #expect(try await client.answer().head.hasPrefix("HTTP/1.1 101 "))
            #expect(try await client.frame() == .text("early"))
        }
    }

    /// Both kinds of idle limit, long enough that a busy machine does not reach them by itself.
    @Test(arguments: [(2, 60), (60, 2)])
    func theTimeoutsOfRequestsDoNotConcernALaterWebSocket(guarded: Int64, configured: Int64) async throws {
        var connections = ConnectionLimits()
        connections.idle = .seconds(guarded)
        try await withServer(
            .echo, connections: connections, configuration: .init(idleTimeout: .seconds(configured))
        ) { server in
            let (client, idle) = (try await server.connect(), try await server.connect())
            try await client.send(Self.get + TestServer.handshake())
            try await idle.send(Self.get)
            _ = try await client.answer()
            #expect(try await client.answer().head.hasPrefix("HTTP/1.1 101 "))
            // A connection that is idle from now on is closed; the WebSocket is not.
            _ = try await idle.answer()
            try await idle.expectEnd()
            try await client.send(.text("still here"))
            #expect(try await client.frame() == .text("still here"))
        }
    }

    @Test(arguments: ["", get]) func garbageIsABadRequest(after first: String) async throws {
        try await withServer(.echo) { server in
            let client = try await server.connect()
            if !first.isEmpty {
                try await client.send(first)
                _ = try await client.answer()
            }
            try await client.send("\u{16}\u{3}\u{1}garbage\r\n\r\n")
            #expect(try await client.answer().head.hasPrefix("HTTP/1.1 400 "))
            try await client.expectEnd()
        }
    }

    @Test func aConnectionWithoutARequestIsClosed() async throws {
        var limits = WebSocketLimits()
        limits.firstRequestWithin = .seconds(3)
        try await withServer(.echo, limits: limits) { server in
            let client = try await server.connect()
            try await client.send(Self.get)
            _ = try await client.answer()
            let silent = try await server.connect()
            let half = try await server.connect()
            try await half.send("GET /plain HTTP/1.1\r\nHo")
            try await silent.expectEnd()
            try await half.expectEnd()
            // Once there has been a request, this limit is over.
            try await client.send(Self.get)
            #expect(try await client.answer().body == "plain answer")
        }
    }

    @Test func additionalHandlersAreAdded() async throws {
        let added = Gate()
        try await withServer(.echo, configuration: .init(additionalChannelHandlers: [Witness(added)])) { server in
            let client = try await server.connect()
            try await client.send(Self.get)
            _ = try await client.answer()
            await added.passed()
        }
    }

    @Test func everythingOverTLS() async throws {
        let certificate = try NIOSSLCertificate(bytes: Array(testCertificate.utf8), format: .pem)
        let key = try NIOSSLPrivateKey(bytes: Array(testKey.utf8), format: .pem)
        let server = try await TestServer.start(
            TestEndpoint.echo,
            tls: .makeServerConfiguration(certificateChain: [.certificate(certificate)], privateKey: .privateKey(key)))
        var trusting = TLSConfiguration.makeClientConfiguration()
        trusting.certificateVerification = .none
        let tls = try NIOSSLContext(configuration: trusting)

        let plain = try await RawClient.connect(server.port, tls: tls)
        try await plain.send("GET /plain HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        #expect(try await plain.answer().body == "plain answer")
        try await plain.expectEnd()

        let socket = try await RawClient.connect(server.port, tls: tls)
        try await socket.send(Array(TestServer.handshake().utf8) + RawFrame.text("secret").bytes)
        #expect(try await socket.answer().head.hasPrefix("HTTP/1.1 101 "))
        #expect(try await socket.frame() == .text("secret"))
        let large = AutobahnCase.stars(1 << 20)
        try await socket.send(RawFrame(opcode: 2, payload: large).bytes)
        #expect(try await socket.frame() == .binary(large))
        try await socket.send(.close())
        #expect(try await socket.frame().closeCode == 1000)
        try await socket.expectEnd()
        try await server.stop()
    }
}

/// Tells that it has been added.
private final class Witness: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private let added: Gate

    init(_ added: Gate) { self.added = added }

    func handlerAdded(context: ChannelHandlerContext) { added.open() }
}
