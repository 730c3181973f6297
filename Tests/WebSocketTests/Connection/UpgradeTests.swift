import HTTPTypes
import NIOCore
import Testing

@testable import WebSocket

/// How connections become WebSockets.
@Suite struct UpgradeTests {
    @Test func theHandshakeIsAnswered() async throws {
        try await withServer(.echo) { server in
            let client = try await server.connect()
            let wishes = "Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Protocol: chat\r\n"
            try await client.send(TestServer.handshake("/ws?since=4", wishes))
            let head = try await client.answer().head
            #expect(head.hasPrefix("HTTP/1.1 101 "))
            // The value is that of RFC 6455, section 1.3.
            #expect(head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
            for absent in ["extensions", "-protocol", "content-length", "transfer-encoding"] {
                #expect(!head.lowercased().contains(absent))
            }
            try await client.send(.text("hello"))
            #expect(try await client.frame() == .text("hello"))
        }
    }

    @Test func theEndpointSeesTheRequest() async throws {
        let endpoint = TestEndpoint { request in
            guard request.path == "/ws?as=me", request.headerFields[.authorization] == "Bearer x" else { return nil }
            return TestSession { connection in connection.send([ByteBuffer(string: "welcome")]) }
        }
        try await withServer(endpoint) { server in
            let client = try await server.connect()
            try await client.send(TestServer.handshake("/ws?as=me", "Authorization: Bearer x\r\n"))
            _ = try await client.answer()
            #expect(try await client.frame() == .text("welcome"))
            // The session has returned.
            #expect(try await client.frame().closeCode == 1000)
            try await client.send(.close())
            try await client.expectEnd()
        }
    }

    @Test func aRefusedClientGetsTheRoutersAnswer() async throws {
        try await withServer(TestEndpoint { _ in nil }) { server in
            let client = try await server.connect()
            try await client.send(TestServer.handshake())
            let answer = try await client.answer()
            #expect(answer.head.hasPrefix("HTTP/1.1 401 "))
            #expect(answer.head.lowercased().contains("connection: close"))
            #expect(answer.body == "who?")
            try await client.expectEnd()
        }
    }

    @Test func ignoresOtherPaths() async throws {
        try await withServer(.echo) { server in
            let client = try await server.connect()
            try await client.send(TestServer.handshake("/plain"))
            let answer = try await client.answer()
            #expect(answer.head.hasPrefix("HTTP/1.1 200 "))
            #expect(answer.body == "plain answer")
            try await client.expectEnd()
        }
    }

    private static let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    private static let wants = "Host: x\r\nConnection: keep-alive, Upgrade\r\n"

    static let notHandshakes: [(what: String, head: String, status: Int)] = [
        ("version 8", "GET /ws HTTP/1.1\r\n\(wants)Upgrade: websocket\r\n\(key)\r\nSec-WebSocket-Version: 8", 401),
        ("no version", "GET /ws HTTP/1.1\r\n\(wants)Upgrade: websocket\r\n\(key)", 401),
        ("no key", "GET /ws HTTP/1.1\r\n\(wants)Upgrade: websocket\r\nSec-WebSocket-Version: 13", 401),
        (
            "short key",
            "GET /ws HTTP/1.1\r\n\(wants)Upgrade: websocket\r\nSec-WebSocket-Key: c2hvcnQ=\r\nSec-WebSocket-Version: 13",
            401
        ),
        ("h2c", "GET /plain HTTP/1.1\r\n\(wants)Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__", 200),
        ("POST", "POST /ws HTTP/1.1\r\n\(wants)Upgrade: websocket\r\n\(key)\r\nSec-WebSocket-Version: 13", 404),
        ("HTTP/1.0", "GET /ws HTTP/1.0\r\n\(wants)Upgrade: websocket\r\n\(key)\r\nSec-WebSocket-Version: 13", 401),
        (
            "a body",
            "GET /ws HTTP/1.1\r\n\(wants)Upgrade: websocket\r\n\(key)\r\nSec-WebSocket-Version: 13\r\nContent-Length: 2",
            401
        ),
    ]

    @Test(arguments: notHandshakes.indices) func invalidHandshakeIsPlainHTTP(_ index: Int) async throws {
        let one = Self.notHandshakes[index]
        try await withServer(.echo) { server in
            let client = try await server.connect()
            try await client.send(one.head + "\r\n\r\n" + (one.what == "a body" ? "ab" : ""))
            #expect(try await client.answer().head.hasPrefix("HTTP/1.1 \(one.status) "), "\(one.what)")
            try await client.expectEnd()
        }
    }

    @Test func aSlowHandshakeAndAFrameByteByByte() async throws {
        try await withServer(.echo) { server in
            let client = try await server.connect()
            for byte in TestServer.handshake().utf8 { try await client.send([byte]) }
            #expect(try await client.answer().head.hasPrefix("HTTP/1.1 101 "))
            for byte in RawFrame.text("slow").bytes { try await client.send([byte]) }
            #expect(try await client.frame() == .text("slow"))
        }
    }

    @Test func framesRightAfterTheHandshakeAreKept() async throws {
        try await withServer(.echo) { server in
            let client = try await server.connect()
            try await client.send(Array(TestServer.handshake().utf8) + RawFrame.text("eager").bytes)
            _ = try await client.answer()
            #expect(try await client.frame() == .text("eager"))
        }
    }

    @Test func framesDuringTheDecisionAreKept() async throws {
        let (asked, decide) = (Gate(), Gate())
        let endpoint = TestEndpoint { _ in
            asked.open()
            await decide.passed()
            return TestSession(run: TestEndpoint.echoing)
        }
        try await withServer(endpoint) { server in
            let client = try await server.connect()
            try await client.send(Array(TestServer.handshake().utf8) + RawFrame.text("one").bytes)
            await asked.passed()
            let more = Array(repeating: UInt8(ascii: "x"), count: 300_000)
            try await client.send(RawFrame(opcode: 1, payload: more).bytes + RawFrame.text("three").bytes)
            decide.open()
            _ = try await client.answer()
            let frames = try await client.frames(3)
            #expect(frames.map(\.payload.count) == [3, 300_000, 5])
        }
    }

    @Test func aClientThatLeavesDuringTheDecisionIsForgotten() async throws {
        let (asked, cancelled) = (Gate(), Gate())
        let endpoint = TestEndpoint { _ in
            await withTaskCancellationHandler {
                asked.open()
                await cancelled.passed()
            } onCancel: {
                cancelled.open()
            }
            return TestSession { _ in Issue.record("a session without a client") }
        }
        try await withServer(endpoint) { server in
            let client = try await server.connect()
            try await client.send(TestServer.handshake())
            await asked.passed()
            try await client.leave()
            await cancelled.passed()
        }
    }

    @Test func noHTTPHandlerRemains() async throws {
        let (names, report) = AsyncStream.makeStream(of: String.self)
        let endpoint = TestEndpoint { connection in
            for await _ in connection.messages {
                report.yield((try? await connection.channel.pipeline.debugNames()) ?? "")
            }
        }
        try await withServer(endpoint) { server in
            let client = try await server.open()
            try await client.send(.text("look"))
            for await list in names {
                #expect(!list.contains("HTTP"))
                #expect(!list.contains("Negotiator"))
                #expect(list.contains("WebSocketHandler"))
                break
            }
        }
    }
}

extension ChannelPipeline {
    /// The types of the handlers.
    func debugNames() async throws -> String {
        try await eventLoop.submit { self.debugDescription }.get()
    }
}
