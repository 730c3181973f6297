import NIOCore
import NIOPosix
import NIOSSL

@testable import WebSocket

/// A client of which every byte is the test's.
final class RawClient: Sendable {
    enum Failure: Error { case ended(String), timedOut(String) }

    let channel: any Channel
    private let inbox: NIOLoopBound<Inbox>

    /// - Parameters:
    ///   - reads: false for a client that reads nothing until told to.
    ///   - receiveBuffer: bytes of the kernel's buffer, where it matters.
    static func connect(
        _ port: Int, reads: Bool = true, receiveBuffer: Int? = nil, tls: NIOSSLContext? = nil
    ) async throws -> RawClient {
        var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: reads)
            // Over TLS the other side waits for us to end, too.
            .channelOption(.allowRemoteHalfClosure, value: tls == nil)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
        if let receiveBuffer { bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: receiveBuffer) }
        return try await bootstrap.connect(host: "127.0.0.1", port: port) { channel in
            channel.eventLoop.makeCompletedFuture {
                if let tls {
                    let handler = try NIOSSLClientHandler(context: tls, serverHostname: nil)
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
                let inbox = Inbox()
                try channel.pipeline.syncOperations.addHandler(inbox)
                return RawClient(channel, inbox)
            }
        }
    }

    private init(_ channel: any Channel, _ inbox: Inbox) {
        self.channel = channel
        self.inbox = NIOLoopBound(inbox, eventLoop: channel.eventLoop)
    }

    deinit { channel.close(promise: nil) }

    // MARK: - Sending

    func send(_ bytes: [UInt8]) async throws {
        try await channel.writeAndFlush(ByteBuffer(bytes: bytes))
    }

    func send(_ text: String) async throws { try await send(Array(text.utf8)) }

    func send(_ frames: RawFrame...) async throws { try await send(frames.flatMap(\.bytes)) }

    /// Ends its sending side only.
    func endOutput() async throws { try await channel.close(mode: .output) }

    /// Leaves without a word.
    func leave() async throws { try await channel.close() }

    func startReading() async throws {
        try await channel.setOption(.autoRead, value: true).get()
        channel.read()
    }

    // MARK: - Receiving

    /// Waits until `parse` finds in what has come what it looks for.
    func take<Found: Sendable>(
        _ what: String, within time: TimeAmount = .seconds(8),
        _ parse: @escaping @Sendable (inout ByteBuffer) -> Found?
    ) async throws -> Found {
        let promise = channel.eventLoop.makePromise(of: Found.self)
        let timeout = channel.eventLoop.scheduleTask(in: time) { promise.fail(Failure.timedOut(what)) }
        defer { timeout.cancel() }
        let inbox = inbox
        channel.eventLoop.execute {
            inbox.value.wait { bytes, hasEnded in
                if let found = parse(&bytes) {
                    promise.succeed(found)
                } else if hasEnded {
                    promise.fail(Failure.ended(what + ", had \(String(buffer: bytes).prefix(200).debugDescription)"))
                } else {
                    return false
                }
                return true
            }
        }
        return try await promise.futureResult.get()
    }

    func frame() async throws -> ServerFrame {
        try await take("a frame") { ServerFrame.read(from: &$0) }
    }

    func frames(_ count: Int) async throws -> [ServerFrame] {
        var frames: [ServerFrame] = []
        for _ in 0..<count { try await frames.append(frame()) }
        return frames
    }

    /// The head of an HTTP answer, with its body where it announces a length.
    func answer() async throws -> (head: String, body: String) {
        let answer = try await take("an answer") { (bytes: inout ByteBuffer) -> [String]? in
            let text = String(buffer: bytes)
            guard let end = text.firstRange(of: "\r\n\r\n") else { return nil }
            let head = String(text[..<end.lowerBound])
            let field = head.lowercased().firstRange(of: "content-length: ")
            let length = field.flatMap { Int(head.lowercased()[$0.upperBound...].prefix { $0.isNumber }) } ?? 0
            let size = text[..<end.upperBound].utf8.count
            guard bytes.readableBytes >= size + length else { return nil }
            bytes.moveReaderIndex(forwardBy: size)
            return [head, bytes.readString(length: length) ?? ""]
        }
        return (answer[0], answer[1])
    }

    /// Waits until the server has ended its side, and expects nothing before that.
    func expectEnd() async throws {
        let inbox = inbox
        let promise = channel.eventLoop.makePromise(of: Void.self)
        let timeout = channel.eventLoop.scheduleTask(in: .seconds(8)) { promise.fail(Failure.timedOut("the end")) }
        defer { timeout.cancel() }
        channel.eventLoop.execute {
            inbox.value.wait { bytes, hasEnded in
                if bytes.readableBytes > 0 {
                    promise.fail(Failure.ended("unexpected: \(Array(bytes.readableBytesView.prefix(80)))"))
                } else if hasEnded {
                    promise.succeed(())
                } else {
                    return false
                }
                return true
            }
        }
        try await promise.futureResult.get()
    }
}

