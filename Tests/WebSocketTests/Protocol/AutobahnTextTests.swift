import Testing

/// Section 6 of the Autobahn test suite: UTF-8, valid and not, whole and in pieces.
@Suite struct AutobahnTextTests {
    private static let server = Task { try await TestServer.start(TestEndpoint.echo) }

    private static let kosme: [UInt8] = [0xCE, 0xBA, 0xE1, 0xBD, 0xB9, 0xCF, 0x83, 0xCE, 0xBC, 0xCE, 0xB5]
    private static let mixed = Array("Hello-µ@ßöäüàá-UTF-8!!".utf8)
    private static let broken: [UInt8] = kosme + [0xED, 0xA0, 0x80] + Array("edited".utf8)

    private static func text(_ id: String, _ bytes: [UInt8], isValid: Bool) -> AutobahnCase {
        AutobahnCase(
            id, [RawFrame(opcode: 1, payload: bytes)], isValid ? [ServerFrame(opcode: 1, payload: bytes)] : [],
            isValid ? .clean : .closed(1007))
    }

    private static func texts(_ section: Int, isValid: Bool, _ list: [[UInt8]]) -> [AutobahnCase] {
        list.enumerated().map { text("6.\(section).\($0 + 1)", $1, isValid: isValid) }
    }

    static let fragmented: [AutobahnCase] = [
        AutobahnCase("6.1.1", [.text("")], [.text("")]),
        AutobahnCase(
            "6.1.2", [.text("", isFinal: false), .continuation("", isFinal: false), .continuation("", isFinal: true)],
            [.text("")]),
        AutobahnCase(
            "6.1.3",
            [
                .text("", isFinal: false), .continuation("middle frame", isFinal: false),
                .continuation("", isFinal: true),
            ],
            [.text("middle frame")]),
        text("6.2.1", mixed, isValid: true),
        AutobahnCase(
            "6.2.2", [.text("Hello-µ@ßöä", isFinal: false), .continuation("üàá-UTF-8!!", isFinal: true)],
            [.text("Hello-µ@ßöäüàá-UTF-8!!")]),
        AutobahnCase("6.2.3", AutobahnCase.fragments(1, mixed, of: 1), [ServerFrame(opcode: 1, payload: mixed)]),
        AutobahnCase("6.2.4", AutobahnCase.fragments(1, kosme, of: 1), [ServerFrame(opcode: 1, payload: kosme)]),
        text("6.3.1", broken, isValid: false),
        AutobahnCase("6.3.2", AutobahnCase.fragments(1, broken, of: 1), [], .closed(1007)),
    ]

    /// Fails before the message is complete: the rest of it is never sent.
    static let failFast: [AutobahnCase] = {
        let whole = RawFrame(opcode: 1, payload: kosme + [0xF4, 0x90, 0x80, 0x80] + Array("edited".utf8))
        var cutAfterBad = AutobahnCase("6.4.3", [whole], [], .closed(1007))
        // The frame's head has 6 bytes.
        cutAfterBad.writes = [Array(whole.bytes[..<17]), Array(whole.bytes[17..<21])]
        var cutWithinBad = AutobahnCase("6.4.4", [whole], [], .closed(1007))
        cutWithinBad.writes = [Array(whole.bytes[..<18]), [whole.bytes[18]]]
        let start = RawFrame(opcode: 1, payload: kosme, isFinal: false)
        return [
            AutobahnCase(
                "6.4.1", [start, .continuation([0xF4, 0x90, 0x80, 0x80], isFinal: false)], [], .closed(1007),
                cut: .frames),
            AutobahnCase(
                "6.4.2", [start, .continuation([0xF4], isFinal: false), .continuation([0x90], isFinal: false)], [],
                .closed(1007), cut: .frames),
            cutAfterBad, cutWithinBad,
        ]
    }()

