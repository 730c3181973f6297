internal import Domain

/// The filter of a binding: conditions on columns, all of which must hold (PostgREST's grammar, as Supabase's Realtime
/// takes it; see docs/realtime.md).
struct RowFilter: Hashable, Sendable {
    struct Condition: Hashable, Sendable {
        var column: String
        var isNegated: Bool
        var test: Test
    }

    enum Test: Hashable, Sendable {
        case equal(String), notEqual(String)
        case less(String), lessOrEqual(String), greater(String), greaterOrEqual(String)
        case oneOf([String])
        case like(LikePattern)
        case isTruth(Bool), isUnknown
        case isDistinct(String)
    }

    var conditions: [Condition]

    /// Conditions with a pattern: the costly ones.
    var patternCount: Int {
        conditions.count { condition in
            if case .like = condition.test { true } else { false }
        }
    }

    /// Whether a row with these columns passes. A column that is null or absent passes no test but `is` and
    /// `isdistinct`.
    func passes(_ columns: [String: JSONValue]) -> Bool {
        conditions.allSatisfy { $0.holds(for: columns[$0.column] ?? .null) }
    }
}

extension RowFilter.Condition {
    func holds(for value: JSONValue) -> Bool {
        guard let holds = test.holds(for: value) else { return false }
        return holds != isNegated
    }
}

extension RowFilter.Test {
    /// nil for SQL's "unknown": whatever is compared with null.
    func holds(for value: JSONValue) -> Bool? {
        switch self {
        case .isUnknown: return value == .null
        case .isTruth(let truth): return value == .bool(truth)
        case .isDistinct(let text): return value == .null ? true : order(of: value, text) != 0
        default: break
        }
        guard value != .null else { return nil }
        switch self {
        case .equal(let text): return order(of: value, text) == 0
        case .notEqual(let text): return order(of: value, text) != 0
        case .less(let text): return order(of: value, text).map { $0 < 0 }
        case .lessOrEqual(let text): return order(of: value, text).map { $0 <= 0 }
        case .greater(let text): return order(of: value, text).map { $0 > 0 }
        case .greaterOrEqual(let text): return order(of: value, text).map { $0 >= 0 }
        case .oneOf(let texts): return texts.contains { order(of: value, $0) == 0 }
        case .like(let pattern): return value.stringValue.map(pattern.matches)
        case .isTruth, .isUnknown, .isDistinct: return nil
        }
    }

    /// Compares `value` with `text` parsed as the same type; nil if it can't be parsed.
    private func order(of value: JSONValue, _ text: String) -> Int? {
        func compare<Value: Comparable>(_ left: Value, _ right: Value) -> Int {
            left < right ? -1 : left > right ? 1 : 0
        }
        switch value {
        case .integer(let number):
            if let other = Int64(text) { return compare(number, other) }
            return Double(text).map { compare(Double(number), $0) }
        case .number(let number): return Double(text).map { compare(number.doubleValue, $0) }
        case .bool(let truth):
            let other: Bool? = ["true": true, "t": true, "false": false, "f": false][text.lowercased()]
            return other.map { compare(truth ? 1 : 0, $0 ? 1 : 0) }
        case .string(let string):
            // Times are text on the wire; RFC 3339 in UTC with milliseconds sorts as time does.
            if string.utf8.count <= 40, let left = Timestamp(string), let right = Timestamp(text) {
                return compare(left.milliseconds, right.milliseconds)
            }
            return compare(string, text)
        case .null, .array, .object: return nil
        }
    }
}
