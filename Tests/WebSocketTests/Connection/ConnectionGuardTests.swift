import NIOCore
import Testing

@testable import WebSocket

/// What a connection may cost, in number and in time.
@Suite struct ConnectionGuardTests {
    private static let get = "GET /plain HTTP/1.1\r\nHost: x\r\n\r\n"

    private static func limits(_ change: (inout ConnectionLimits) -> Void) -> ConnectionLimits {
        var limits = ConnectionLimits()
        change(&limits)
        return limits
    }

    @Test func anIdleConnectionIsClosed() async throws {
        try await withServer(.echo, connections: Self.limits { $0.idle = .seconds(2) }) { server in
            // Half a head is no request.
            let (client, half) = (try await server.connect(), try await server.connect())
            try await client.send(Self.get)
            try await half.send(Self.get + "GET /plain HTTP/1.1\r\nHo")
            #expect(try await client.answer().body == "plain answer")
            #expect(try await half.answer().body == "plain answer")
            try await client.expectEnd()
            try await half.expectEnd()
        }
    }

    @Test(arguments: [
        "Content-Length: 10\r\n\r\nab", "Content-Length: 10\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
    ])
    func aBodyThatDoesNotComeIsNotWaitedFor(rest: String) async throws {
        try await withServer(.echo, connections: Self.limits { $0.body = .milliseconds(50) }) { server in
            let client = try await server.connect()
            try await client.send("POST /collect HTTP/1.1\r\nHost: x\r\n" + rest)
            let answer = try await client.answer()
            #expect(answer.head.hasPrefix("HTTP/1.1 408 ") && answer.head.lowercased().contains("connection: close"))
            #expect(answer.body.contains("did not arrive in time"))
            try await client.expectEnd()
            // Others are served meanwhile and afterwards.
            let other = try await server.connect()
            try await other.send(Self.get)
            #expect(try await other.answer().body == "plain answer")
        }
    }

    @Test func aBodyEarnsItsTime() async throws {
        let limits = Self.limits {
            $0.body = .milliseconds(1)
            $0.bodyBytesPerSecond = 1
        }
        try await withServer(.echo, connections: limits) { server in
            let client = try await server.connect()
            let body = String(repeating: "a", count: 90)
            // All at once: the first bytes earn the rest more than enough time.
            try await client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n" + body)
            try await client.send(String(repeating: "a", count: 10))
            #expect(try await client.answer().head.hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test func aPeerThatDoesNotReadIsCut() async throws {
        try await withServer(.echo, connections: Self.limits { $0.write = .milliseconds(100) }) { server in
            let client = try await server.connect(reads: false, receiveBuffer: 4096)
            try await client.send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
            // The server ends it although nothing was read: what comes is finite.
            await server.cut.passed()
        }
    }

    @Test func aRefusedRequestsBodyIsNotReadToItsEnd() async throws {
        try await withServer(.echo) { server in
            let client = try await server.connect()
            try await client.send("POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nab")
            let answer = try await client.answer()
            #expect(answer.head.hasPrefix("HTTP/1.1 401 ") && answer.head.lowercased().contains("connection: close"))
            try await client.expectEnd()
        }
    }

    @Test(arguments: ["Host: x\r\nHost: x\r\n", "Host: x\r\nHost: y\r\n", ""])
    func aRequestNamesExactlyOneHost(hosts: String) async throws {
        try await withServer(.echo) { server in
            let client = try await server.connect()
            try await client.send("GET /plain HTTP/1.1\r\n\(hosts)\r\n")
            let answer = try await client.answer()
            #expect(answer.head.hasPrefix("HTTP/1.1 400 ") && answer.body.contains("exactly one Host"))
            try await client.expectEnd()
        }
    }

    @Test(arguments: ["zz\r\nab\r\n", "2\r\nabc\r\n", "-1\r\n", "2;\u{1}\u{0}\r\nab"])
    func aMalformedChunkIsABadRequest(body: String) async throws {
        try await withServer(.echo) { server in
            let client = try await server.connect()
            try await client.send("POST /collect HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
            #expect(try await client.answer().head.hasPrefix("HTTP/1.1 400 "))
            try await client.expectEnd()
        }
    }

    @Test func refusesConnectionsBeyondTheLimit() async throws {
        try await withServer(.echo, connections: Self.limits { $0.connections = 2 }) { server in
            let first = try await server.connect()
            let second = try await server.connect()
            for client in [first, second] {
                try await client.send(Self.get)
                #expect(try await client.answer().body == "plain answer")
            }
            let third = try await server.connect()
            try await third.send(Self.get)
            let answer = try await third.answer()
            #expect(answer.head.hasPrefix("HTTP/1.1 503 ") && answer.body.contains("as many connections"))
            try await third.expectEnd()
            // A slot that is released can be used again, once the server has noticed. Until then, it may close a
            // connection without an answer, because it answers only some refusals at a time.
            try await first.leave()
            func isAnswered() async -> Bool {
                guard let client = try? await server.connect(), (try? await client.send(Self.get)) != nil else {
                    return false
                }
                return (try? await client.answer())?.head.hasPrefix("HTTP/1.1 200 ") ?? false
            }
            var isServed = false
            let deadline = ContinuousClock.now + .seconds(10)
            while !isServed, ContinuousClock.now < deadline { isServed = await isAnswered() }
            #expect(isServed)
            try await second.send(Self.get)
            #expect(try await second.answer().body == "plain answer")
        }
    }
}
