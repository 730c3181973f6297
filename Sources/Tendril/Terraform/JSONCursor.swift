import Foundation

/// Walks JSON text (RFC 8259) from its first byte to its last without building a tree of it: plans and states may
/// have hundreds of megabytes, and a handful of fields is wanted.
///
/// What is stepped over is checked for its structure only (quotes and brackets), enough to tell a whole document
/// from one that is still being written.
struct JSONCursor {
    struct Malformed: Error, Hashable {
        var offset: Int
    }

    private let bytes: UnsafeBufferPointer<UInt8>
    private var offset = 0

    private init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    /// Reads one whole document with `body`, which must step over its value exactly once.
    static func read<Result>(_ data: Data, _ body: (inout JSONCursor) throws -> Result) throws -> Result {
        try data.withUnsafeBytes { raw in
            var cursor = JSONCursor(raw.bindMemory(to: UInt8.self))
            let result = try body(&cursor)
            cursor.skipSpace()
            guard cursor.offset == cursor.bytes.count else { throw cursor.malformed }
            return result
        }
    }

    /// Visits the members of the object that comes next; `visit` must step over each value exactly once. Any other
    /// value is stepped over.
    mutating func members(_ visit: (String, inout JSONCursor) throws -> Void) throws {
        guard peek() == UInt8(ascii: "{") else { return try skip() }
        offset += 1
        if take(UInt8(ascii: "}")) { return }
        repeat {
            guard let name = try string(), take(UInt8(ascii: ":")) else { throw malformed }
            try visit(name, &self)
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw malformed }
    }

    /// As ``members(_:)``, for an array.
    mutating func elements(_ visit: (inout JSONCursor) throws -> Void) throws {
        guard peek() == UInt8(ascii: "[") else { return try skip() }
        offset += 1
        if take(UInt8(ascii: "]")) { return }
        repeat { try visit(&self) } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw malformed }
    }

    /// The string that comes next; nil for any other value, which is stepped over.
    mutating func string() throws -> String? {
        guard peek() == UInt8(ascii: "\"") else {
            try skip()
            return nil
        }
        let start = offset
        let hasEscapes = try skipString()
        if hasEscapes { return try? JSONDecoder().decode(String.self, from: Data(bytes[start..<offset])) }
        return String(decoding: bytes[(start + 1)..<(offset - 1)], as: UTF8.self)
    }

    /// The whole number that comes next; nil for any other value, which is stepped over.
    mutating func integer() throws -> Int64? {
        let range = try raw()
        return Int64(String(decoding: bytes[range], as: UTF8.self))
    }

    mutating func isTrue() throws -> Bool {
        let range = try raw()
        return String(decoding: bytes[range], as: UTF8.self) == "true"
    }

    /// The value that comes next, whatever it is; nil for one of more than `limit` bytes, which is stepped over.
    mutating func value<Value: Decodable>(_ type: Value.Type, limit: Int) throws -> Value? {
        let range = try raw()
        guard range.count <= limit else { return nil }
        return try JSONDecoder().decode(type, from: Data(bytes[range]))
    }

    /// Steps over the value that comes next.
    mutating func skip() throws { _ = try raw() }

    // MARK: - Bytes

    private var malformed: Malformed { Malformed(offset: offset) }

    private mutating func raw() throws -> Range<Int> {
        guard let first = peek() else { throw malformed }
        let start = offset
        switch first {
        case UInt8(ascii: "\""): _ = try skipString()
        case UInt8(ascii: "{"), UInt8(ascii: "["): try skipNested()
        default:
            while offset < bytes.count, Self.isLiteral(bytes[offset]) { offset += 1 }
            guard offset > start else { throw malformed }
        }
        return start..<offset
    }

    /// Not recursive: depth must not cost stack.
    private mutating func skipNested() throws {
        var closers: [UInt8] = []
        repeat {
            guard offset < bytes.count else { throw malformed }
            switch bytes[offset] {
            case UInt8(ascii: "\""):
                _ = try skipString()
                continue
            case UInt8(ascii: "{"): closers.append(UInt8(ascii: "}"))
            case UInt8(ascii: "["): closers.append(UInt8(ascii: "]"))
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                guard closers.popLast() == bytes[offset] else { throw malformed }
            default: break
            }
            offset += 1
        } while !closers.isEmpty
    }

    /// Steps over a string; true where it has escapes.
    private mutating func skipString() throws -> Bool {
        offset += 1
        var hasEscapes = false
        while offset < bytes.count {
            switch bytes[offset] {
            case UInt8(ascii: "\""):
                offset += 1
                return hasEscapes
            case UInt8(ascii: "\\"):
                hasEscapes = true
                offset += 2
            default: offset += 1
            }
        }
        throw malformed
    }

    private mutating func peek() -> UInt8? {
        skipSpace()
        return offset < bytes.count ? bytes[offset] : nil
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        offset += 1
        return true
    }

    private mutating func skipSpace() {
        while offset < bytes.count, [0x20, 0x0a, 0x0d, 0x09].contains(bytes[offset]) { offset += 1 }
    }

    private static func isLiteral(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "E"),
            UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}
