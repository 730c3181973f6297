/// How a run of text looks: what Select Graphic Rendition (ECMA-48 §8.3.117) has set.
public struct TextStyle: Hashable, Sendable {
    public enum Color: Hashable, Sendable {
        /// One of the terminal's 16 colors, 0…15.
        case indexed(UInt8)
        case rgb(UInt8, UInt8, UInt8)
    }

    public struct Flags: OptionSet, Hashable, Sendable {
        public var rawValue: UInt8

        public init(rawValue: UInt8) { self.rawValue = rawValue }

        public static let bold = Flags(rawValue: 1)
        public static let dim = Flags(rawValue: 2)
        public static let italic = Flags(rawValue: 4)
        public static let underline = Flags(rawValue: 8)
        public static let strike = Flags(rawValue: 16)
        public static let inverse = Flags(rawValue: 32)
        static let all: UInt8 = 63
    }

    public var foreground: Color?
    public var background: Color?
    public var flags: Flags

    public init(foreground: Color? = nil, background: Color? = nil, flags: Flags = []) {
        self.foreground = foreground
        self.background = background
        self.flags = flags
    }

    public static let plain = TextStyle()
}

/// The name of a style, the same on the page (`ansi.js`): `foreground/background/flags`.
extension TextStyle {
    public var key: String {
        "\(foreground?.key ?? "")/\(background?.key ?? "")/\(flags.rawValue)"
    }

    /// The style with that key; nil for an invalid key.
    public init?(key: String) {
        let parts = key.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, let flags = UInt8(parts[2]), flags <= Flags.all else { return nil }
        self.init(flags: Flags(rawValue: flags))
        for (part, path) in [(parts[0], \TextStyle.foreground), (parts[1], \.background)] where !part.isEmpty {
            guard let color = Color(key: part) else { return nil }
            self[keyPath: path] = color
        }
    }
}

extension TextStyle.Color {
    fileprivate var key: String {
        switch self {
        case .indexed(let index): String(index)
        case .rgb(let red, let green, let blue):
            "#" + [red, green, blue].map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        }
    }

    fileprivate init?(key: Substring) {
        if key.first == "#" {
            guard key.count == 7, let value = UInt32(key.dropFirst(), radix: 16) else { return nil }
            self = .rgb(UInt8(value >> 16), UInt8(value >> 8 & 255), UInt8(value & 255))
        } else {
            guard let index = UInt8(key), index < 16 else { return nil }
            self = .indexed(index)
        }
    }
}
