/// How the names of typed messages are spelled in JSON. Keys of maps are never changed.
public enum JSONNames: Sendable {
    case asWritten
    /// `vineId` is `vine_id`.
    case snakeCase

    /// `name` as it is written in JSON.
    public func spelled(_ name: String) -> String {
        guard self == .snakeCase, name.utf8.contains(where: Self.isUpperCase) else { return name }
        var spelled: [UInt8] = []
        spelled.reserveCapacity(name.utf8.count + 4)
        for byte in name.utf8 {
            if Self.isUpperCase(byte) {
                spelled.append(UInt8(ascii: "_"))
                spelled.append(byte | 0x20)
            } else {
                spelled.append(byte)
            }
        }
        return String(decoding: spelled, as: UTF8.self)
    }

    private static func isUpperCase(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "A") < 26 }
}

extension JSONValue {
    /// This value as a typed message. Looks at each member once: a message of nested values costs no more than its size.
    ///
    /// - Throws: ``UnknownJSONField`` for a member that no type asks for, if `refusingUnknownFields`.
    public func decoded<Value: Decodable>(
        as type: Value.Type = Value.self, names: JSONNames = .asWritten, refusingUnknownFields: Bool = false
    ) throws -> Value {
        let audit = refusingUnknownFields ? FieldAudit() : nil
        let message = try TreeDecoder(value: self, path: .root, names: names, audit: audit).decode(type)
        if let unknown = audit?.firstUnknown { throw unknown }
        return message
    }
}

extension JSONValue: Decodable {
    /// Only from another ``JSONValue``: Foundation's decoder rounds numbers.
    public init(from decoder: any Decoder) throws {
        guard let decoder = decoder as? TreeDecoder else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "read JSON with JSONValue(parsing:)"))
        }
        self = decoder.value
    }
}

/// A member of a document that its type does not have.
public struct UnknownJSONField: Error, Hashable {
    /// The names from the top of the document to the member.
    public var path: [String]
    /// The names that the type has there, sorted.
    public var known: [String]
}

/// Notes which members of each object were asked for while a message was decoded. Maps and ``JSONValue``s take every
/// name, and are not noted.
final class FieldAudit {
    final class Object {
        let path: JSONPath
        let members: [String: JSONValue]
        var asked: Set<String> = []

        init(path: JSONPath, members: [String: JSONValue]) {
            self.path = path
            self.members = members
        }
    }

    private var objects: [Object] = []

    func begin(_ path: JSONPath, _ members: [String: JSONValue]) -> Object {
        let object = Object(path: path, members: members)
        objects.append(object)
        return object
    }

    /// The first unknown member by path. Several types may share an object: one of them must know the member.
    var firstUnknown: UnknownJSONField? {
        var asked: [[String]: Set<String>] = [:]
        var members: [[String]: Set<String>] = [:]
        for object in objects {
            let path = object.path.keys.map { $0.intValue.map(String.init) ?? $0.stringValue }
            asked[path, default: []].formUnion(object.asked)
            members[path, default: []].formUnion(object.members.keys)
        }
        let unknown = members.compactMap { path, names -> UnknownJSONField? in
            let known = asked[path] ?? []
            return names.subtracting(known).min().map { .init(path: path + [$0], known: known.sorted()) }
        }
        return unknown.min { $0.path.lexicographicallyPrecedes($1.path) }
    }
}

/// The position of a value in a document. The list of keys is only made for errors.
indirect enum JSONPath {
    case root
    case member(any CodingKey, of: JSONPath)

    var keys: [any CodingKey] {
        var keys: [any CodingKey] = []
        var path = self
        while case .member(let key, let parent) = path {
            keys.append(key)
            path = parent
        }
        return keys.reversed()
    }
}

/// The place of an element in an array.
struct JSONIndex: CodingKey {
    var index: Int

    init(_ index: Int) { self.index = index }
    init?(intValue: Int) { self.init(intValue) }
    init?(stringValue: String) { return nil }

    var intValue: Int? { index }
    var stringValue: String { String(index) }
}

/// Recognizes the keys of a `[String: Value]`, which are data and not names.
enum MapKeys {
    static func are<Key>(_ type: Key.Type) -> Bool { ObjectIdentifier(type) == standard }

    /// The standard library's private key type, found by asking it.
    private static let standard: ObjectIdentifier? = {
        let probe = Probe()
        try? ["": ""].encode(to: probe)
        return probe.found.type
    }()

    private struct Probe: Encoder {
        final class Found { var type: ObjectIdentifier? }

        let found = Found()
        let codingPath: [any CodingKey] = []
        let userInfo: [CodingUserInfoKey: Any] = [:]

        func container<Key>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
            found.type = ObjectIdentifier(type)
            // Made here: an encoder would ask what is only being found out.
            return KeyedEncodingContainer(
                MemberEncoding<Key>(encoder: TreeEncoder(path: .root, names: .asWritten), names: .asWritten))
        }

