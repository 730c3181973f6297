extension JSONValue {
    /// A typed message as a value, which keeps the digits of the numbers in it.
    public init(encoding value: some Encodable, names: JSONNames = .asWritten) throws {
        self = try TreeEncoder(path: .root, names: names).encoded(value)
    }
}

extension JSONValue: Encodable {
    /// Only into another ``JSONValue``: Foundation's encoder rounds numbers.
    public func encode(to encoder: any Encoder) throws {
        guard let encoder = encoder as? TreeEncoder else {
            throw EncodingError.invalidValue(
                self, .init(codingPath: encoder.codingPath, debugDescription: "write JSON with JSONValue.bytes"))
        }
        encoder.node.value = self
    }
}

/// A value while it is put together.
final class JSONNode {
    enum Part {
        case value(JSONValue)
        case node(JSONNode)

        var result: JSONValue {
            switch self {
            case .value(let value): value
            case .node(let node): node.result
            }
        }
    }

    var value: JSONValue?
    var members: [String: Part]?
    var items: [Part]?

    /// An object without members where nothing was encoded.
    var result: JSONValue {
        if let members { return .object(members.mapValues(\.result)) }
        if let items { return .array(items.map(\.result)) }
        return value ?? .object([:])
    }
}

/// Where one value is encoded.
struct TreeEncoder: Encoder {
    let node = JSONNode()
    let path: JSONPath
    let names: JSONNames

    var codingPath: [any CodingKey] { path.keys }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    init(path: JSONPath, names: JSONNames) {
        self.path = path
        self.names = names
    }

    func container<Key>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        if node.members == nil { node.members = [:] }
        return KeyedEncodingContainer(
            MemberEncoding<Key>(encoder: self, names: MapKeys.are(type) ? .asWritten : names))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        if node.items == nil { node.items = [] }
        return ElementEncoding(encoder: self)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { self }

    /// `value` on its own.
    func encoded<Value: Encodable>(_ value: Value) throws -> JSONValue {
        // By type first: a cast of one collection to another would try its elements.
        let type = Value.self
        if type == JSONValue.self, let value = value as? JSONValue { return value }
        if type == String.self, let text = value as? String { return .string(text) }
        if type == [String: JSONValue].self, let members = value as? [String: JSONValue] { return .object(members) }
        if type == [[Int64]].self, let rows = value as? [[Int64]] {
            return .array(rows.map { .array($0.map(JSONValue.integer)) })
        }
        let encoder = TreeEncoder(path: path, names: names)
        try value.encode(to: encoder)
        return encoder.node.result
    }

    func child(_ key: any CodingKey) -> TreeEncoder {
        TreeEncoder(path: .member(key, of: path), names: names)
    }

    func number(_ value: Double) throws -> JSONValue {
        guard let number = JSONNumber(value) else {
            throw EncodingError.invalidValue(
                value, .init(codingPath: codingPath, debugDescription: "JSON has no such number"))
        }
        return Int64(number.description).map(JSONValue.integer) ?? .number(number)
    }

    func number(_ value: some FixedWidthInteger) -> JSONValue {
        Int64(exactly: value).map(JSONValue.integer) ?? .number(JSONNumber(unchecked: String(value)))
    }
}

extension TreeEncoder: SingleValueEncodingContainer {
    func encodeNil() { node.value = .null }
    func encode(_ value: Bool) { node.value = .bool(value) }
    func encode(_ value: String) { node.value = .string(value) }
    func encode(_ value: Double) throws { node.value = try number(value) }
    func encode(_ value: Float) throws { node.value = try number(Double(value)) }
    func encode(_ value: Int) { node.value = .integer(Int64(value)) }
    func encode(_ value: Int8) { node.value = number(value) }
    func encode(_ value: Int16) { node.value = number(value) }
    func encode(_ value: Int32) { node.value = number(value) }
    func encode(_ value: Int64) { node.value = .integer(value) }
    func encode(_ value: UInt) { node.value = number(value) }
    func encode(_ value: UInt8) { node.value = number(value) }
    func encode(_ value: UInt16) { node.value = number(value) }
    func encode(_ value: UInt32) { node.value = number(value) }
    func encode(_ value: UInt64) { node.value = number(value) }
    func encode<Value: Encodable>(_ value: Value) throws { node.value = try encoded(value) }
}

