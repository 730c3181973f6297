import Foundation
import Testing

@testable import Domain
@testable import Tendril

/// Secrets that a job gets while it runs.
@Suite struct LaterSecretTests {
    private let first = "first-secret-of-the-job"
    private let token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ2aW5lIn0.c2lnbmF0dXJlLW9mLWl0"

    /// Wherever the stream is cut when the second secret becomes known, the result is as if it had been known before.
    @Test func theResultIsTheSameAsIfItHadBeenKnown() {
        let text = "a \(first) b\nnone\n[\(token)] \(first)\n│ \(token.prefix(20))\n│ \(token.dropFirst(20))\nend\n"
        let (early, late) = (Masker(secrets: [first]), Masker(secrets: [first, token]))
        let known = late.mask(text)
        #expect(!known.contains("c2lnbmF0dXJl") && !known.contains(first))
        let bytes = Array(text.utf8)
        let tokenStart = Array(text.utf8.prefix { $0 != UInt8(ascii: "[") }).count
        for cut in 0...tokenStart {
            var stream = MaskingStream(early)
            var output: [UInt8] = []
            bytes[..<cut].withUnsafeBufferPointer { stream.take($0, into: &output) }
            stream.use(late, into: &output)
            bytes[cut...].withUnsafeBufferPointer { stream.take($0, into: &output) }
            stream.finish(hidingBeginnings: false, into: &output)
            #expect(String(decoding: output, as: UTF8.self) == known, "cut at \(cut)")
        }
    }

    /// The claims of a token are no secrets: they hold the names that the whole log is about.
    @Test func aTokenHidesNoNames() {
        for padding in 0..<4 {
            let claims = #"{"project":"orchard","stage":"production","x":"\#(String(repeating: "y", count: padding))"}"#
            let payload = Data(claims.utf8).base64EncodedString().replacingOccurrences(of: "=", with: "")
            let token = "eyJhbGciOiJSUzI1NiJ9.\(payload).c2lnbmF0dXJlLW9mLWl0"
            let masker = Masker(secrets: KeptTokens.texts(of: token))
            #expect(masker.mask("orchard / production, job of orchard") == "orchard / production, job of orchard")
            #expect(masker.mask("it is \(token)") == "it is (sensitive)")
            #expect(masker.mask("c2lnbmF0dXJlLW9mLWl0") == "(sensitive)")
        }
    }

    @Test func aStreamWithoutSecretsGetsItsFirst() {
        var stream = MaskingStream(Masker(secrets: []))
        var output: [UInt8] = []
        Array("nothing to hide ".utf8).withUnsafeBufferPointer { stream.take($0, into: &output) }
        stream.use(Masker(secrets: [token]), into: &output)
        Array("now \(token)!\n".utf8).withUnsafeBufferPointer { stream.take($0, into: &output) }
        stream.finish(into: &output)
        #expect(String(decoding: output, as: UTF8.self) == "nothing to hide now (sensitive)!\n")
    }
}
