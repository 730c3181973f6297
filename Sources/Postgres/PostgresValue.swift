public import Foundation

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// A parameter of a statement. Travels in PostgreSQL's binary format, under a type that does not depend on its value.
public enum PostgresValue: Hashable, Sendable {
    case bool(Bool?)
    /// `bigint`, which PostgreSQL also assigns to smaller integers.
    case int(Int64?)
    /// `text`. See ``PostgresText`` for U+0000.
    case text(String?)
    /// `bytea`
    case bytes(Data?)
    /// `uuid`, in its usual form of 36 characters.
    case uuid(String?)
    case bools([Bool])
    case ints([Int64])
    case texts([String])
    case byteStrings([Data])
    case uuids([String])
}

/// A Swift value that can stand for a parameter.
public protocol PostgresConvertible: Sendable {
    var postgresValue: PostgresValue { get }
    /// The parameter that NULL of this type is.
    static var postgresNull: PostgresValue { get }
}

extension Bool: PostgresConvertible {
    public var postgresValue: PostgresValue { .bool(self) }
    public static var postgresNull: PostgresValue { .bool(nil) }
}

extension Int: PostgresConvertible {
    public var postgresValue: PostgresValue { .int(Int64(self)) }
    public static var postgresNull: PostgresValue { .int(nil) }
}

extension Int64: PostgresConvertible {
    public var postgresValue: PostgresValue { .int(self) }
    public static var postgresNull: PostgresValue { .int(nil) }
}

extension String: PostgresConvertible {
    public var postgresValue: PostgresValue { .text(self) }
    public static var postgresNull: PostgresValue { .text(nil) }
}

extension Data: PostgresConvertible {
    public var postgresValue: PostgresValue { .bytes(self) }
    public static var postgresNull: PostgresValue { .bytes(nil) }
}

extension PostgresValue: PostgresConvertible {
    public var postgresValue: PostgresValue { self }
    public static var postgresNull: PostgresValue { .text(nil) }
}

extension Optional: PostgresConvertible where Wrapped: PostgresConvertible {
    public var postgresValue: PostgresValue { self?.postgresValue ?? Wrapped.postgresNull }
    public static var postgresNull: PostgresValue { Wrapped.postgresNull }
}

/// Object identifiers of types (`pg_type.dat`).
enum PostgresType {
    static let bool: UInt32 = 16
    static let bytea: UInt32 = 17
    static let name: UInt32 = 19
    static let int8: UInt32 = 20
    static let int2: UInt32 = 21
    static let int4: UInt32 = 23
    static let text: UInt32 = 25
    static let varchar: UInt32 = 1043
    static let uuid: UInt32 = 2950
    static let boolArray: UInt32 = 1000
    static let byteaArray: UInt32 = 1001
    static let textArray: UInt32 = 1009
    static let int8Array: UInt32 = 1016
    static let uuidArray: UInt32 = 2951
}

extension PostgresValue {
    var type: UInt32 {
        switch self {
        case .bool: PostgresType.bool
        case .int: PostgresType.int8
        case .text: PostgresType.text
        case .bytes: PostgresType.bytea
        case .uuid: PostgresType.uuid
        case .bools: PostgresType.boolArray
        case .ints: PostgresType.int8Array
        case .texts: PostgresType.textArray
        case .byteStrings: PostgresType.byteaArray
        case .uuids: PostgresType.uuidArray
        }
    }

    /// Appends the value's bytes; false for NULL, which has none.
    func encode(into bytes: inout [UInt8]) throws(PostgresError) -> Bool {
        switch self {
        case .bool(let value?): bytes.append(value ? 1 : 0)
        case .int(let value?): bytes.appendBigEndian(value)
        case .text(let value?): bytes.append(contentsOf: PostgresText.encode(value))
        case .bytes(let value?): bytes.append(contentsOf: value)
        case .uuid(let value?): try bytes.append(uuid: value)
        case .bool(nil), .int(nil), .text(nil), .bytes(nil), .uuid(nil): return false
        case .bools(let values):
            try bytes.append(array: values, of: PostgresType.bool) { (value, bytes) throws(PostgresError) in
                bytes.append(value ? 1 : 0)
            }
        case .ints(let values):
            try bytes.append(array: values, of: PostgresType.int8) { (value, bytes) throws(PostgresError) in
                bytes.appendBigEndian(value)
            }
        case .texts(let values):
            try bytes.append(array: values, of: PostgresType.text) { (value, bytes) throws(PostgresError) in
                bytes.append(contentsOf: PostgresText.encode(value))
            }
        case .byteStrings(let values):
            try bytes.append(array: values, of: PostgresType.bytea) { (value, bytes) throws(PostgresError) in
                bytes.append(contentsOf: value)
            }
        case .uuids(let values):
            try bytes.append(array: values, of: PostgresType.uuid) { (value, bytes) throws(PostgresError) in
                try bytes.append(uuid: value)
            }
        }
        return true
    }
}