    private static let boundaries: Set<Int> = [2, 5, 7, 9, 11]
    private static let lonelyStarts: [ClosedRange<UInt8>] = [
        0xC0...0xDF, 0xE0...0xEF, 0xF0...0xF7, 0xF8...0xFB, 0xFC...0xFD,
    ]
    private static let cutShort: [[UInt8]] = [
        [0xC0], [0xE0, 0x80], [0xF0, 0x80, 0x80], [0xF8, 0x80, 0x80, 0x80], [0xFC, 0x80, 0x80, 0x80, 0x80], [0xDF],
        [0xEF, 0xBF], [0xF7, 0xBF, 0xBF], [0xFB, 0xBF, 0xBF, 0xBF], [0xFD, 0xBF, 0xBF, 0xBF, 0xBF],
    ]
    private static let surrogates: [[UInt8]] = [
        [0xED, 0xA0, 0x80], [0xED, 0xAD, 0xBF], [0xED, 0xAE, 0x80], [0xED, 0xAF, 0xBF], [0xED, 0xB0, 0x80],
        [0xED, 0xBE, 0x80], [0xED, 0xBF, 0xBF],
    ]
    private static let surrogatePairs: [[UInt8]] = surrogates[0...3].flatMap { high in
        [high + [0xED, 0xB0, 0x80], high + [0xED, 0xBF, 0xBF]]
    }
    private static let nonCharacters: [[UInt8]] = (0...16).flatMap { plane in
        [0xFFFE, 0xFFFF].compactMap { Unicode.Scalar(UInt32(plane << 16 | $0)).map { Array(String($0).utf8) } }
    }

    static let sequences: [AutobahnCase] =
        (1...kosme.count).map { text("6.6.\($0)", Array(kosme[..<$0]), isValid: boundaries.contains($0)) }
        + texts(5, isValid: true, [2, 5, 7, 9, 11].map { Array(kosme[..<$0]) })
        + texts(7, isValid: true, [[0], [0xC2, 0x80], [0xE0, 0xA0, 0x80], [0xF0, 0x90, 0x80, 0x80]])
        + texts(8, isValid: false, [[0xF8, 0x88, 0x80, 0x80, 0x80], [0xFC, 0x84, 0x80, 0x80, 0x80, 0x80]])
        + texts(9, isValid: true, [[0x7F], [0xDF, 0xBF], [0xEF, 0xBF, 0xBF], [0xF4, 0x8F, 0xBF, 0xBF]])
        + texts(
            10, isValid: false,
            [[0xF7, 0xBF, 0xBF, 0xBF], [0xFB, 0xBF, 0xBF, 0xBF, 0xBF], [0xFD, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF]])
        + texts(
            11, isValid: true,
            [[0xED, 0x9F, 0xBF], [0xEE, 0x80, 0x80], [0xEF, 0xBF, 0xBD], [0xF4, 0x8F, 0xBF, 0xBF]])
        + [text("6.11.5", [0xF4, 0x90, 0x80, 0x80], isValid: false)]
        + texts(
            12, isValid: false,
            [[0x80], [0xBF]] + (2...6).map { count in (0..<count).map { $0 % 2 == 0 ? 0x80 : 0xBF } }
                + [Array(0x80...0xBF)])
        + texts(13, isValid: false, lonelyStarts.map { range in range.flatMap { [$0, 0x20] } })
        + texts(14, isValid: false, cutShort)
        + texts(15, isValid: false, [cutShort.flatMap { $0 }])
        + texts(16, isValid: false, [[0xFE], [0xFF], [0xFE, 0xFE, 0xFF, 0xFF]])
        + texts(
            17, isValid: false,
            [
                [0xC0, 0xAF], [0xE0, 0x80, 0xAF], [0xF0, 0x80, 0x80, 0xAF], [0xF8, 0x80, 0x80, 0x80, 0xAF],
                [0xFC, 0x80, 0x80, 0x80, 0x80, 0xAF],
            ])
        + texts(
            18, isValid: false,
            [
                [0xC1, 0xBF], [0xE0, 0x9F, 0xBF], [0xF0, 0x8F, 0xBF, 0xBF], [0xF8, 0x87, 0xBF, 0xBF, 0xBF],
                [0xFC, 0x83, 0xBF, 0xBF, 0xBF, 0xBF],
            ])
        + texts(
            19, isValid: false,
            [
                [0xC0, 0x80], [0xE0, 0x80, 0x80], [0xF0, 0x80, 0x80, 0x80], [0xF8, 0x80, 0x80, 0x80, 0x80],
                [0xFC, 0x80, 0x80, 0x80, 0x80, 0x80],
            ])
        + texts(20, isValid: false, surrogates)
        + texts(21, isValid: false, surrogatePairs)
        + texts(22, isValid: true, nonCharacters)
        + texts(23, isValid: true, (0xB9...0xBF).map { [0xEF, 0xBF, $0] })

    @Test(arguments: fragmented) func fragmentedText(_ one: AutobahnCase) async throws {
        try await one.run(on: Self.server.value)
    }

    @Test(arguments: failFast) func aBadByteEndsTheConnectionAtOnce(_ one: AutobahnCase) async throws {
        try await one.run(on: Self.server.value)
    }

    @Test(arguments: sequences) func section6Sequences(_ one: AutobahnCase) async throws {
        try await one.run(on: Self.server.value)
    }
}