/// Keeps what has come until somebody takes it.
private final class Inbox: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var bytes = ByteBuffer()
    private var hasEnded = false
    private var waiter: ((inout ByteBuffer, Bool) -> Bool)?

    func wait(_ waiter: @escaping (inout ByteBuffer, Bool) -> Bool) {
        self.waiter = waiter
        look()
    }

    private func look() {
        guard let waiter else { return }
        if waiter(&bytes, hasEnded) { self.waiter = nil }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var new = unwrapInboundIn(data)
        bytes.writeBuffer(&new)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        look()
        bytes.discardReadBytes()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { end() }
    }

    func channelInactive(context: ChannelHandlerContext) { end() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { end() }

    private func end() {
        hasEnded = true
        look()
    }
}

/// A frame as its bytes, for good and bad ones alike.
struct RawFrame {
    var opcode: UInt8
    var payload: [UInt8] = []
    var isFinal = true
    var reserved: UInt8 = 0
    /// A client masks; `nil` leaves the mask away.
    var mask: [UInt8]? = [0x12, 0xA7, 0x5C, 0xF0]
    /// Bytes for the length, where not the shortest possible.
    var lengthBytes: Int?
    /// The length that is claimed, where not the true one.
    var claimedLength: UInt64?

    static func text(_ text: String, isFinal: Bool = true) -> RawFrame {
        RawFrame(opcode: 1, payload: Array(text.utf8), isFinal: isFinal)
    }

    static func binary(_ payload: [UInt8], isFinal: Bool = true) -> RawFrame {
        RawFrame(opcode: 2, payload: payload, isFinal: isFinal)
    }

    static func continuation(_ payload: [UInt8], isFinal: Bool) -> RawFrame {
        RawFrame(opcode: 0, payload: payload, isFinal: isFinal)
    }

    static func continuation(_ text: String, isFinal: Bool) -> RawFrame {
        continuation(Array(text.utf8), isFinal: isFinal)
    }

    static func ping(_ payload: [UInt8] = []) -> RawFrame { RawFrame(opcode: 9, payload: payload) }

    static func pong(_ payload: [UInt8] = []) -> RawFrame { RawFrame(opcode: 10, payload: payload) }

    static func close(_ code: UInt16? = 1000, _ reason: [UInt8] = []) -> RawFrame {
        RawFrame(opcode: 8, payload: (code.map { [UInt8($0 >> 8), UInt8($0 & 0xFF)] } ?? []) + reason)
    }

    var bytes: [UInt8] {
        let length = claimedLength ?? UInt64(payload.count)
        let size = lengthBytes ?? (length < 126 ? 0 : length <= 0xFFFF ? 2 : 8)
        let short = size == 0 ? UInt8(length) : size == 2 ? 126 : 127
        var bytes = [(isFinal ? 0x80 : 0) | reserved << 4 | opcode, (mask == nil ? 0 : 0x80) | short]
        for shift in (0..<size).reversed() { bytes.append(UInt8(truncatingIfNeeded: length >> (UInt64(shift) * 8))) }
        guard let mask else { return bytes + payload }
        return bytes + mask + payload.enumerated().map { $1 ^ mask[$0 % 4] }
    }

    /// The same bytes in pieces of `size`.
    func chopped(_ size: Int) -> [[UInt8]] { bytes.chopped(size) }
}

extension [UInt8] {
    func chopped(_ size: Int) -> [[UInt8]] {
        stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
    }
}

/// A frame of the server, as it was received.
struct ServerFrame: Equatable {
    var opcode: UInt8
    var payload: [UInt8]

    static func text(_ text: String) -> ServerFrame { ServerFrame(opcode: 1, payload: Array(text.utf8)) }
    static func binary(_ payload: [UInt8]) -> ServerFrame { ServerFrame(opcode: 2, payload: payload) }
    static func pong(_ payload: [UInt8] = []) -> ServerFrame { ServerFrame(opcode: 10, payload: payload) }

    /// The status code of a Close frame; `nil` for others, and for an empty one.
    var closeCode: UInt16? {
        opcode == 8 && payload.count >= 2 ? UInt16(payload[0]) << 8 | UInt16(payload[1]) : nil
    }

    /// Takes one off `bytes`: it must be final, without reserved bits, not masked, and its length in the shortest form.
    static func read(from bytes: inout ByteBuffer) -> ServerFrame? {
        var copy = bytes
        guard let first: UInt8 = copy.readInteger(), let second: UInt8 = copy.readInteger() else { return nil }
        precondition(first & 0xF0 == 0x80 && second & 0x80 == 0, "malformed frame of the server")
        var length = Int(second)
        if second == 126 {
            guard let long: UInt16 = copy.readInteger() else { return nil }
            precondition(long > 125)
            length = Int(long)
        } else if second == 127 {
            guard let long: UInt64 = copy.readInteger() else { return nil }
            precondition(long > 0xFFFF)
            length = Int(long)
        }
        guard let payload = copy.readBytes(length: length) else { return nil }
        bytes = copy
        return ServerFrame(opcode: first & 0x0F, payload: payload)
    }
}
