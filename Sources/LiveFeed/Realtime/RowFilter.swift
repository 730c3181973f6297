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

/// An invalid filter, with Supabase's error text.
struct FilterError: Error, Hashable {
    var message: String
}

extension RowFilter {
    /// Values in one `in.(…)`, conditions in one filter.
    static let maxValues = 100
    static let maxConditions = 32
    /// Bytes of one filter.
    static let maxBytes = 8192

    /// Reads `column=op.value[,column=op.value…]`; an empty or blank text is no filter.
    ///
    /// - Throws: ``FilterError`` for what is not in the grammar, and for columns that the table does not have.
    init(_ text: String, of table: FeedTable) throws(FilterError) {
        conditions = []
        guard text.utf8.count <= Self.maxBytes else {
            throw FilterError(message: "Error parsing `filter` params: at most \(Self.maxBytes) bytes")
        }
        guard text.contains(where: { !$0.isWhitespace }) else { return }
        let segments = Self.split(text)
        guard segments.count <= Self.maxConditions else {
            throw FilterError(message: "Error parsing `filter` params: at most \(Self.maxConditions) conditions")
        }
        for segment in segments { conditions.append(try Condition(segment, of: table)) }
    }

    /// Splits at commas outside of parentheses and quotes.
    private static func split(_ text: String) -> [String] {
        var parts = [""]
        var (depth, isQuoted, isEscaped) = (0, false, false)
        for character in text {
            if isEscaped {
                isEscaped = false
            } else if character == "\\", isQuoted {
                isEscaped = true
            } else if character == "\"" {
                isQuoted.toggle()
            } else if !isQuoted, character == "(" {
                depth += 1
            } else if !isQuoted, character == ")" {
                depth = max(0, depth - 1)
            } else if !isQuoted, depth == 0, character == "," {
                parts.append("")
                continue
            }
            parts[parts.count - 1].append(character)
        }
        return parts
    }

    /// Values between the brackets of an `in`.
    fileprivate static func values(in text: String) -> [String]? {
        guard text.hasPrefix("("), text.hasSuffix(")"), text.count >= 2 else { return nil }
        return split(String(text.dropFirst().dropLast())).map(unquoted)
    }

    /// The value without quotes around it, and without the backslashes in them.
    fileprivate static func unquoted(_ text: String) -> String {
        guard text.count >= 2, text.hasPrefix("\""), text.hasSuffix("\"") else { return text }
        var value = ""
        var isEscaped = false
        for character in text.dropFirst().dropLast() {
            if character == "\\", !isEscaped {
                isEscaped = true
            } else {
                value.append(character)
                isEscaped = false
            }
        }
        return value
    }
}

extension RowFilter.Condition {
    fileprivate init(_ segment: String, of table: FeedTable) throws(FilterError) {
        guard let equals = segment.firstIndex(of: "=") else { throw Self.bad([segment]) }
        let column = segment[..<equals].filter { !$0.isWhitespace }
        var rest = segment[segment.index(after: equals)...]
        isNegated = rest.hasPrefix("not.")
        if isNegated { rest = rest.dropFirst(4) }
        guard let dot = rest.firstIndex(of: ".") else { throw Self.bad([column, String(rest)]) }
        let name = rest[..<dot].lowercased()
        let value = String(rest[rest.index(after: dot)...])
        guard table.columns.contains(where: { $0.name == column }) else {
            throw FilterError(message: "invalid column for filter \(column)")
        }
        self.column = column
        test = try Self.test(name, value, column: column)
    }

    private static func test(_ name: String, _ value: String, column: String) throws(FilterError) -> RowFilter.Test {
        let text = RowFilter.unquoted(value)
        switch name {
        case "eq": return .equal(text)
        case "neq": return .notEqual(text)
        case "lt": return .less(text)
        case "lte": return .lessOrEqual(text)
        case "gt": return .greater(text)
        case "gte": return .greaterOrEqual(text)
        case "isdistinct": return .isDistinct(text)
        case "like", "ilike":
            guard let pattern = LikePattern(text, ignoresCase: name == "ilike") else {
                throw FilterError(message: "a pattern has at most \(LikePattern.maxCharacters) characters")
            }
            return .like(pattern)
        case "in":
            guard let values = RowFilter.values(in: value) else { throw bad([column, "in", value]) }
            guard values.count <= RowFilter.maxValues else {
                throw FilterError(message: "too many values for `in` filter. Maximum \(RowFilter.maxValues)")
            }
            return .oneOf(values)
        case "is":
            switch text.lowercased() {
            case "null", "unknown": return .isUnknown
            case "true": return .isTruth(true)
            case "false": return .isTruth(false)
            default: throw bad([column, "is", value])
            }
        case "match", "imatch":
            // A user's regular expression on every row would be unbounded work.
            throw FilterError(message: "the filter operator \(name) is not supported; use like or ilike")
        default: throw bad([column, name])
        }
    }

    private static func bad(_ parts: [String]) -> FilterError {
        let list = parts.map { "\"\($0)\"" }.joined(separator: ", ")
        return FilterError(message: "Error parsing `filter` params: [\(list)]")
    }
}
