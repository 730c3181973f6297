internal import Domain
internal import Wire

/// The JSON Schemas (draft 2020-12) of messages, found by decoding each type from a ``SchemaRecorder``.
///
/// What a message's `init(from:)` asks for is what the schema says, so the two cannot differ. Objects are collected by
/// name; the schemas refer to them.
final class SchemaCollection {
    /// The schemas of objects, by type name: `components/schemas` of an OpenAPI document.
    private(set) var objects: [String: JSONValue] = [:]
    private var known: [ObjectIdentifier: Recorded] = [:]

    private struct Recorded {
        var schema: JSONValue
        var sample: Any
    }

    /// The schema of a message; nil if the type can't be decoded.
    func schema(of type: Any.Type) -> JSONValue? {
        func open<Value: Decodable>(_ type: Value.Type) -> JSONValue { record(type).schema }
        return (type as? any Decodable.Type).map { open($0) }
    }

    /// The schema of `type`, and a value that satisfies the checks of its `init(from:)`.
    func record<Value: Decodable>(_ type: Value.Type) -> (schema: JSONValue, sample: Value) {
        let id = ObjectIdentifier(type)
        if let recorded = known[id], let sample = recorded.sample as? Value { return (recorded.schema, sample) }
        let (schema, sample) = make(type)
        known[id] = Recorded(schema: schema, sample: sample)
        return (schema, sample)
    }

    private func make<Value: Decodable>(_ type: Value.Type) -> (schema: JSONValue, sample: Value) {
        if let described = type as? any SchemaDescribed.Type, let sample = described.sample as? Value {
            return (described.schema(in: self), sample)
        }
        if let cases = Self.cases(of: type), let sample = cases.first as? Value {
            let names = cases.map { JSONValue.string($0.rawValue as? String ?? "") }
            return (["type": "string", "enum": .array(names)], sample)
        }
        let object = SchemaRecorder.Object()
        let sample: Value
        do {
            sample = try Value(from: SchemaRecorder(schemas: self, object: object))
        } catch {
            preconditionFailure("\(type) can't be described: \(error)")
        }
        if let scalar = object.scalar { return (scalar, sample) }
        let name = Self.name(of: type)
        objects[name] = object.schema
        return (["$ref": .string("#/components/schemas/\(name)")], sample)
    }

    /// All values of an enumeration of names.
    private static func cases(of type: Any.Type) -> [any RawRepresentable]? {
        func all<Choice: CaseIterable>(_ type: Choice.Type) -> [any RawRepresentable] {
            type.allCases.compactMap { $0 as? any RawRepresentable }.filter { $0.rawValue is String }
        }
        return (type as? any CaseIterable.Type).map { all($0) }
    }

    /// `LineWindowResponse.Line` of `Wire.LineWindowResponse.Line`, `ListResponse.JobListItem` of a generic type.
    static func name(of type: Any.Type) -> String {
        String(reflecting: type).split(whereSeparator: { "<>, ".contains($0) })
            .map { $0.split(separator: ".").dropFirst().joined(separator: ".") }
            .joined(separator: ".")
    }

    /// The same schema, for a value that may be null.
    static func nullable(_ schema: JSONValue) -> JSONValue {
        guard case .object(var members) = schema, !members.isEmpty else { return schema }
        guard case .string(let type)? = members["type"] else { return ["anyOf": [schema, ["type": "null"]]] }
        members["type"] = ["null", .string(type)]
        if case .array(let names)? = members["enum"] { members["enum"] = .array(names + [.null]) }
        return .object(members)
    }
}

/// A type whose schema says more, or something else, than its `init(from:)` asks for.
protocol SchemaDescribed {
    static func schema(in schemas: SchemaCollection) -> JSONValue
    static var sample: Self { get }
}

extension Optional: SchemaDescribed where Wrapped: Decodable {
    static func schema(in schemas: SchemaCollection) -> JSONValue {
        SchemaCollection.nullable(schemas.record(Wrapped.self).schema)
    }
    static var sample: Self { nil }
}

extension Array: SchemaDescribed where Element: Decodable {
    static func schema(in schemas: SchemaCollection) -> JSONValue {
        ["type": "array", "items": schemas.record(Element.self).schema]
    }
    static var sample: Self { [] }
}

extension Dictionary: SchemaDescribed where Key == String, Value: Decodable {
    static func schema(in schemas: SchemaCollection) -> JSONValue {
        ["type": "object", "additionalProperties": schemas.record(Value.self).schema]
    }
    static var sample: Self { [:] }
}

extension JSONValue: SchemaDescribed {
    static func schema(in schemas: SchemaCollection) -> JSONValue { [:] }
    static var sample: JSONValue { .null }
}

extension Identifier: SchemaDescribed {
    static func schema(in schemas: SchemaCollection) -> JSONValue { ["type": "string", "format": "uuid"] }
    static var sample: Self { Self(randomBytes: Array(repeating: 0, count: 16)) }
}

extension Timestamp: SchemaDescribed {
    static func schema(in schemas: SchemaCollection) -> JSONValue { ["type": "string", "format": "date-time"] }
    static var sample: Timestamp { Timestamp(milliseconds: 0) }
}

extension InlineFile: SchemaDescribed {
    /// A plain text file is a string.
    static func schema(in schemas: SchemaCollection) -> JSONValue {
        [
            "anyOf": [
                ["type": "string"],
                object(
                    [
                        "content": ["type": "string"], "executable": ["type": ["boolean", "null"]],
                        "encoding": schemas.record(Encoding?.self).schema,
                    ], required: ["content"]),
            ]
        ]
    }
    static var sample: InlineFile { "" }
}

extension VineSource: SchemaDescribed {
    static func schema(in schemas: SchemaCollection) -> JSONValue {
        let path: JSONValue = ["type": ["string", "null"]]
        return [
            "oneOf": [
                object(
                    [
                        "type": ["const": "inline"], "path": path,
                        "files": schemas.record([String: InlineFile].self).schema,
                    ], required: ["type", "files"]),
                object(
                    [
                        "type": ["const": "git"], "url": ["type": "string"], "ref": ["type": "string"], "path": path,
                    ], required: ["type", "url", "ref"]),
            ]
        ]
    }
    static var sample: VineSource { .inline(files: [:]) }
}

/// An object with these members and no others.
private func object(_ properties: [String: JSONValue], required: [String]) -> JSONValue {
    [
        "type": "object", "properties": .object(properties), "additionalProperties": false,
        "required": .array(required.map(JSONValue.string)),
    ]
}
