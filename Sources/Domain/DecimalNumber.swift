/// The value of a number, however it is written: `1000000`, `1e+06` and `1.0E6` are equal. Of any size.
public struct DecimalNumber: Hashable, Sendable {
    private var isNegative = false
    /// Without zeros at the ends; empty for zero.
    private var digits: [UInt8] = []
    /// The value is `0.DIGITS` times ten to this power.
    private var exponent = 0

    /// nil for text that isn't a number in decimal notation.
    public init?(_ text: String) {
        var rest = Array(text.utf8)[...]
        isNegative = rest.first == UInt8(ascii: "-")
        if isNegative || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
        let whole = rest.prefix(while: Self.isDigit)
        rest = rest.dropFirst(whole.count)
        var fraction: ArraySlice<UInt8> = []
        if rest.first == UInt8(ascii: ".") {
            fraction = rest.dropFirst().prefix(while: Self.isDigit)
            rest = rest.dropFirst(1 + fraction.count)
        }
        guard !whole.isEmpty || !fraction.isEmpty else { return nil }
        var power = 0
        if rest.first.map({ $0 | 0x20 }) == UInt8(ascii: "e") {
            guard let value = Int(String(decoding: rest.dropFirst(), as: UTF8.self)), abs(value) < 1 << 32 else {
                return nil
            }
            power = value
            rest = []
        }
        guard rest.isEmpty else { return nil }
        digits = Array(whole) + Array(fraction)
        exponent = whole.count + power
        let zeros = digits.prefix { $0 == UInt8(ascii: "0") }.count
        digits.removeFirst(zeros)
        exponent -= zeros
        while digits.last == UInt8(ascii: "0") { digits.removeLast() }
        if digits.isEmpty { (isNegative, exponent) = (false, 0) }
    }

    /// All digits, without an exponent; nil for a number of more than 400 digits.
    public var plain: String? {
        guard abs(exponent) <= 400 else { return nil }
        let sign = isNegative ? "-" : ""
        let text = String(decoding: digits, as: UTF8.self)
        if digits.isEmpty { return "0" }
        if exponent >= digits.count { return sign + text + String(repeating: "0", count: exponent - digits.count) }
        if exponent > 0 { return sign + text.prefix(exponent) + "." + text.dropFirst(exponent) }
        return sign + "0." + String(repeating: "0", count: -exponent) + text
    }

    /// Ways to write the number that have at least five characters and can't be a part of a word or of a hexadecimal
    /// number.
    ///
    /// Terraform's diagnostics show at most ten digits of a number (`local.n is 1.23456789e+19`). `format("%e")` shows
    /// seven, zeros included, `format("%.2e")` three, and `format("%.2f")` two after the point: each is here with 1 to
    /// 12 digits after the point. One digit alone says too little to be a secret, and would be found everywhere.
    public var notations: [String] {
        guard let plain else { return [] }
        var notations = [plain] + scientific
        for short in rounded(to: 10) {
            notations += short.scientific
            if short.exponent <= 10 { notations.append(short.plain ?? plain) }
        }
        for short in rounded(to: 7) { notations += short.padded(to: 7) }
        for digits in 1...Self.precision {
            for short in rounded(to: digits + 1) { notations += short.formatted(with: digits) }
        }
        // Without an exponent, a number is rounded only after its point.
        for places in 0...Self.precision where exponent + places > 1 && exponent + places < digits.count {
            notations += rounded(to: exponent + places).compactMap(\.plain)
        }
        var seen: Set<String> = []
        return notations.filter {
            ($0.utf8.count >= 5 && $0.contains(where: { ".+-".contains($0) }) || $0.utf8.count >= 6)
                && seen.insert($0).inserted
        }
    }

    /// `1.5e+06` and its like.
    private var scientific: [String] {
        guard let first = digits.first else { return [] }
        let text = String(decoding: digits, as: UTF8.self)
        let head = String(Unicode.Scalar(first))
        return scientific(digits.count == 1 ? [head, head + ".0"] : [head + "." + text.dropFirst()])
    }

    /// Digits after the point that `format` is asked for.
    private static let precision = 12

    /// As Go writes `%.Ne`: the exponent has a sign and at least two digits.
    private func formatted(with places: Int) -> [String] {
        guard let first = digits.first else { return [] }
        let rest = String(decoding: digits.dropFirst(), as: UTF8.self)
        let zeros = String(repeating: "0", count: max(0, places + 1 - digits.count))
        let size = String(abs(exponent - 1))
        let power = (exponent > 0 ? "+" : "-") + (size.count == 1 ? "0" : "") + size
        let mantissa = (isNegative ? "-" : "") + String(Unicode.Scalar(first)) + "." + rest + zeros
        return [mantissa + "e" + power, mantissa + "E" + power]
    }

    /// As `%e` of printf: always `count` digits.
    private func padded(to count: Int) -> [String] {
        guard let first = digits.first else { return [] }
        let rest = String(decoding: digits.dropFirst(), as: UTF8.self)
        let zeros = String(repeating: "0", count: max(0, count - digits.count))
        return scientific([String(Unicode.Scalar(first)) + "." + rest + zeros])
    }

    private func scientific(_ mantissas: [String]) -> [String] {
        let sign = isNegative ? "-" : ""
        var notations: [String] = []
        let power = exponent - 1
        let size = String(abs(power))
        let powers = size.count == 1 ? [size, "0" + size] : [size]
        for mantissa in mantissas {
            for letter in ["e", "E"] {
                for powerSign in power < 0 ? ["-"] : ["", "+"] {
                    notations += powers.map { sign + mantissa + letter + powerSign + $0 }
                }
            }
        }
        return notations
    }

    /// The number with at most `count` digits. Two where it lies halfway between them: which one is printed depends on
    /// the binary number behind it.
    private func rounded(to count: Int) -> [DecimalNumber] {
        guard digits.count > count else { return [self] }
        let rest = digits[count...]
        let half = UInt8(ascii: "5")
        let isHalf = rest.first == half && rest.dropFirst().allSatisfy { $0 == UInt8(ascii: "0") }
        var down = self
        down.digits = Array(digits[..<count])
        var up = down
        if let place = up.digits.lastIndex(where: { $0 != UInt8(ascii: "9") }) {
            up.digits[place] += 1
            up.digits.removeLast(up.digits.count - place - 1)
        } else {
            up.digits = [UInt8(ascii: "1")]
            up.exponent += 1
        }
        while down.digits.last == UInt8(ascii: "0") { down.digits.removeLast() }
        if isHalf { return [down, up] }
        return [(rest.first ?? half) < half ? down : up]
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
