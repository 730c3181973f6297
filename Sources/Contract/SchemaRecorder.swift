internal import Domain

/// A decoder that has no document: it notes what a type asks for, and hands out values that satisfy the type.
struct SchemaRecorder: Decoder {
    /// What was asked for at one place of a message.
    final class Object {
        private var properties: [String: JSONValue] = [:]
        private var required: Set<String> = []
        /// The schema of a message that is a single value or a list.
        fileprivate(set) var scalar: JSONValue?

        fileprivate func add(_ name: String, _ schema: JSONValue, isRequired: Bool) {
            properties[name] = schema
            if isRequired { required.insert(name) }
        }

        var schema: JSONValue {
            var schema: [String: JSONValue] = [
                "type": "object", "properties": .object(properties), "additionalProperties": false,
            ]
            if !required.isEmpty { schema["required"] = .array(required.sorted().map(JSONValue.string)) }
            return .object(schema)
        }
    }

    let schemas: SchemaCollection
    let object: Object
    let codingPath: [any CodingKey] = []
    let userInfo: [CodingUserInfoKey: Any] = [:]

    func container<Key>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(Members<Key>(recorder: self))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { throw unsupported("a list of its own") }

    func singleValueContainer() -> any SingleValueDecodingContainer { Single(recorder: self) }

    fileprivate func unsupported(_ what: String) -> DecodingError {
        .dataCorrupted(.init(codingPath: [], debugDescription: "\(what) is not described; conform to SchemaDescribed"))
    }

    /// The schema and a sample of a standard type or of a message.
    fileprivate func record<Value: Decodable>(_ type: Value.Type) -> (schema: JSONValue, sample: Value) {
        let scalar: (JSONValue, Any)? =
            switch type {
            case is Bool.Type: (["type": "boolean"], false)
            case is String.Type: (["type": "string"], "")
            case is Int.Type: (["type": "integer", "format": "int64"], 0)
            case is Int64.Type: (["type": "integer", "format": "int64"], Int64(0))
            case is Double.Type: (["type": "number"], 0.0)
            default: nil
            }
        if let (schema, sample) = scalar, let sample = sample as? Value { return (schema, sample) }
        return schemas.record(type)
    }

    private struct Members<Key: CodingKey>: KeyedDecodingContainerProtocol {
        let recorder: SchemaRecorder
        let codingPath: [any CodingKey] = []
        let allKeys: [Key] = []

        private func name(_ key: Key) -> String { JSONNames.snakeCase.spelled(key.stringValue) }

        func contains(_ key: Key) -> Bool { true }

        func decodeNil(forKey key: Key) -> Bool { false }

        func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
            let (schema, sample) = recorder.record(type)
            recorder.object.add(name(key), schema, isRequired: true)
            return sample
        }

        /// An optional member may be null as well, which means the same.
        func decodeIfPresent<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value? {
            let schema = SchemaCollection.nullable(recorder.record(type).schema)
            recorder.object.add(name(key), schema, isRequired: false)
            return nil
        }

        // The protocol has an overload for each standard type; all of them are the same here.
        func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try standard(type, key) }
        func decode(_ type: String.Type, forKey key: Key) throws -> String { try standard(type, key) }
        func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try standard(type, key) }
        func decode(_ type: Float.Type, forKey key: Key) throws -> Float { try standard(type, key) }
        func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try standard(type, key) }
        func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try standard(type, key) }
        func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try standard(type, key) }
        func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try standard(type, key) }
        func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try standard(type, key) }
        func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try standard(type, key) }
        func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try standard(type, key) }
        func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try standard(type, key) }
        func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try standard(type, key) }
        func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try standard(type, key) }
        func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? { try optional(type, key) }
        func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? { try optional(type, key) }
        func decodeIfPresent(_ type: Double.Type, forKey key: Key) throws -> Double? { try optional(type, key) }
        func decodeIfPresent(_ type: Int.Type, forKey key: Key) throws -> Int? { try optional(type, key) }
        func decodeIfPresent(_ type: Int64.Type, forKey key: Key) throws -> Int64? { try optional(type, key) }

        private func standard<Value: Decodable>(_ type: Value.Type, _ key: Key) throws -> Value {
            let (schema, sample) = recorder.record(type)
            recorder.object.add(name(key), schema, isRequired: true)
            return sample
        }

        private func optional<Value: Decodable>(_ type: Value.Type, _ key: Key) throws -> Value? {
            recorder.object.add(
                name(key), SchemaCollection.nullable(recorder.record(type).schema), isRequired: false)
            return nil
        }

        func nestedContainer<Nested>(
            keyedBy type: Nested.Type, forKey key: Key
        ) throws -> KeyedDecodingContainer<Nested> { throw recorder.unsupported("a nested container") }
        func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
            throw recorder.unsupported("a nested container")
        }
        func superDecoder() -> any Decoder { recorder }
        func superDecoder(forKey key: Key) throws -> any Decoder { throw recorder.unsupported("a nested decoder") }
    }

    private struct Single: SingleValueDecodingContainer {
        let recorder: SchemaRecorder
        let codingPath: [any CodingKey] = []

        func decodeNil() -> Bool { false }

        func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
            let (schema, sample) = recorder.record(type)
            recorder.object.scalar = schema
            return sample
        }

        func decode(_ type: Bool.Type) throws -> Bool { try standard(type) }
        func decode(_ type: String.Type) throws -> String { try standard(type) }
        func decode(_ type: Double.Type) throws -> Double { try standard(type) }
        func decode(_ type: Float.Type) throws -> Float { try standard(type) }
        func decode(_ type: Int.Type) throws -> Int { try standard(type) }
        func decode(_ type: Int8.Type) throws -> Int8 { try standard(type) }
        func decode(_ type: Int16.Type) throws -> Int16 { try standard(type) }
        func decode(_ type: Int32.Type) throws -> Int32 { try standard(type) }
        func decode(_ type: Int64.Type) throws -> Int64 { try standard(type) }
        func decode(_ type: UInt.Type) throws -> UInt { try standard(type) }
        func decode(_ type: UInt8.Type) throws -> UInt8 { try standard(type) }
        func decode(_ type: UInt16.Type) throws -> UInt16 { try standard(type) }
        func decode(_ type: UInt32.Type) throws -> UInt32 { try standard(type) }
        func decode(_ type: UInt64.Type) throws -> UInt64 { try standard(type) }

        private func standard<Value: Decodable>(_ type: Value.Type) throws -> Value {
            let (schema, sample) = recorder.record(type)
            recorder.object.scalar = schema
            return sample
        }
    }
}