        func unkeyedContainer() -> any UnkeyedEncodingContainer {
            TreeEncoder(path: .root, names: .asWritten).unkeyedContainer()
        }

        func singleValueContainer() -> any SingleValueEncodingContainer {
            TreeEncoder(path: .root, names: .asWritten)
        }
    }
}

/// One value of a document, to be decoded.
struct TreeDecoder: Decoder {
    let value: JSONValue
    let path: JSONPath
    let names: JSONNames
    /// nil to ignore unknown members.
    var audit: FieldAudit?

    var codingPath: [any CodingKey] { path.keys }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard case .object(let members) = value else { throw mismatch([String: JSONValue].self) }
        let isMap = MapKeys.are(type)
        return KeyedDecodingContainer(
            MemberDecoding<Key>(
                members: members, decoder: self, names: isMap ? .asWritten : names,
                audited: isMap ? nil : audit?.begin(path, members)))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard case .array(let items) = value else { throw mismatch([JSONValue].self) }
        return ElementDecoding(items: items, decoder: self)
    }

    func singleValueContainer() -> any SingleValueDecodingContainer { self }

    func mismatch(_ type: Any.Type) -> DecodingError {
        let context = DecodingError.Context(codingPath: codingPath, debugDescription: "not a \(type)")
        return value == .null ? .valueNotFound(type, context) : .typeMismatch(type, context)
    }

    fileprivate func child(_ value: JSONValue, _ key: any CodingKey) -> TreeDecoder {
        TreeDecoder(value: value, path: .member(key, of: path), names: names, audit: audit)
    }

    fileprivate func integer<Value: FixedWidthInteger>(_ type: Value.Type) throws -> Value {
        if case .integer(let value) = value, let value = Value(exactly: value) { return value }
        guard case .number(let number) = value else {
            guard case .integer = value else { throw mismatch(type) }
            throw outOfRange()
        }
        if let value = Value(number.description) { return value }
        guard let value = number.integerValue.flatMap({ Value(exactly: $0) }) else { throw outOfRange() }
        return value
    }

    private func outOfRange() -> DecodingError {
        .dataCorrupted(.init(codingPath: codingPath, debugDescription: "not a whole number of this size"))
    }
}

extension TreeDecoder: SingleValueDecodingContainer {
    func decodeNil() -> Bool { value == .null }

    func decode(_ type: Bool.Type) throws -> Bool {
        guard case .bool(let value) = value else { throw mismatch(type) }
        return value
    }

    func decode(_ type: String.Type) throws -> String {
        guard case .string(let text) = value else { throw mismatch(type) }
        return text
    }

    func decode(_ type: Double.Type) throws -> Double {
        switch value {
        case .integer(let value): return Double(value)
        case .number(let number): return number.doubleValue
        default: throw mismatch(type)
        }
    }

    func decode(_ type: Float.Type) throws -> Float { Float(try decode(Double.self)) }
    func decode(_ type: Int.Type) throws -> Int { try integer(type) }
    func decode(_ type: Int8.Type) throws -> Int8 { try integer(type) }
    func decode(_ type: Int16.Type) throws -> Int16 { try integer(type) }
    func decode(_ type: Int32.Type) throws -> Int32 { try integer(type) }
    func decode(_ type: Int64.Type) throws -> Int64 { try integer(type) }
    func decode(_ type: UInt.Type) throws -> UInt { try integer(type) }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try integer(type) }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try integer(type) }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try integer(type) }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try integer(type) }

    /// What messages hold most of is taken as it is; everything else goes through its own `init(from:)`.
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        if type == JSONValue.self, let value = value as? Value { return value }
        if type == String.self, let text = try decode(String.self) as? Value { return text }
        if type == [String: JSONValue].self {
            guard case .object(let members) = value else { throw mismatch(type) }
            if let members = members as? Value { return members }
        }
        if type == [[Int64]].self, let rows = try integerRows() as? Value { return rows }
        return try Value(from: self)
    }

    /// The times of a log's lines come in thousands.
    private func integerRows() throws -> [[Int64]] {
        guard case .array(let rows) = value else { throw mismatch([[Int64]].self) }
        return try rows.map { row in
            guard case .array(let items) = row else { throw mismatch([[Int64]].self) }
            return try items.map { item in
                guard let number = item.integerValue else { throw mismatch([[Int64]].self) }
                return number
            }
        }
    }
}

