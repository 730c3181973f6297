import NIOCore
import Testing

/// The cases of the Autobahn test suite (crossbario/autobahn-testsuite, sections 1–5, 7, 9 and 10; 6 has a file of its own)
/// against a server on loopback. Sections 12 and 13 are about compression, which is not offered.
@Suite struct AutobahnTests {
    private static let server = Task { try await TestServer.start(TestEndpoint.echo) }

    private static let payload = Array("Hello, world!".utf8)
    private static let sizes = [0, 125, 126, 127, 128, 65535, 65536]

    static let framing: [AutobahnCase] = [(1, UInt8(1)), (2, UInt8(2))].flatMap { section, opcode in
        func one(_ number: Int, _ size: Int, _ cut: AutobahnCase.Cut) -> AutobahnCase {
            let bytes = AutobahnCase.stars(size)
            return AutobahnCase(
                "1.\(section).\(number)", [RawFrame(opcode: opcode, payload: bytes)],
                [ServerFrame(opcode: opcode, payload: bytes)], cut: cut)
        }
        return sizes.enumerated().map { one($0 + 1, $1, .none) } + [one(8, 65536, .octets(997))]
    }

    static let pings: [AutobahnCase] = [
        AutobahnCase("2.1", [.ping()], [.pong()]),
        AutobahnCase("2.2", [.ping(payload)], [.pong(payload)]),
        AutobahnCase("2.3", [.ping([0, 0xFF, 0xFE, 0xFD, 0])], [.pong([0, 0xFF, 0xFE, 0xFD, 0])]),
        AutobahnCase("2.4", [.ping(AutobahnCase.stars(125))], [.pong(AutobahnCase.stars(125))]),
        AutobahnCase("2.5", [.ping(AutobahnCase.stars(126))], [], .closed(1002)),
        AutobahnCase("2.6", [.ping(AutobahnCase.stars(125))], [.pong(AutobahnCase.stars(125))], cut: .octets(1)),
        AutobahnCase("2.7", [.pong()]),
        AutobahnCase("2.8", [.pong(payload)]),
        AutobahnCase("2.9", [.pong(payload), .ping(payload)], [.pong(payload)]),
        AutobahnCase("2.10", (0..<10).map { .ping([$0]) }, (0..<10).map { .pong([$0]) }),
        AutobahnCase("2.11", (0..<10).map { .ping([$0]) }, (0..<10).map { .pong([$0]) }, cut: .octets(1)),
    ]

    private static func reserved(_ bits: UInt8, opcode: UInt8 = 1) -> RawFrame {
        RawFrame(opcode: opcode, payload: payload, reserved: bits)
    }

    private static let hello = RawFrame.text("Hello, world!")
    private static let helloBack = ServerFrame.text("Hello, world!")

    static let reservedBits: [AutobahnCase] = [
        AutobahnCase("3.1", [reserved(1)], [], .closed(1002)),
        AutobahnCase("3.5", [reserved(5, opcode: 2)], [], .closed(1002)),
        AutobahnCase("3.6", [reserved(6, opcode: 9)], [], .closed(1002)),
        AutobahnCase("3.7", [reserved(7, opcode: 8)], [], .closed(1002)),
    ]

    static let opcodes: [AutobahnCase] = [(1, UInt8(3)), (2, UInt8(11))].flatMap { section, first in
        [
            AutobahnCase("4.\(section).1", [RawFrame(opcode: first)], [], .closed(1002)),
            AutobahnCase("4.\(section).2", [RawFrame(opcode: first + 1, payload: payload)], [], .closed(1002)),
        ]
    }

    /// Cases in which good frames come before the bad one: the echo may still be under way when the connection fails, so
    /// the good ones are answered before the rest is sent.
    static let goodThenBad: [(id: String, bad: RawFrame, cut: Int?)] = [
        ("3.2", reserved(2), nil), ("3.3", reserved(3), nil), ("3.4", reserved(4), 1),
        ("4.1.3", RawFrame(opcode: 5), nil), ("4.1.4", RawFrame(opcode: 6, payload: payload), nil),
        ("4.1.5", RawFrame(opcode: 7, payload: payload), 1),
        ("4.2.3", RawFrame(opcode: 13), nil), ("4.2.4", RawFrame(opcode: 14, payload: payload), nil),
        ("4.2.5", RawFrame(opcode: 15, payload: payload), 1),
        ("5.15", .continuation("not begun", isFinal: false), nil),
    ]

