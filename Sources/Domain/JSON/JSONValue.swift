/// Any JSON value (RFC 8259), for what users write and Vintner only carries: variables, metadata, outputs.
///
/// Numbers keep their digits: an integer that fits 64 bits and is written plainly is `.integer`, every other number is
/// `.number` with its exact text.
public enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(JSONNumber)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// The member `key` of an object; nil for every other value.
    public subscript(key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members[key]
    }

    /// The text of a string; nil for every other value.
    public var stringValue: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// The number as an integer; nil for other values and fractions.
    public var integerValue: Int64? {
        switch self {
        case .integer(let value): value
        case .number(let value): value.integerValue
        default: nil
        }
    }

    /// Every string in the value, keys included, changed by `transform`.
    public func mapStrings(_ transform: (String) -> String) -> JSONValue {
        switch self {
        case .string(let text): .string(transform(text))
        case .array(let items): .array(items.map { $0.mapStrings(transform) })
        case .object(let members):
            .object(
                Dictionary(
                    members.map { (transform($0.key), $0.value.mapStrings(transform)) },
                    uniquingKeysWith: { first, _ in first }
                )
            )
        default: self
        }
    }

    /// This object with the members of `other` merged into it recursively; returns `other` if either value is not an
    /// object.
    public func merging(_ other: JSONValue) -> JSONValue {
        guard case .object(let mine) = self, case .object(let theirs) = other else { return other }
        return .object(mine.merging(theirs) { $0.merging($1) })
    }

    /// How deep arrays and objects nest: 0 for a scalar, 1 for an array of scalars.
    public var depth: Int {
        switch self {
        case .array(let items): 1 + (items.lazy.map(\.depth).max() ?? 0)
        case .object(let members): 1 + (members.values.lazy.map(\.depth).max() ?? 0)
        default: 0
        }
    }

    /// The value with every array and object below `maxDepth` levels replaced by `marker`.
    public func cut(below maxDepth: Int, marker: JSONValue = JSONDepth.marker) -> JSONValue {
        switch self {
        case .array(let items):
            maxDepth > 0 ? .array(items.map { $0.cut(below: maxDepth - 1, marker: marker) }) : marker
        case .object(let members):
            maxDepth > 0 ? .object(members.mapValues { $0.cut(below: maxDepth - 1, marker: marker) }) : marker
        default: self
        }
    }
}

/// How deep JSON documents may nest.
public enum JSONDepth {
    /// What anybody sends: API bodies, Realtime messages, `vine.json`.
    public static let request = 64
    /// A job's metadata: leaves room for the report around it.
    public static let metadata = 60
    /// What Vintner stored or sent itself; earlier versions took documents of up to 512 levels.
    public static let trusted = 1024
    /// Replaces what lies too deep where a document is cut rather than refused.
    public static let marker: JSONValue = "(too deep)"
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(Dictionary(elements, uniquingKeysWith: { _, last in last }))
    }
}
