import NIOCore
import NIOWebSocket
import Testing

@testable import WebSocket

/// A graceful shutdown ends promptly, whatever is open.
@Suite(.timeLimit(.minutes(5))) struct ShutdownTests {
    @Test func anOpenWebSocketIsTold() async throws {
        let server = try await TestServer.start(TestEndpoint.echo)
        let client = try await server.open()
        async let stopped: Void = server.stop()
        #expect(try await client.frame().closeCode == 1001)
        try await client.send(.close(1001))
        try await client.expectEnd()
        try await client.leave()
        try await stopped
    }

    @Test func aWebSocketThatWasHTTPBeforeIsTold() async throws {
        let server = try await TestServer.start(TestEndpoint.echo)
        let client = try await server.connect()
        try await client.send("GET /plain HTTP/1.1\r\nHost: x\r\n\r\n")
        _ = try await client.answer()
        try await client.send(TestServer.handshake())
        #expect(try await client.answer().head.hasPrefix("HTTP/1.1 101 "))
        async let stopped: Void = server.stop()
        #expect(try await client.frame().closeCode == 1001)
        try await client.send(.close(1001))
        try await client.expectEnd()
        try await client.leave()
        try await stopped
    }

    @Test func aWebSocketThatDoesNotAnswerIsCut() async throws {
        var limits = WebSocketLimits()
        limits.closeWithin = .milliseconds(100)
        let server = try await TestServer.start(TestEndpoint.echo, limits: limits)
        let client = try await server.open()
        try await server.stop()
        #expect(try await client.frame().closeCode == 1001)
        try await client.expectEnd()
    }

    @Test func sessionMayCustomizeClose() async throws {
        let server = try await TestServer.start(TestEndpoint { _ in PoliteSession() })
        let client = try await server.open()
        async let stopped: Void = server.stop()
        #expect(try await client.frame() == .text("bye"))
        #expect(try await client.frame().closeCode == 1012)
        try await client.leave()
        try await stopped
    }

    @Test func anIdleConnectionWithoutARequestIsClosed() async throws {
        let server = try await TestServer.start(TestEndpoint.echo)
        let client = try await server.connect()
        // The server has seen this connection once it has answered on a later one.
        _ = try await server.open().leave()
        try await server.stop()
        try await client.expectEnd()
    }

    @Test func anIdleHTTPConnectionIsClosed() async throws {
        let server = try await TestServer.start(TestEndpoint.echo)
        let client = try await server.connect()
        try await client.send("GET /plain HTTP/1.1\r\nHost: x\r\n\r\n")
        _ = try await client.answer()
        try await server.stop()
        try await client.expectEnd()
    }

    @Test func aClientAdmittedDuringTheShutdownIsTold() async throws {
        let (asked, decide) = (Gate(), Gate())
        let server = try await TestServer.start(
            TestEndpoint { _ in
                asked.open()
                await decide.passed()
                return TestSession(run: TestEndpoint.echoing)
            })
        let client = try await server.connect()
        try await client.send(TestServer.handshake())
        await asked.passed()
        // The connection that has requested nothing is closed by the same event that ours gets.
        let idle = try await server.connect()
        _ = try await idle.channel.eventLoop.submit {}.get()
        async let stopped: Void = server.stop()
        try await idle.expectEnd()
        decide.open()
        #expect(try await client.answer().head.hasPrefix("HTTP/1.1 101 "))
        #expect(try await client.frame().closeCode == 1001)
        try await client.leave()
        try await stopped
    }
}

private struct PoliteSession: WebSocketSession {
    func run(_ connection: WebSocketConnection) async { for await _ in connection.messages {} }

    func serverIsGoing(_ connection: WebSocketConnection) {
        connection.send([ByteBuffer(string: "bye")])
        connection.close(.unknown(1012), reason: "restart")
    }
}
