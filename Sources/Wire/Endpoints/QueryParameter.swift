public import Domain

/// A query parameter of a call: its name, and which values it takes.
public struct QueryParameter<Value: Sendable>: Sendable {
    public let description: QueryParameterDescription
    private let read: @Sendable (String) throws(Refusal) -> Value
    private let write: @Sendable (Value) -> String

    private init(
        _ name: String, _ kind: ParameterKind, read: @escaping @Sendable (String) -> Value?,
        write: @escaping @Sendable (Value) -> String
    ) {
        let description = QueryParameterDescription(name: name, kind: kind)
        self.description = description
        self.read = { text throws(Refusal) in
            guard let value = read(text) else { throw Refusal(.invalid, description.expectation) }
            return value
        }
        self.write = write
    }

    /// The value that `text` stands for. - Throws: ``Refusal`` `.invalid`.
    public func value(of text: String) throws(Refusal) -> Value { try read(text) }

    /// The parameter with this value, for a request; nil, which sends nothing, for nil.
    public func callAsFunction(_ value: Value?) -> QueryItem? {
        value.map { QueryItem(name: description.name, value: write($0)) }
    }
}

extension QueryParameter where Value: FixedWidthInteger {
    /// A whole number within `range`.
    public static func number(_ name: String, in range: ClosedRange<Value>) -> Self {
        Self(name, .number(Int64(clamping: range.lowerBound)...Int64(clamping: range.upperBound))) { text in
            Value(text).flatMap { range.contains($0) ? $0 : nil }
        } write: {
            String($0)
        }
    }
}

extension QueryParameter where Value == Bool {
    /// 0 or 1.
    public static func flag(_ name: String) -> Self {
        Self(name, .number(0...1)) { text in
            text == "1" ? true : text == "0" ? false : nil
        } write: {
            $0 ? "1" : "0"
        }
    }

    /// `false` or `true`.
    public static func boolean(_ name: String) -> Self {
        Self(name, .choice(["false", "true"]), read: { Bool($0) }, write: { String($0) })
    }
}

extension QueryParameter where Value == String {
    /// Text of at most `limit` bytes.
    public static func text(_ name: String, upTo limit: Int = 200) -> Self {
        Self(name, .text(maxBytes: limit), read: { $0.utf8.count <= limit ? $0 : nil }, write: { $0 })
    }

    /// One of `names`.
    public static func choice(_ name: String, of names: [String]) -> Self {
        Self(name, .choice(names), read: { names.contains($0) ? $0 : nil }, write: { $0 })
    }
}

extension QueryParameter where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of the cases of `Value`, in upper or lower case.
    public static func choice(_ name: String) -> Self {
        Self(name, .choice(Value.allCases.map(\.rawValue))) { text in
            Value(rawValue: text.uppercased())
        } write: {
            $0.rawValue
        }
    }
}

extension QueryParameter where Value == Timestamp {
    /// A time in UTC.
    public static func time(_ name: String) -> Self {
        Self(name, .time, read: { Timestamp($0) }, write: { $0.description })
    }
}

extension QueryParameter {
    /// An ID.
    public static func id<Noun: PathNoun>(_ name: String) -> Self where Value == Identifier<Noun> {
        Self(name, .id(Noun.noun), read: { Value($0) }, write: { $0.rawValue })
    }
}

extension QueryParameter {
    /// Some cases of `Choice`, with commas between them.
    public static func list<Choice: RawRepresentable<String> & CaseIterable>(_ name: String) -> Self
    where Value == Set<Choice> {
        let names = Choice.allCases.map(\.rawValue)
        return Self(name, .list(names)) { text in
            let parts = text.split(separator: ",")
            let chosen = parts.compactMap { Choice(rawValue: String($0)) }
            return chosen.isEmpty || chosen.count < parts.count ? nil : Set(chosen)
        } write: { chosen in
            names.filter { name in chosen.contains { $0.rawValue == name } }.joined(separator: ",")
        }
    }
}

/// What a ``QueryParameter`` says about itself, without its type.
public struct QueryParameterDescription: Hashable, Sendable {
    public let name: String
    public let kind: ParameterKind

    /// Says which values the parameter takes.
    public var expectation: String {
        switch kind {
        case .number(let range): "\"\(name)\" is a number from \(range.lowerBound) to \(range.upperBound)."
        case .text(let limit): "\"\(name)\" has at most \(limit) bytes."
        case .choice(let names): "\"\(name)\" is one of \(names.joined(separator: ", "))."
        case .list(let names): "\"\(name)\" names some of \(names.joined(separator: ", ")), with commas between them."
        case .id(let noun): "\"\(name)\" is the ID of a \(noun)."
        case .time: "\"\(name)\" is a time in UTC, such as 2026-09-14T11:59:58Z."
        }
    }
}

/// A header field that a call takes.
public struct HeaderParameterDescription: Hashable, Sendable {
    public let name: String
    /// A regular expression.
    public let pattern: String
    /// Says which values the field takes.
    public let expectation: String
}

/// Which values a parameter of a query or a path takes.
public enum ParameterKind: Hashable, Sendable {
    case number(ClosedRange<Int64>)
    case text(maxBytes: Int)
    case choice([String])
    /// Some of these, with commas between them.
    case list([String])
    /// The ID of such a thing.
    case id(String)
    /// RFC 3339, in UTC.
    case time

    /// Whether the parameter takes this text.
    public func accepts(_ text: String) -> Bool {
        switch self {
        case .number(let range): Int64(text).map(range.contains) ?? false
        case .text(let limit): text.utf8.count <= limit
        case .choice(let names): names.contains(text) || names.contains(text.uppercased())
        case .list(let names):
            !text.isEmpty && text.split(separator: ",").allSatisfy { names.contains(String($0)) }
        case .id: JobID(text) != nil
        case .time: Timestamp(text) != nil
        }
    }
}

/// A query parameter with its value, as a client sends it.
public struct QueryItem: Hashable, Sendable {
    public var name: String
    public var value: String
}
