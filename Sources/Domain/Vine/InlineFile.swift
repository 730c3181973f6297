/// A file of an inline source: its content, and whether it may be executed.
///
/// In JSON a plain text file is a string. Everything else is an object:
/// `{"content": "…", "executable": true, "encoding": "base64"}`.
public struct InlineFile: Hashable, Sendable {
    /// How `content` stands for the file's bytes.
    public enum Encoding: String, CaseIterable, Codable, Hashable, Sendable {
        case text = "utf-8"
        case base64
    }

    public var content: String
    public var isExecutable: Bool
    public var encoding: Encoding

    public init(_ content: String, isExecutable: Bool = false, encoding: Encoding = .text) {
        self.content = content
        self.isExecutable = isExecutable
        self.encoding = encoding
    }

    /// The size of the file that `content` stands for, in bytes.
    public var byteCount: Int {
        guard encoding == .base64 else { return content.utf8.count }
        return content.utf8.count / 4 * 3 - content.utf8.suffix(2).count { $0 == UInt8(ascii: "=") }
    }

    /// True for text of nothing but whitespace.
    public var isBlank: Bool { encoding == .text ? content.allSatisfy(\.isWhitespace) : content.isEmpty }

    /// True for a string that is a JSON string: neither encoded nor executable.
    public var isPlain: Bool { encoding == .text && !isExecutable }

    /// True unless `content` claims to be base64 (RFC 4648, padded, without line breaks) and is not.
    public var isWellFormed: Bool {
        guard encoding == .base64 else { return true }
        let digits = content.utf8.prefix(content.utf8.count - content.utf8.suffix(2).count { $0 == UInt8(ascii: "=") })
        guard content.utf8.count.isMultiple(of: 4), digits.allSatisfy(Self.isBase64Digit) else { return false }
        // The bits of the last digit that stand for nothing are zero, so that equal bytes have equal text.
        let unused: UInt8 =
            switch content.utf8.count - digits.count {
            case 0: 0
            case 1: 0b11
            default: 0b1111
            }
        return digits.last.map { Self.base64Value($0) & unused == 0 } ?? content.isEmpty
    }

    private static func isBase64Digit(_ byte: UInt8) -> Bool { base64Value(byte) != .max }

    private static func base64Value(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: .max
        }
    }
}

extension InlineFile: ExpressibleByStringLiteral {
    public init(stringLiteral value: String) { self.init(value) }
}

extension InlineFile: Codable {
    private enum CodingKeys: String, CodingKey { case content, executable, encoding }

    public init(from decoder: any Decoder) throws {
        if let text = try? decoder.singleValueContainer().decode(String.self) {
            self.init(text)
            return
        }
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            try container.decode(String.self, forKey: .content),
            isExecutable: try container.decodeIfPresent(Bool.self, forKey: .executable) ?? false,
            encoding: try container.decodeIfPresent(Encoding.self, forKey: .encoding) ?? .text)
    }

    public func encode(to encoder: any Encoder) throws {
        if isPlain {
            var container = encoder.singleValueContainer()
            try container.encode(content)
            return
        }
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(content, forKey: .content)
        if isExecutable { try container.encode(true, forKey: .executable) }
        if encoding != .text { try container.encode(encoding, forKey: .encoding) }
    }
}
