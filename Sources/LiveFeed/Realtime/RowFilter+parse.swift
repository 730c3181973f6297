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
