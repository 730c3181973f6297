import Testing

@testable import Domain
@testable import Tendril

/// Secrets over the ends of lines.
@Suite struct WrappedSecretTests {
    private let masker = Masker(secrets: ["correct horse battery staple"])

    @Test func aFramedDiagnosticKeepsItsLinesAndItsFrame() {
        let text = """
            ╷
            │ Error: local-exec provisioner error
            │\u{20}
            │ Error running command 'login --passphrase 'correct horse
            │ battery staple'': exit status 1. Output:\u{20}
            ╵

            """
        #expect(
            masker.mask(text) == """
                ╷
                │ Error: local-exec provisioner error
                │\u{20}
                │ Error running command 'login --passphrase '(sensitive)
                │ (sensitive)'': exit status 1. Output:\u{20}
                ╵

                """)
    }

    @Test func colorsStay() {
        let text =
            "\u{1b}[31m│\u{1b}[0m \u{1b}[0mcorrect \u{1b}[1mhorse\u{1b}[0m\n\u{1b}[31m│\u{1b}[0m battery staple\u{1b}[0m"
        #expect(
            masker.mask(text)
                == "\u{1b}[31m│\u{1b}[0m \u{1b}[0m(sensitive)\u{1b}[1m\u{1b}[0m\n\u{1b}[31m│\u{1b}[0m (sensitive)\u{1b}[0m"
        )
    }

    @Test(arguments: [
        "correcthorse battery staple", "correct horse battery stapler, no: stable", "cor rect horse battery staple",
    ])
    func otherTextIsLeftAlone(text: String) {
        #expect(masker.mask(text).contains("(sensitive)") == text.contains("staple" + "r"))
    }

    @Test func aLineIsNotHeldBackForOneOrTwoLetters() {
        var captured = Captured()
        captured.append(.stdout, "public\nabc\nco\n")
        var pipeline = LinePipeline(masker: masker)
        guard case .output(let stream, let bytes, _) = captured.events[0] else { return }
        bytes.withUnsafeBufferPointer { pipeline.take($0, of: stream, at: Timestamp(milliseconds: 1)) }
        #expect(pipeline.takeChunks().map(\.text) == ["public\nabc\nco\n"])
    }

    /// A second of quiet shows what was held back; the rest of the secret is hidden all the same.
    @Test func quietDecidesALineThatIsHeldBack() {
        var captured = Captured()
        captured.append(.stdout, "wrong: corr\n", at: 1)
        captured.events.append(.idle(at: 1001))
        captured.append(.stdout, "pass: correct horse\n", at: 2000)
        captured.events.append(.idle(at: 3001))
        captured.append(.stdout, "  battery staple, and more\n", at: 4000)
        #expect(
            captured.chunks(masker: masker).lines == [
                Line(stream: .stdout, text: "wrong: corr", at: 1001),
                Line(stream: .stdout, text: "pass: (sensitive)", at: 3001),
                Line(stream: .stdout, text: "  (sensitive), and more", at: 4000),
            ])
    }

    /// Neither endless blanks nor endless quoting hold anything back for ever.
    @Test(arguments: [" ", "\n", "\\", "\"", "%25", "\u{1b}[1m", "│ "]) func whatIsHeldBackIsBounded(filler: String) {
        let masker = Masker(secrets: ["correct horse battery staple", "\"quoted secret\""])
        var stream = MaskingStream(masker)
        var output: [UInt8] = []
        var taken = 0
        func take(_ text: String) {
            taken += text.utf8.count
            Array(text.utf8).withUnsafeBufferPointer { stream.take($0, into: &output) }
        }
        take("it is correct")
        for _ in 0..<2000 {
            take(filler)
            #expect(taken - output.count <= 4 << 10)
        }
        take(" horse battery staple.")
        stream.finish(into: &output)
        #expect(String(decoding: output, as: UTF8.self).hasPrefix("it is correct" + filler))
    }

    @Test func aPatternLongerThanTheLimitIsHiddenPieceByPiece() {
        let secret = (0..<9000).map { String($0 % 7919, radix: 36) }.joined()
        let masker = Masker(secrets: [secret])
        #expect(masker.mask("<\(secret)>") == "<(sensitive)>")
        var stream = MaskingStream(masker)
        var output: [UInt8] = []
        var taken = 0
        for byte in "<\(secret)>".utf8 {
            [byte].withUnsafeBufferPointer { stream.take($0, into: &output) }
            taken += 1
            // What has been hidden takes no place in the output.
            if !output.contains(UInt8(ascii: ")")) { #expect(taken - output.count <= SecretPatterns.longestSkeleton) }
        }
        stream.finish(into: &output)
        #expect(String(decoding: output, as: UTF8.self) == "<(sensitive)>")
    }
}
