import Testing

@testable import Tendril

@Suite struct UTF8RepairTests {
    private func repair(_ pieces: [[UInt8]]) -> [UInt8] {
        var repair = UTF8Repair()
        var output: [UInt8] = []
        for piece in pieces { piece.withUnsafeBufferPointer { repair.take($0, into: &output) } }
        repair.finish(into: &output)
        return output
    }

    /// Swift's own decoding, which does the same for whole strings, except for U+0000.
    private func expected(_ bytes: [UInt8]) -> [UInt8] {
        Array(String(decoding: bytes, as: UTF8.self).replacing("\0", with: "\u{fffd}").utf8)
    }

    @Test func validTextStaysAsItIs() {
        let text = Array("plain, Grüße, 日本語, 🍇, │ ╷ ╵\u{1b}[31m\r\n\t".utf8)
        for split in 0...text.count {
            #expect(repair([Array(text[..<split]), Array(text[split...])]) == text)
        }
    }

    @Test(
        arguments: [
            [0xff], [0xc3], [0xe2, 0x94], [0xf0, 0x9f, 0x8d], [0xc0, 0xaf], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80],
            [0xf4, 0x90, 0x80, 0x80], [0xf8, 0x88], [0x80, 0x80], [0x61, 0xe2, 0x94, 0x62], [0xe2, 0xe2, 0x94, 0x82],
            [0x00],
            [0x41, 0x00, 0x42],
        ] as [[UInt8]])
    func invalidBytesBecomeReplacements(_ bytes: [UInt8]) {
        for split in 0...bytes.count {
            #expect(repair([Array(bytes[..<split]), Array(bytes[split...])]) == expected(bytes))
        }
    }

    @Test func anyBytesInAnyPieces() {
        var random = Seeded(7)
        // Bytes that make sequences likely, and their errors.
        let alphabet: [UInt8] = [
            0x00, 0x0a, 0x41, 0x7f, 0x80, 0x94, 0x9f, 0xa0, 0xbf, 0xc1, 0xc3, 0xe0, 0xe2, 0xed, 0xf0, 0xf4, 0xff,
        ]
        for _ in 0..<800 {
            let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                alphabet.randomElement(using: &random) ?? 0
            }
            var pieces: [[UInt8]] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                let piece = rest.prefix(Int.random(in: 1...9, using: &random))
                pieces.append(Array(piece))
                rest = rest.dropFirst(piece.count)
            }
            #expect(repair(pieces) == expected(bytes), "\(bytes)")
        }
    }
}
