import Foundation
import Testing

@testable import Domain
@testable import Tendril

@Suite struct MaskerTests {
    private func stream(_ masker: Masker, _ pieces: [String]) -> String {
        var stream = MaskingStream(masker)
        var output: [UInt8] = []
        for piece in pieces { Array(piece.utf8).withUnsafeBufferPointer { stream.take($0, into: &output) } }
        stream.finish(into: &output)
        return String(decoding: output, as: UTF8.self)
    }

    @Test func masksSecretAtEverySplit() {
        let masker = Masker(secrets: ["hunter2-hunter3", "päßwört-日本"])
        let text = "a hunter2-hunter2-hunter3 b päßwört-日本 c\nhunter2-\nhunter3"
        let masked = "a hunter2-(sensitive) b (sensitive) c\n(sensitive)\n(sensitive)"
        let bytes = Array(text.utf8)
        for first in 0...bytes.count {
            for second in stride(from: first, through: bytes.count, by: 5) {
                var stream = MaskingStream(masker)
                var output: [UInt8] = []
                for piece in [bytes[..<first], bytes[first..<second], bytes[second...]] {
                    Array(piece).withUnsafeBufferPointer { stream.take($0, into: &output) }
                }
                stream.finish(into: &output)
                #expect(String(decoding: output, as: UTF8.self) == masked)
            }
        }
    }

    @Test func holdsBackPartialMatch() {
        var stream = MaskingStream(Masker(secrets: ["correct horse"]))
        var output: [UInt8] = []
        func take(_ text: String) -> String {
            let before = output.count
            Array(text.utf8).withUnsafeBufferPointer { stream.take($0, into: &output) }
            return String(decoding: output[before...], as: UTF8.self)
        }
        #expect(take("say corr") == "say ")
        #expect(take("ect") == "")
        #expect(take("ly") == "correctly")
        #expect(take(" correct hors") == " ")
        // Text may be wrapped here, so the next line decides.
        #expect(take("\n") == "")
        #expect(take("and") == "correct hors\nand")
        #expect(take(" correct\n    horse") == " (sensitive)\n    (sensitive)")
        // One or two letters at a line's end are no reason to wait.
        #expect(take("\nco\n") == "\nco\n")
        #expect(take("rrect horse") == "(sensitive)")
    }

    /// The engine was killed, or the disk was full, in the middle of a secret.
    @Test func aBeginningAtTheEndOfTheCaptureIsHidden() {
        let masker = Masker(secrets: ["correct horse battery"])
        #expect(stream(masker, ["it is correct horse batt"]) == "it is (sensitive)")
        #expect(stream(masker, ["it is corr"]) == "it is corr")
        // A text that is whole has no such end.
        #expect(masker.mask("correct horse batt") == "correct horse batt")
        #expect(masker.mask("correct horse battery!") == "(sensitive)!")
    }

    @Test func overlappingSecretsAreOneReplacement() {
        let masker = Masker(secrets: ["abcdefgh", "efghijkl", "cdefgh", "fghijklmnopq"])
        #expect(stream(masker, ["xabcdefghijklmnopqy"]) == "x(sensitive)y")
        #expect(stream(masker, ["xabcdefghijklmnoqy"]) == "x(sensitive)mnoqy")
        #expect(stream(masker, ["abcdefghabcdefgh"]) == "(sensitive)(sensitive)")
        #expect(stream(Masker(secrets: ["aaaaaa"]), ["baaaaaaaaaab"]) == "b(sensitive)b")
    }

    @Test func eachLineOfASecretIsAPattern() {
        let key = "-----BEGIN KEY-----\r\n  MIIBOgIBAAJBAK\nx\nq9876543\n-----END KEY-----\n"
        let masker = Masker(secrets: [key])
        #expect(masker.mask("  │ MIIBOgIBAAJBAK │\n+ \"q9876543\"") == "  │ (sensitive) │\n+ \"(sensitive)\"")
        #expect(masker.mask("-----END KEY-----") == "(sensitive)")
        #expect(masker.mask("x stays") == "x stays")
    }

    @Test func shortSecretsAreLeftAlone() {
        #expect(Masker(secrets: ["", "abc", "12345", "\n\n"]).mask("abc 12345") == "abc 12345")
        #expect(Masker(secrets: ["123456"]).mask("x123456y") == "x(sensitive)y")
        #expect(Masker(secrets: []).mask("anything") == "anything")
    }

    @Test func base64InEveryAlignmentAndAlphabet() throws {
        let secret = "s3cr3t?>~~ÿ!token/+"
        let masker = Masker(secrets: [secret])
        for before in ["", "a", "ab", "abc", "user:"] {
            for after in ["", "z", "zz", "zzz", ":more"] {
                let plain = Array((before + secret + after).utf8)
                let standard = Data(plain).base64EncodedString()
                let url = standard.replacing("+", with: "-").replacing("/", with: "_")
                for text in [standard, url, url.replacing("=", with: "")] {
                    let masked = masker.mask("v=\(text);")
                    #expect(masked.contains("(sensitive)"), "\(before)|\(after): \(masked)")
                    // What is left besides can't be more than the neighbours and the characters shared with them.
                    let left = masked.replacing("(sensitive)", with: "").utf8.count - "v=;".utf8.count
                    #expect(left <= (before.utf8.count + after.utf8.count) * 4 / 3 + 8, "\(before)|\(after): \(masked)")
                }
            }
        }
        #expect(masker.mask(Data(secret.utf8).base64EncodedString()) == "(sensitive)")
    }

