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

extension TextStyle {
    /// Takes the parameters of one `CSI … m`; private sequences and unknown codes change nothing.
    mutating func apply(_ parameters: ArraySlice<UInt8>) {
        let isStandard = parameters.allSatisfy { (0x30...0x3b).contains($0) }  // digits, ":" and ";"
        guard isStandard else { return }
        let codes = parameters.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
            .map { $0.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false).map(Self.number) }
        var index = 0
        while index < codes.count {
            let code = codes[index]
            if code[0] == 38 || code[0] == 48 {
                let (color, used) = code.count > 1 ? (Self.color(colons: code), 0) : Self.color(codes, after: index)
                if let color { self[keyPath: code[0] == 38 ? \Self.foreground : \Self.background] = color }
                index += used
            } else {
                apply(code[0], sub: code.count > 1 ? code[1] : nil)
            }
            index += 1
        }
    }

    private mutating func apply(_ code: Int, sub: Int?) {
        switch code {
        case 0: self = .plain
        case 1: flags.insert(.bold)
        case 2: flags.insert(.dim)
        case 3: flags.insert(.italic)
        case 4: if sub == 0 { flags.remove(.underline) } else { flags.insert(.underline) }
        case 7: flags.insert(.inverse)
        case 9: flags.insert(.strike)
        case 21: flags.insert(.underline)
        case 22: flags.subtract([.bold, .dim])
        case 23: flags.remove(.italic)
        case 24: flags.remove(.underline)
        case 27: flags.remove(.inverse)
        case 29: flags.remove(.strike)
        case 30...37: foreground = .indexed(UInt8(code - 30))
        case 39: foreground = nil
        case 40...47: background = .indexed(UInt8(code - 40))
        case 49: background = nil
        case 90...97: foreground = .indexed(UInt8(code - 82))
        case 100...107: background = .indexed(UInt8(code - 92))
        default: break
        }
    }

    /// An empty parameter is 0; a number that is too large is ignored.
    private static func number(_ digits: ArraySlice<UInt8>) -> Int {
        guard digits.count <= 6 else { return -1 }
        return digits.reduce(0) { $0 * 10 + Int($1) - 0x30 }
    }

    /// `38;5;N` and `38;2;R;G;B`, and how many codes they take.
    private static func color(_ codes: [[Int]], after index: Int) -> (Color?, Int) {
        func code(_ offset: Int) -> Int { index + offset < codes.count ? codes[index + offset][0] : 0 }
        switch code(1) {
        case 5: return (indexed(code(2)), 2)
        case 2: return (rgb([code(2), code(3), code(4)]), 4)
        default: return (nil, 1)
        }
    }

    /// `38:5:N`, `38:2:R:G:B` and `38:2:SPACE:R:G:B`.
    private static func color(colons code: [Int]) -> Color? {
        switch code[1] {
        case 5: indexed(code.count > 2 ? code[2] : 0)
        case 2: rgb(Array(code.dropFirst(code.count >= 6 ? 3 : 2)))
        default: nil
        }
    }

    private static func rgb(_ parts: [Int]) -> Color? {
        let values = (parts + [0, 0, 0]).prefix(3).compactMap { UInt8(exactly: $0) }
        return values.count == 3 ? .rgb(values[0], values[1], values[2]) : nil
    }

    private static func indexed(_ number: Int) -> Color? {
        guard let index = UInt8(exactly: number) else { return nil }
        switch index {
        case 0..<16: return .indexed(index)
        case 232...255:
            let gray = 8 + (index - 232) * 10
            return .rgb(gray, gray, gray)
        default:
            func level(_ step: UInt8) -> UInt8 { step == 0 ? 0 : 55 + step * 40 }
            let cube = index - 16
            return .rgb(level(cube / 36), level(cube / 6 % 6), level(cube % 6))
        }
    }
}
