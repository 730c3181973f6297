/// Compares texts as people sort them: numbers in them by their value, so that `x[2]` comes before `x[10]`.
public struct NaturalOrder: Comparable, Sendable {
    private let bytes: [UInt8]

    public init(_ text: String) { bytes = Array(text.utf8) }

    public static func < (one: NaturalOrder, other: NaturalOrder) -> Bool {
        let (a, b) = (one.bytes, other.bytes)
        var (i, j) = (0, 0)
        while i < a.count, j < b.count {
            if isDigit(a[i]), isDigit(b[j]) {
                let (first, second) = (number(in: a, from: &i), number(in: b, from: &j))
                if first.count != second.count { return first.count < second.count }
                if first != second { return first.lexicographicallyPrecedes(second) }
            } else {
                if a[i] != b[j] { return a[i] < b[j] }
                i += 1
                j += 1
            }
        }
        let (left, right) = (a.count - i, b.count - j)
        // Texts that differ in leading zeros only still have an order.
        return left != right ? left < right : a.lexicographicallyPrecedes(b)
    }

    /// The digits at `index` without leading zeros. Moves `index` behind them.
    private static func number(in bytes: [UInt8], from index: inout Int) -> ArraySlice<UInt8> {
        let end = bytes[index...].firstIndex { !isDigit($0) } ?? bytes.count
        defer { index = end }
        return bytes[index..<end].drop { $0 == UInt8(ascii: "0") }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
