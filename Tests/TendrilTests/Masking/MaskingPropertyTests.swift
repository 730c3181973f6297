import Domain
import Testing

@testable import Tendril

/// Over generated secrets and engine-like output: wrapped, framed, escaped up to three times, colored, and cut
/// anywhere.
@Suite struct MaskingPropertyTests {
    @Test(arguments: 0..<8) func nothingOfASecretIsLeft(batch: UInt64) {
        for seed in batch * 60..<batch * 60 + 60 {
            var output = EngineLikeOutput(seed: seed)
            let secret = output.secret()
            let masker = Masker(secrets: [secret])
            let rendering = output.rendering(of: secret)
            let masked = masker.mask("first line\n" + rendering.text + "last line\n")
            #expect(
                EngineLikeOutput.trace(of: secret, in: masked) == nil,
                "seed \(seed), \(rendering.layout), \(secret.debugDescription): \(masked)")
            #expect(masked.hasPrefix("first line\n") && masked.hasSuffix("last line\n"), "seed \(seed): \(masked)")
            #expect(lineEnds(masked) == lineEnds(rendering.text) + 2, "seed \(seed), \(rendering.layout)")
        }
    }

    @Test func whatHoldsNoSecretStaysAsItIs() {
        for seed in UInt64(10_000)..<10_200 {
            var output = EngineLikeOutput(seed: seed)
            let secret = output.secret()
            let masker = Masker(secrets: [secret])
            let harmless = output.rendering(of: output.secret())
            #expect(masker.mask(harmless.text) == harmless.text, "seed \(seed), \(secret.debugDescription)")
        }
    }

    /// The chunks' edges, and what other streams print in between, change nothing.
    @Test func theResultDoesNotDependOnTheCuts() {
        for seed in UInt64(20_000)..<20_040 {
            var output = EngineLikeOutput(seed: seed)
            let secrets = [output.secret(), output.secret()]
            var captured = Captured()
            for _ in 0..<4 {
                captured.append(.stdout, output.rendering(of: secrets[0]).text)
                captured.append(.stderr, output.rendering(of: secrets[1]).text)
                if Bool.random(using: &output.random) { captured.events.append(.idle(at: 5)) }
            }
            let masker = Masker(secrets: secrets)
            let whole = captured.chunks(masker: masker)
            let pieces = captured.chunks(
                masker: masker, piece: { .random(in: 1...9, using: &output.random) },
                take: { .random(using: &output.random) })
            for stream in [LogStream.stdout, .stderr] {
                #expect(pieces.text(of: stream) == whole.text(of: stream), "seed \(seed)")
            }
            for secret in secrets {
                let text = whole.map(\.text).joined()
                #expect(EngineLikeOutput.trace(of: secret, in: text) == nil, "seed \(seed): \(text)")
            }
        }
    }

    private func lineEnds(_ text: String) -> Int { text.utf8.count { $0 == UInt8(ascii: "\n") } }
}
