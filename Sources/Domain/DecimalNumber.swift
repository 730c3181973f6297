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
    public var notations: [String] {
        guard let first = digits.first, let plain else { return [] }
        let sign = isNegative ? "-" : ""
        let text = String(decoding: digits, as: UTF8.self)
        var notations = [plain]
        let power = exponent - 1
        let head = String(Unicode.Scalar(first))
        let mantissas = digits.count == 1 ? [head, head + ".0"] : [head + "." + text.dropFirst()]
        let size = String(abs(power))
        let powers = size.count == 1 ? [size, "0" + size] : [size]
        for mantissa in mantissas {
            for letter in ["e", "E"] {
                for powerSign in power < 0 ? ["-"] : ["", "+"] {
                    notations += powers.map { sign + mantissa + letter + powerSign + $0 }
                }
            }
        }
        return notations.filter { $0.utf8.count >= 5 && $0.contains(where: { ".+-".contains($0) }) || $0.count >= 6 }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