struct MemberEncoding<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let encoder: TreeEncoder
    let names: JSONNames

    var codingPath: [any CodingKey] { encoder.codingPath }

    private func set(_ part: JSONNode.Part, _ key: Key) {
        encoder.node.members?[names.spelled(key.stringValue)] = part
    }

    private func set(_ value: JSONValue, _ key: Key) { set(.value(value), key) }

    func encodeNil(forKey key: Key) { set(.null, key) }
    func encode(_ value: Bool, forKey key: Key) { set(.bool(value), key) }
    func encode(_ value: String, forKey key: Key) { set(.string(value), key) }
    func encode(_ value: Double, forKey key: Key) throws { set(try encoder.child(key).number(value), key) }
    func encode(_ value: Float, forKey key: Key) throws { set(try encoder.child(key).number(Double(value)), key) }
    func encode(_ value: Int, forKey key: Key) { set(.integer(Int64(value)), key) }
    func encode(_ value: Int8, forKey key: Key) { set(encoder.number(value), key) }
    func encode(_ value: Int16, forKey key: Key) { set(encoder.number(value), key) }
    func encode(_ value: Int32, forKey key: Key) { set(encoder.number(value), key) }
    func encode(_ value: Int64, forKey key: Key) { set(.integer(value), key) }
    func encode(_ value: UInt, forKey key: Key) { set(encoder.number(value), key) }
    func encode(_ value: UInt8, forKey key: Key) { set(encoder.number(value), key) }
    func encode(_ value: UInt16, forKey key: Key) { set(encoder.number(value), key) }
    func encode(_ value: UInt32, forKey key: Key) { set(encoder.number(value), key) }
    func encode(_ value: UInt64, forKey key: Key) { set(encoder.number(value), key) }
    func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
        set(try encoder.child(key).encoded(value), key)
    }

    func nestedContainer<Nested>(keyedBy type: Nested.Type, forKey key: Key) -> KeyedEncodingContainer<Nested> {
        nested(key).container(keyedBy: type)
    }
    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer { nested(key).unkeyedContainer() }
    func superEncoder() -> any Encoder { encoder }
    func superEncoder(forKey key: Key) -> any Encoder { nested(key) }

    private func nested(_ key: Key) -> TreeEncoder {
        let child = encoder.child(key)
        set(.node(child.node), key)
        return child
    }
}

private struct ElementEncoding: UnkeyedEncodingContainer {
    let encoder: TreeEncoder

    var codingPath: [any CodingKey] { encoder.codingPath }
    var count: Int { encoder.node.items?.count ?? 0 }

    private func add(_ value: JSONValue) { encoder.node.items?.append(.value(value)) }

    func encodeNil() { add(.null) }
    func encode(_ value: Bool) { add(.bool(value)) }
    func encode(_ value: String) { add(.string(value)) }
    func encode(_ value: Double) throws { add(try encoder.number(value)) }
    func encode(_ value: Float) throws { add(try encoder.number(Double(value))) }
    func encode(_ value: Int) { add(.integer(Int64(value))) }
    func encode(_ value: Int8) { add(encoder.number(value)) }
    func encode(_ value: Int16) { add(encoder.number(value)) }
    func encode(_ value: Int32) { add(encoder.number(value)) }
    func encode(_ value: Int64) { add(.integer(value)) }
    func encode(_ value: UInt) { add(encoder.number(value)) }
    func encode(_ value: UInt8) { add(encoder.number(value)) }
    func encode(_ value: UInt16) { add(encoder.number(value)) }
    func encode(_ value: UInt32) { add(encoder.number(value)) }
    func encode(_ value: UInt64) { add(encoder.number(value)) }
    func encode<Value: Encodable>(_ value: Value) throws {
        add(try encoder.child(JSONIndex(count)).encoded(value))
    }

    func nestedContainer<Nested>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
        nested().container(keyedBy: type)
    }
    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { nested().unkeyedContainer() }
    func superEncoder() -> any Encoder { nested() }

    private func nested() -> TreeEncoder {
        let child = encoder.child(JSONIndex(count))
        encoder.node.items?.append(.node(child.node))
        return child
    }
}
