internal import Foundation

/// The header of a file in a tar archive (POSIX ustar). It depends on the name and the size alone, so that every byte
/// of an archive can be checked.
struct TarHeader: Hashable {
    static let size = 512

    var name: String
    var count: Int

    /// Bytes after the file, up to the next block.
    var padding: Int { (Self.size - count % Self.size) % Self.size }

    var bytes: Data {
        var block = [UInt8](repeating: 0, count: Self.size)
        func put(_ text: String, at offset: Int) {
            for (index, byte) in text.utf8.enumerated() { block[offset + index] = byte }
        }
        func octal(_ value: Int, width: Int) -> String {
            let digits = String(value, radix: 8)
            return String(repeating: "0", count: width - digits.count) + digits
        }
        put(name, at: 0)
        put("0000644", at: 100)
        put("0000000", at: 108)
        put("0000000", at: 116)
        put(octal(count, width: 11), at: 124)
        put(octal(0, width: 11), at: 136)
        put("        ", at: 148)
        put("0", at: 156)
        put("ustar", at: 257)
        put("00", at: 263)
        let sum = block.reduce(0) { $0 + Int($1) }
        put(octal(sum, width: 6), at: 148)
        (block[154], block[155]) = (0, UInt8(ascii: " "))
        return Data(block)
    }

    init(name: String, count: Int) {
        precondition(name.utf8.count < 100 && (0...0o77777777777).contains(count))
        self.name = name
        self.count = count
    }

    /// Reads ``bytes`` back; nil for anything else.
    init?(_ block: Data) {
        let block = [UInt8](block)
        guard block.count == Self.size else { return nil }
        let name = String(decoding: block[..<100].prefix { $0 != 0 }, as: UTF8.self)
        let digits = String(decoding: block[124..<135], as: UTF8.self)
        guard !name.isEmpty, name.utf8.count < 100, let count = Int(digits, radix: 8), count >= 0 else { return nil }
        self.init(name: name, count: count)
        guard [UInt8](bytes) == block else { return nil }
    }
}
