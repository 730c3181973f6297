/// A JSON number with its exact text: Terraform's numbers have any precision, and no digit may be lost.
///
/// Equal where the texts are; ``hasSameValue(as:)`` compares values.
public struct JSONNumber: Hashable, Sendable, LosslessStringConvertible {
    /// The number as it was written.
    public let description: String

    /// - Returns: nil for text that is not a number in RFC 8259's grammar.
    public init?(_ description: String) {
        var text = description
        let isNumber = text.withUTF8 { bytes in Self.end(of: bytes, from: 0) == bytes.count }
        guard isNumber else { return nil }
        self.description = description
    }

    /// The shortest text that reads as `value`; nil for infinities and NaN, which JSON does not have.
    public init?(_ value: Double) {
        guard value.isFinite else { return nil }
        let text = "\(value)"
        description = text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    /// `text` must be a number in RFC 8259's grammar.
    init(unchecked text: String) { description = text }

    /// The nearest double; infinite if there is none.
    public var doubleValue: Double { Double(description) ?? .nan }

    /// The value, if it is a whole number that fits 64 bits, however it is written (`1e3`, `5.0`).
    public var integerValue: Int64? {
        if let value = Int64(description) { return value }
        guard let decimal, decimal.exponent >= 0, decimal.digits.count + decimal.exponent <= 19 else { return nil }
        let digits = decimal.digits + String(repeating: "0", count: decimal.exponent)
        return Int64((decimal.isNegative ? "-" : "") + digits)
    }

    /// Whether both are the same number, however they are written: `1.50` and `15e-1`.
    public func hasSameValue(as other: JSONNumber) -> Bool {
        guard let decimal, let theirs = other.decimal else { return description == other.description }
        return decimal == theirs
    }

    /// A number as digits times a power of ten, without zeros at either end. Zero is no digits.
    public struct Decimal: Hashable, Sendable {
        public var isNegative: Bool
        public var digits: String
        public var exponent: Int
    }

    /// nil if the exponent is beyond all use.
    public var decimal: Decimal? {
        let isNegative = description.utf8.first == UInt8(ascii: "-")
        let unsigned = isNegative ? description.dropFirst() : description[...]
        let mantissaEnd = unsigned.firstIndex { $0 == "e" || $0 == "E" } ?? unsigned.endIndex
        var exponent = 0
        if mantissaEnd < unsigned.endIndex {
            let written = unsigned[unsigned.index(after: mantissaEnd)...]
            guard let parsed = Int(written), abs(parsed) < 1 << 32 else { return nil }
            exponent = parsed
        }
        let parts = unsigned[..<mantissaEnd].split(separator: ".", omittingEmptySubsequences: false)
        var digits = String(parts[0])
        if parts.count > 1 {
            digits += parts[1]
            exponent -= parts[1].utf8.count
        }
        let trimmed = digits.drop { $0 == "0" }
        guard let last = trimmed.lastIndex(where: { $0 != "0" }) else {
            return Decimal(isNegative: false, digits: "", exponent: 0)
        }
        let kept = trimmed[...last]
        return Decimal(
            isNegative: isNegative, digits: String(kept), exponent: exponent + trimmed.utf8.count - kept.utf8.count)
    }

    /// Where the number that begins at `start` ends; nil if none begins there.
    static func end(of bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
        var at = start
        func isDigit() -> Bool { at < bytes.count && bytes[at] &- UInt8(ascii: "0") < 10 }
        func digits() -> Bool {
            let first = at
            while isDigit() { at += 1 }
            return at > first
        }
        if at < bytes.count, bytes[at] == UInt8(ascii: "-") { at += 1 }
        if at < bytes.count, bytes[at] == UInt8(ascii: "0") {
            at += 1
        } else {
            guard digits() else { return nil }
        }
        if at < bytes.count, bytes[at] == UInt8(ascii: ".") {
            at += 1
            guard digits() else { return nil }
        }
        if at < bytes.count, bytes[at] | 0x20 == UInt8(ascii: "e") {
            at += 1
            if at < bytes.count, bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-") { at += 1 }
            guard digits() else { return nil }
        }
        return at
    }
}