    private static let two: [RawFrame] = [
        .text("fragment1", isFinal: false), .continuation("fragment2", isFinal: true),
    ]
    private static let pinged: [RawFrame] = [two[0], .ping(payload), two[1]]
    private static let both = ServerFrame.text("fragment1fragment2")
    private static let stray = [RawFrame.continuation("stray", isFinal: true), hello]
    private static let strayOpen = [RawFrame.continuation("stray", isFinal: false), hello]
    private static let five: [RawFrame] = [
        .text("fragment1", isFinal: false), .continuation("fragment2", isFinal: false), .ping([1]),
        .continuation("fragment3", isFinal: false), .continuation("fragment4", isFinal: false), .ping([2]),
        .continuation("fragment5", isFinal: true),
    ]
    private static let fiveBack: [ServerFrame] = [
        .pong([1]), .pong([2]), .text("fragment1fragment2fragment3fragment4fragment5"),
    ]

    static let fragmentation: [AutobahnCase] = [
        AutobahnCase("5.1", [RawFrame(opcode: 9, payload: [1], isFinal: false), two[1]], [], .closed(1002)),
        AutobahnCase("5.2", [RawFrame(opcode: 10, payload: [1], isFinal: false), two[1]], [], .closed(1002)),
        AutobahnCase("5.3", two, [both]),
        AutobahnCase("5.4", two, [both], cut: .frames),
        AutobahnCase("5.5", two, [both], cut: .octets(1)),
        AutobahnCase("5.6", pinged, [.pong(payload), both]),
        AutobahnCase("5.7", pinged, [.pong(payload), both], cut: .frames),
        AutobahnCase("5.8", pinged, [.pong(payload), both], cut: .octets(1)),
        AutobahnCase("5.9", stray, [], .closed(1002)),
        AutobahnCase("5.10", stray, [], .closed(1002), cut: .frames),
        AutobahnCase("5.11", stray, [], .closed(1002), cut: .octets(1)),
        AutobahnCase("5.12", strayOpen, [], .closed(1002)),
        AutobahnCase("5.13", strayOpen, [], .closed(1002), cut: .frames),
        AutobahnCase("5.14", strayOpen, [], .closed(1002), cut: .octets(1)),
        AutobahnCase("5.16", strayOpen + strayOpen, [], .closed(1002)),
        AutobahnCase("5.17", stray + stray, [], .closed(1002)),
        AutobahnCase("5.18", [two[0], .text("fragment2")], [], .closed(1002)),
        AutobahnCase("5.19", five, fiveBack, cut: .frames),
        AutobahnCase("5.20", five, fiveBack),
    ]

    private static let quarter = AutobahnCase.stars(256 << 10)

    static let closing: [AutobahnCase] = [
        AutobahnCase("7.1.1", [hello, .close()], [helloBack], .closed(1000)),
        AutobahnCase("7.1.2", [.close(), .close()], [], .closed(1000)),
        AutobahnCase("7.1.3", [.close(), .ping()], [], .closed(1000)),
        AutobahnCase("7.1.4", [.close(), hello], [], .closed(1000)),
        AutobahnCase("7.1.5", [two[0], .close(), two[1]], [], .closed(1000)),
        AutobahnCase(
            "7.1.6", [RawFrame(opcode: 1, payload: quarter), hello, .close(), .ping()],
            [ServerFrame(opcode: 1, payload: quarter), helloBack], .closed(1000)),
        AutobahnCase("7.3.1", [.close(nil)], [], .closed(nil)),
        AutobahnCase("7.3.2", [.close(nil, [3])], [], .closed(1002)),
        AutobahnCase("7.3.3", [.close()], [], .closed(1000)),
        AutobahnCase("7.3.4", [.close(1000, payload)], [], .closed(1000)),
        AutobahnCase("7.3.5", [.close(1000, AutobahnCase.stars(123))], [], .closed(1000)),
        AutobahnCase("7.3.6", [.close(1000, AutobahnCase.stars(124))], [], .closed(1002)),
        AutobahnCase("7.5.1", [.close(1000, [0xCE, 0xBA, 0xED, 0xA0, 0x80])], [], .closed(1007)),
    ]

