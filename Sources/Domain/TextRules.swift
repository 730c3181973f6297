/// What names may hold that people read: of projects, stages, Tendrils and users.
public enum PlainName {
    /// Whether `name` has no control characters, no line separators, and nothing that changes the direction of the text
    /// around it (a name could look like another one).
    public static func isPlain(_ name: String) -> Bool {
        name.unicodeScalars.allSatisfy { scalar in
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator: false
            default: !isDirectional(scalar)
            }
        }
    }

    /// The bidirectional controls of Unicode (Bidi_Control).
    public static func isDirectional(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x061c, 0x200e, 0x200f, 0x202a...0x202e, 0x2066...0x2069: true
        default: false
        }
    }
}

extension String {
    /// The text itself, or its beginning with "…" at the end, so that it has at most `limit` bytes.
    public func shortened(toBytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        let mark = "…"
        var end = utf8.index(startIndex, offsetBy: max(0, limit - mark.utf8.count))
        while end > startIndex, end.samePosition(in: unicodeScalars) == nil { end = utf8.index(before: end) }
        return self[..<end] + mark
    }
}

extension Sequence<UInt8> {
    /// The bytes as lower-case hexadecimal digits.
    public var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in self {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 0x0f)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}
