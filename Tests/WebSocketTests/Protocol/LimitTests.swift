import NIOCore
import NIOWebSocket
import Synchronization
import Testing

@testable import WebSocket

/// Each limit, at its edge.
@Suite(.timeLimit(.minutes(5))) struct LimitTests {
    private static func limits(_ change: (inout WebSocketLimits) -> Void) -> WebSocketLimits {
        var limits = WebSocketLimits()
        change(&limits)
        return limits
    }

    @Test func messageBytes() async throws {
        try await withServer(.echo, limits: Self.limits { $0.messageBytes = 1000 }) { server in
            let whole = try await server.open()
            try await whole.send(.binary(AutobahnCase.stars(1000)))
            #expect(try await whole.frame().payload.count == 1000)
            // The head alone is enough: nothing of the payload is sent.
            try await whole.send(RawFrame(opcode: 2, claimedLength: 1001))
            #expect(try await whole.frame().closeCode == 1009)
            try await whole.expectEnd()

            let cut = try await server.open()
            let half = AutobahnCase.stars(500)
            try await cut.send(.binary(half, isFinal: false), .continuation(half, isFinal: true))
            #expect(try await cut.frame().payload.count == 1000)
            try await cut.send(.binary(half, isFinal: false))
            try await cut.send(RawFrame(opcode: 0, isFinal: false, claimedLength: 501))
            #expect(try await cut.frame().closeCode == 1009)
            try await cut.expectEnd()

            let huge = try await server.open()
            try await huge.send(RawFrame(opcode: 2, claimedLength: UInt64(Int64.max)))
            #expect(try await huge.frame().closeCode == 1009)
            try await huge.expectEnd()
        }
    }

    @Test func fragments() async throws {
        try await withServer(.echo, limits: Self.limits { $0.fragments = 3 }) { server in
            let client = try await server.open()
            let more = RawFrame.continuation("-", isFinal: false)
            try await client.send(.text("a", isFinal: false), more, .continuation("b", isFinal: true))
            #expect(try await client.frame() == .text("a-b"))
            try await client.send(.text("a", isFinal: false), more, more, more)
            #expect(try await client.frame().closeCode == 1009)
            try await client.expectEnd()
        }
    }

    @Test func anythingFromThePeerIsASignOfLife() async throws {
        let limits = Self.limits { $0.pingAfter = .milliseconds(30) }
        try await withServer(.echo, limits: limits) { server in
            let client = try await server.open()
            // The next ping only comes where there was a sign of life after the last one.
            for _ in 0..<3 {
                #expect(try await client.frame() == ServerFrame(opcode: 9, payload: []))
                try await client.send(.pong())
            }
            #expect(try await client.frame().opcode == 9)
            let text = RawFrame.text("x").bytes
            try await client.send(text.dropLast() + [])
            #expect(try await client.frame().opcode == 9)
            try await client.send([text[6]])
            var frame = try await client.frame()
            while frame.opcode == 9 { frame = try await client.frame() }
            #expect(frame == .text("x"))
        }
    }

    @Test func aPeerThatAnswersNoPingIsCut() async throws {
        let limits = Self.limits { ($0.pingAfter, $0.pongWithin) = (.milliseconds(30), .milliseconds(30)) }
        try await withServer(.echo, limits: limits) { server in
            let client = try await server.open()
            #expect(try await client.frame().opcode == 9)
            try await client.expectEnd()
        }
    }

    @Test func aPeerThatDoesNotAnswerOurCloseIsCut() async throws {
        let endpoint = TestEndpoint { connection in
            connection.send([ByteBuffer(string: "last words")])
            connection.close(.policyViolation, reason: String(repeating: "é", count: 100))
            connection.send([ByteBuffer(string: "too late")])
        }
        try await withServer(endpoint, limits: Self.limits { $0.closeWithin = .seconds(2) }) { server in
            let client = try await server.open()
            #expect(try await client.frame() == .text("last words"))
            let close = try await client.frame()
            #expect(close.closeCode == 1008)
            #expect(String(decoding: close.payload.dropFirst(2), as: UTF8.self) == String(repeating: "é", count: 61))
            // Neither a ping nor data is answered any more.
            try await client.send(.ping(), .text("hello?"))
            try await client.expectEnd()
        }
    }

    @Test func aSessionThatTakesNothingStopsTheSender() async throws {
        let (gate, done) = (Gate(), Gate())
        let taken = Mutex(0)
        let endpoint = TestEndpoint { connection in
            await gate.passed()
            for await _ in connection.messages { taken.withLock { $0 += 1 } }
            done.open()
        }
        try await withServer(endpoint, limits: Self.limits { $0.queuedMessages = 4 }) { server in
            let client = try await server.open()
            let frame = ByteBuffer(bytes: RawFrame(opcode: 2, payload: AutobahnCase.stars(512 << 10)).bytes)
            for _ in 0..<80 { client.channel.write(frame, promise: nil) }
            client.channel.flush()
            // 40 MiB were written. The kernel and the queue take some; then nothing moves.
            var (left, before) = (0, -1)
            while left != before {
                before = left
                try await Task.sleep(for: .milliseconds(120))
                left = try await client.channel.getOption(.bufferedWritableBytes).get()
            }
            #expect(left > 10 << 20)
            gate.open()
            try await client.send(.close())
            await done.passed()
            #expect(taken.withLock { $0 } == 80)
        }
    }

    @Test func manySmallMessagesInOneReadAreHeldBackToo() async throws {
        let gate = Gate()
        let endpoint = TestEndpoint { connection in
            await gate.passed()
            await TestEndpoint.echoing(connection)
        }
        try await withServer(endpoint, limits: Self.limits { $0.queuedMessages = 1 }) { server in
            let client = try await server.open()
            let texts = (0..<300).map(String.init)
            try await client.send(texts.flatMap { RawFrame.text($0).bytes } + RawFrame.close().bytes)
            try await client.endOutput()
            gate.open()
            #expect(try await client.frames(300) == texts.map(ServerFrame.text))
            #expect(try await client.frame().closeCode == 1000)
            try await client.expectEnd()
        }
    }

    @Test func writabilityFollowsThePeersReading() async throws {
        let (full, writable) = (Gate(), Gate())
        let endpoint = TestEndpoint { connection in
            connection.onWritable { writable.open() }
            let piece = ByteBuffer(repeating: UInt8(ascii: "x"), count: 64 << 10)
            while connection.isWritable {
                connection.send([piece])
                try? await connection.eventLoop.submit {}.get()
            }
            full.open()
            await writable.passed()
            #expect(connection.isWritable)
            connection.send([ByteBuffer(string: "end")])
            for await _ in connection.messages {}
        }
        try await withServer(endpoint) { server in
            let client = try await server.connect(reads: false, receiveBuffer: 32 << 10)
            try await client.send(TestServer.handshake())
            await full.passed()
            try await client.startReading()
            await writable.passed()
            _ = try await client.answer()
            while try await client.frame() != .text("end") {}
            try await client.leave()
        }
    }

    @Test func aPeerThatReadsNothingIsCut() async throws {
        let (full, ended) = (Gate(), Gate())
        let endpoint = TestEndpoint { connection in
            let piece = ByteBuffer(repeating: UInt8(ascii: "x"), count: 1 << 20)
            for _ in 0..<50 { connection.send([piece]) }
            try? await connection.eventLoop.submit {}.get()
            #expect(!connection.isWritable)
            full.open()
            for await _ in connection.messages {}
            #expect(connection.isClosed)
            ended.open()
        }
        let limits = Self.limits { ($0.pingAfter, $0.pongWithin) = (.milliseconds(60), .milliseconds(60)) }
        try await withServer(endpoint, limits: limits) { server in
            let client = try await server.connect(reads: false)
            try await client.send(TestServer.handshake())
            await full.passed()
            await ended.passed()
            try await client.leave()
        }
    }

    @Test func pingFloodDoesNotAccumulatePongs() async throws {
        let connected = Mutex<WebSocketConnection?>(nil)
        let endpoint = TestEndpoint { connection in
            connected.withLock { $0 = connection }
            for await _ in connection.messages {}
        }
        try await withServer(endpoint) { server in
            let client = try await server.connect(reads: false, receiveBuffer: 4 << 10)
            try await client.send(TestServer.handshake())
            let pings = Array(repeatElement(RawFrame.ping(AutobahnCase.stars(125)).bytes, count: 8000).joined())
            for _ in 0..<4 { try await client.send(pings) }
            let connection = try #require(connected.withLock { $0 })
            let waiting = try await connection.channel.getOption(.bufferedWritableBytes).get()
            #expect(waiting < 160 << 10)
            try await client.leave()
        }
    }
}