    private static let goodCodes: [UInt16] = [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999,
    ]
    private static let badCodes: [UInt16] = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999]

    static let closeCodes: [AutobahnCase] =
        goodCodes.enumerated().map { AutobahnCase("7.7.\($0 + 1)", [.close($1)], [], .closed($1)) }
        + badCodes.enumerated().map { AutobahnCase("7.9.\($0 + 1)", [.close($1)], [], .closed(1002)) }
        + [
            AutobahnCase("7.9.x 1015", [.close(1015)], [], .closed(1002)),
            AutobahnCase("7.13.1", [.close(5000)], [], .closed(1002)),
            AutobahnCase("7.13.2", [.close(65535)], [], .closed(1002)),
        ]

    static let large: [AutobahnCase] = [(1, UInt8(1)), (2, UInt8(2))].flatMap { section, opcode in
        func whole(_ number: Int, _ size: Int) -> AutobahnCase {
            let bytes = AutobahnCase.stars(size)
            return AutobahnCase(
                "9.\(section).\(number)", [RawFrame(opcode: opcode, payload: bytes)],
                [ServerFrame(opcode: opcode, payload: bytes)])
        }
        func cut(_ number: Int, _ size: Int, fragment: Int) -> AutobahnCase {
            let bytes = AutobahnCase.stars(size)
            return AutobahnCase(
                "9.\(section + 2).\(number)", AutobahnCase.fragments(opcode, bytes, of: fragment),
                [ServerFrame(opcode: opcode, payload: bytes)], cut: .frames)
        }
        return [whole(1, 64 << 10), whole(2, 256 << 10), whole(3, 1 << 20)]
            + [cut(1, 64 << 10, fragment: 64), cut(2, 256 << 10, fragment: 1024), cut(3, 256 << 10, fragment: 65536)]
            + [
                AutobahnCase(
                    "9.\(section + 4).1", [RawFrame(opcode: opcode, payload: AutobahnCase.stars(64 << 10))],
                    [ServerFrame(opcode: opcode, payload: AutobahnCase.stars(64 << 10))], cut: .octets(64)),
                AutobahnCase(
                    "9.\(section + 6).1",
                    (0..<500).map { _ in RawFrame(opcode: opcode, payload: AutobahnCase.stars(64)) },
                    (0..<500).map { _ in ServerFrame(opcode: opcode, payload: AutobahnCase.stars(64)) }),
            ]
    }

    static let autoFragmentation = [
        AutobahnCase(
            "10.1.1", AutobahnCase.fragments(1, AutobahnCase.stars(65536), of: 1300),
            [ServerFrame(opcode: 1, payload: AutobahnCase.stars(65536))])
    ]

    @Test(arguments: framing) func section1Framing(_ one: AutobahnCase) async throws {
        try await one.run(on: Self.server.value)
    }

    @Test(arguments: pings) func section2Pings(_ one: AutobahnCase) async throws {
        try await one.run(on: Self.server.value)
    }

    @Test(arguments: reservedBits) func section3ReservedBits(_ one: AutobahnCase) async throws {
        try await one.run(on: Self.server.value)
    }

    @Test(arguments: opcodes) func section4Opcodes(_ one: AutobahnCase) async throws {
        try await one.run(on: Self.server.value)
    }

    @Test(arguments: goodThenBad.indices) func aGoodFrameBeforeABadOneIsAnswered(_ index: Int) async throws {
        let one = Self.goodThenBad[index]
        let client = try await Self.server.value.open()
        try await client.send(Self.hello)
        #expect(try await client.frame() == Self.helloBack, "\(one.id)")
        let rest = one.bad.bytes + RawFrame.ping().bytes
        for piece in one.cut.map(rest.chopped) ?? [rest] {
            client.channel.writeAndFlush(ByteBuffer(bytes: piece), promise: nil)
        }
        #expect(try await client.frame().closeCode == 1002, "\(one.id)")
        try await client.expectEnd()
    }

    @Test(arguments: fragmentation) func section5Fragmentation(_ one: AutobahnCase) async throws {
        try await one.run(on: Self.server.value)
    }

    @Test(arguments: closing) func section7Closing(_ one: AutobahnCase) async throws {
        try await one.run(on: Self.server.value)
    }

    @Test(arguments: closeCodes) func section7CloseCodes(_ one: AutobahnCase) async throws {
        try await one.run(on: Self.server.value)
    }

    @Test(arguments: large) func section9Limits(_ one: AutobahnCase) async throws {
        try await one.run(on: Self.server.value)
    }

    @Test(arguments: autoFragmentation) func section10AutoFragmentation(_ one: AutobahnCase) async throws {
        try await one.run(on: Self.server.value)
    }
}