    @Test func base64OfTheWholeSecretEvenWrapped() {
        let secret = (0..<20).map { "line \($0) of a key" }.joined(separator: "\n")
        let masker = Masker(secrets: [secret])
        let encoded = Data(secret.utf8).base64EncodedString()
        #expect(masker.mask(encoded) == "(sensitive)")
        for width in [64, 76] {
            var wrapped: [String] = []
            var rest = encoded[...]
            while !rest.isEmpty {
                wrapped.append(String(rest.prefix(width)))
                rest = rest.dropFirst(width)
            }
            for line in wrapped where line.count >= 6 { #expect(masker.mask(line) == "(sensitive)") }
        }
    }

    @Test(arguments: [
        "p%40ss%20w%2Frd%22%3C%26", "p%40ss+w%2Frd%22%3C%26", "p%40ss%20w%2frd%22%3c%26", "p@ss w/rd\\\"<&",
        "p@ss w/rd\\\"\\u003c\\u0026", "p@ss w/rd\"<&",
    ])
    func writtenAsURLAndJSON(_ form: String) {
        #expect(Masker(secrets: ["p@ss w/rd\"<&"]).mask("[\(form)]") == "[(sensitive)]")
    }

    @Test func writtenAsPythonAndHCLDo() {
        let masker = Masker(secrets: ["grüße${x}🍇"])
        #expect(masker.mask("\"gr\\u00fc\\u00dfe${x}\\ud83c\\udf47\"") == "\"(sensitive)\"")
        #expect(masker.mask("\"grüße$${x}🍇\"") == "\"(sensitive)\"")
    }

    /// Against the definition: every byte of every occurrence, merged where they overlap.
    @Test func agreesWithTheDefinition() {
        var random = Seeded(11)
        func word(_ length: ClosedRange<Int>) -> [UInt8] {
            (0..<Int.random(in: length, using: &random)).map { _ in "abc".utf8.randomElement(using: &random) ?? 0 }
        }
        for _ in 0..<600 {
            let patterns = (0..<Int.random(in: 1...5, using: &random)).map { _ in word(1...6) }
            let text = word(0...60)
            var stream = MaskingStream(Masker(patterns: patterns))
            var output: [UInt8] = []
            var rest = text[...]
            while !rest.isEmpty {
                let piece = Array(rest.prefix(Int.random(in: 1...12, using: &random)))
                piece.withUnsafeBufferPointer { stream.take($0, into: &output) }
                rest = rest.dropFirst(piece.count)
            }
            stream.finish(hidingBeginnings: false, into: &output)
            #expect(output == defined(text, patterns), "\(text) \(patterns)")
        }
    }

    private func defined(_ text: [UInt8], _ patterns: [[UInt8]]) -> [UInt8] {
        var ranges: [Range<Int>] = []
        for pattern in patterns {
            for start in text.indices where text[start...].starts(with: pattern) {
                ranges.append(start..<start + pattern.count)
            }
        }
        var merged: [Range<Int>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = merged.last, range.lowerBound < last.upperBound {
                merged[merged.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        var output: [UInt8] = []
        var index = 0
        for range in merged {
            output += text[index..<range.lowerBound] + Array(Masker.replacement.utf8)
            index = range.upperBound
        }
        return output + text[index...]
    }
}

/// Lines as Terraform 1.11 prints them.
@Suite struct NumberNotationMaskingTests {
    @Test(arguments: [
        ("12345678901234567890", "    │ local.n is 1.23456789e+19", "1.2345"),
        ("12345678901234567890", #"  + e = "1.234568e+19""#, "1.2345"),
        ("3000000000000000000000", "    │ local.n is 3e+21", "3e+21"),
        ("1000000", #"  + f = "1e+06 1000000 1.000000e+06 1E+06 1000000.000000""#, "1e+06"),
        ("1000000", #"  + f = "1.000000e+06 and 1.000000E+06""#, "000000"),
        ("98765432", #"  + f = "9.88e+07 9.9e+07""#, "9.8"),
        ("98765432", #"  + f = "9.876543E+07 and 9.8765432000e+07 98765432.00""#, "9.87"),
        ("98765432109.56", #"  + f = "98765432109.6 98765432110 98765432109.560""#, "98765"),
        ("25000000", "    │ local.n is 25000000", "25000000"),
        ("98765432109.5", "    │ var.n is 9.876543211e+10", "9.8765"),
        ("-0.00001", "    │ local.n is -1e-05", "1e-05"),
    ])
    func isMasked(secret: String, line: String, clear: String) {
        let masked = Masker(secrets: [secret]).mask(line)
        #expect(masked.contains("(sensitive)") && !masked.contains(clear), "\(masked)")
    }

    @Test(arguments: ["commit 31e6fa 1e6abc", "1e+05 1.5e+06", "1.000001e+05"]) func othersAreLeftAlone(line: String) {
        #expect(Masker(secrets: ["1000000"]).mask(line) == line)
    }
}