private struct MemberDecoding<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let members: [String: JSONValue]
    let decoder: TreeDecoder
    let names: JSONNames
    let audited: FieldAudit.Object?

    var codingPath: [any CodingKey] { decoder.codingPath }
    var allKeys: [Key] {
        guard names == .snakeCase else { return members.keys.compactMap(Key.init(stringValue:)) }
        return members.keys.compactMap { Key(stringValue: $0) ?? Key(stringValue: Self.camelCase($0)) }
    }

    private static func camelCase(_ name: String) -> String {
        let parts = name.split(separator: "_", omittingEmptySubsequences: false)
        return parts.dropFirst().reduce(into: String(parts[0])) { $0 += $1.prefix(1).uppercased() + $1.dropFirst() }
    }

    private func name(of key: Key) -> String {
        let name = names.spelled(key.stringValue)
        audited?.asked.insert(name)
        return name
    }

    private func member(_ key: Key) throws -> TreeDecoder {
        guard let value = members[name(of: key)] else {
            throw DecodingError.keyNotFound(
                key, .init(codingPath: codingPath, debugDescription: "\(key.stringValue) is missing"))
        }
        return decoder.child(value, key)
    }

    func contains(_ key: Key) -> Bool { members[name(of: key)] != nil }
    func decodeNil(forKey key: Key) throws -> Bool { try member(key).value == .null }
    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try member(key).decode(type) }
    func decode(_ type: String.Type, forKey key: Key) throws -> String { try member(key).decode(type) }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try member(key).decode(type) }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { try member(key).decode(type) }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try member(key).integer(type) }
    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try member(key).integer(type) }
    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try member(key).integer(type) }
    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try member(key).integer(type) }
    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try member(key).integer(type) }
    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try member(key).integer(type) }
    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try member(key).integer(type) }
    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try member(key).integer(type) }
    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try member(key).integer(type) }
    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try member(key).integer(type) }
    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value { try member(key).decode(type) }

    func nestedContainer<Nested>(
        keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> { try member(key).container(keyedBy: type) }
    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try member(key).unkeyedContainer()
    }
    func superDecoder() throws -> any Decoder { decoder }
    func superDecoder(forKey key: Key) throws -> any Decoder { try member(key) }
}

private struct ElementDecoding: UnkeyedDecodingContainer {
    let items: [JSONValue]
    let decoder: TreeDecoder
    private(set) var currentIndex = 0

    init(items: [JSONValue], decoder: TreeDecoder) {
        self.items = items
        self.decoder = decoder
    }

    var codingPath: [any CodingKey] { decoder.codingPath }
    var count: Int? { items.count }
    var isAtEnd: Bool { currentIndex == items.count }

    private mutating func element<Value>(_ decode: (TreeDecoder) throws -> Value) throws -> Value {
        guard !isAtEnd else {
            throw DecodingError.valueNotFound(
                Value.self, .init(codingPath: codingPath, debugDescription: "the list has no more elements"))
        }
        let value = try decode(decoder.child(items[currentIndex], JSONIndex(currentIndex)))
        currentIndex += 1
        return value
    }

    mutating func decodeNil() throws -> Bool {
        guard !isAtEnd, items[currentIndex] == .null else { return false }
        currentIndex += 1
        return true
    }

    mutating func decode(_ type: Bool.Type) throws -> Bool { try element { try $0.decode(type) } }
    mutating func decode(_ type: String.Type) throws -> String { try element { try $0.decode(type) } }
    mutating func decode(_ type: Double.Type) throws -> Double { try element { try $0.decode(type) } }
    mutating func decode(_ type: Float.Type) throws -> Float { try element { try $0.decode(type) } }
    mutating func decode(_ type: Int.Type) throws -> Int { try element { try $0.integer(type) } }
    mutating func decode(_ type: Int8.Type) throws -> Int8 { try element { try $0.integer(type) } }
    mutating func decode(_ type: Int16.Type) throws -> Int16 { try element { try $0.integer(type) } }
    mutating func decode(_ type: Int32.Type) throws -> Int32 { try element { try $0.integer(type) } }
    mutating func decode(_ type: Int64.Type) throws -> Int64 { try element { try $0.integer(type) } }
    mutating func decode(_ type: UInt.Type) throws -> UInt { try element { try $0.integer(type) } }
    mutating func decode(_ type: UInt8.Type) throws -> UInt8 { try element { try $0.integer(type) } }
    mutating func decode(_ type: UInt16.Type) throws -> UInt16 { try element { try $0.integer(type) } }
    mutating func decode(_ type: UInt32.Type) throws -> UInt32 { try element { try $0.integer(type) } }
    mutating func decode(_ type: UInt64.Type) throws -> UInt64 { try element { try $0.integer(type) } }
    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try element { try $0.decode(type) }
    }

    mutating func nestedContainer<Nested>(keyedBy type: Nested.Type) throws -> KeyedDecodingContainer<Nested> {
        try element { try $0.container(keyedBy: type) }
    }
    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        try element { try $0.unkeyedContainer() }
    }
    mutating func superDecoder() throws -> any Decoder { try element { $0 } }
}