extension [UInt8] {
    fileprivate mutating func appendBigEndian(_ value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }

    fileprivate mutating func append(uuid text: String) throws(PostgresError) {
        guard let bytes = PostgresUUID.bytes(of: text) else { throw PostgresError(.decoding, "This is not a UUID.") }
        append(contentsOf: bytes)
    }

    /// A one-dimensional array from 1 without NULLs.
    fileprivate mutating func append<Item>(
        array values: [Item], of type: UInt32,
        element: (Item, inout [UInt8]) throws(PostgresError) -> Void
    ) throws(PostgresError) {
        appendBigEndian(Int32(values.isEmpty ? 0 : 1))
        appendBigEndian(Int32(0))
        appendBigEndian(type)
        guard !values.isEmpty else { return }
        appendBigEndian(Int32(values.count))
        appendBigEndian(Int32(1))
        for value in values {
            let start = count
            appendBigEndian(Int32(0))
            try element(value, &self)
            let length = Int32(count - start - 4)
            Swift.withUnsafeBytes(of: length.bigEndian) { replaceSubrange(start..<start + 4, with: $0) }
        }
    }
}

/// PostgreSQL's text can't hold U+0000, which texts of ours may hold: it travels as two characters that no text has
/// (U+10FFFF U+10FFFE; U+10FFFF itself, a noncharacter, is doubled). All other text stays as it is.
enum PostgresText {
    private static let escape: [UInt8] = [0xf4, 0x8f, 0xbf, 0xbf]
    private static let zero: [UInt8] = [0xf4, 0x8f, 0xbf, 0xbe]

    static func encode(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        guard bytes.withUnsafeBytes({ holds(0, $0) || holds(0xf4, $0) }) else { return bytes }
        var encoded: [UInt8] = []
        encoded.reserveCapacity(bytes.count + 8)
        var index = 0
        while index < bytes.count {
            if bytes[index] == 0 {
                encoded += escape + zero
                index += 1
            } else if bytes[index...].starts(with: escape) {
                encoded += escape + escape
                index += 4
            } else {
                encoded.append(bytes[index])
                index += 1
            }
        }
        return encoded
    }

    private static func holds(_ byte: UInt8, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let start = bytes.baseAddress else { return false }
        return memchr(start, Int32(byte), bytes.count) != nil
    }

    static func decode(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
        guard holds(0xf4, UnsafeRawBufferPointer(bytes)) else { return String(decoding: bytes, as: UTF8.self) }
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            if bytes[index...].starts(with: escape), bytes.count - index >= 8 {
                if bytes[(index + 4)...].starts(with: zero) { decoded.append(0) } else { decoded += escape }
                index += 8
            } else {
                decoded.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: decoded, as: UTF8.self)
    }
}

/// UUIDs as PostgreSQL sends them: sixteen bytes.
enum PostgresUUID {
    static func bytes(of text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(16)
        var high: UInt8?
        for character in text.utf8 where character != UInt8(ascii: "-") {
            guard let digit = digit(character) else { return nil }
            if let first = high {
                bytes.append(first << 4 | digit)
                high = nil
            } else {
                high = digit
            }
        }
        return bytes.count == 16 && high == nil ? bytes : nil
    }

    static func text(of bytes: UnsafeBufferPointer<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(36)
        for (index, byte) in bytes.enumerated() {
            if index == 4 || index == 6 || index == 8 || index == 10 { text.append(UInt8(ascii: "-")) }
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func digit(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
