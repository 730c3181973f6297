/// Walks JSON text (RFC 8259) from its first byte to its last without building a tree of it: plans and states may
/// have hundreds of megabytes, and a handful of fields is wanted.
///
/// What is stepped over is checked for its structure only (quotes and brackets), enough to tell a whole document
/// from one that is still being written.
public struct JSONCursor: JSONPosition {
    public struct Malformed: Error, Hashable {
        public var offset: Int
    }

    let bytes: UnsafeBufferPointer<UInt8>
    var offset: Int

    init(_ bytes: UnsafeBufferPointer<UInt8>, from offset: Int = 0) {
        self.bytes = bytes
        self.offset = offset
    }

    /// Reads one whole document with `body`, which must step over its value exactly once.
    public static func read<Result>(
        _ data: some Collection<UInt8>, _ body: (inout JSONCursor) throws -> Result
    ) throws -> Result {
        func run(_ bytes: UnsafeBufferPointer<UInt8>) throws -> Result {
            var cursor = JSONCursor(bytes)
            let result = try body(&cursor)
            cursor.skipSpace()
            guard cursor.offset == cursor.bytes.count else { throw cursor.malformed }
            return result
        }
        if let result = try data.withContiguousStorageIfAvailable(run) { return result }
        return try Array(data).withUnsafeBufferPointer(run)
    }

    /// Visits the members of the object that comes next; `visit` must step over each value exactly once. Any other
    /// value is stepped over.
    public mutating func members(_ visit: (String, inout JSONCursor) throws -> Void) throws {
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
    public mutating func elements(_ visit: (inout JSONCursor) throws -> Void) throws {
        guard peek() == UInt8(ascii: "[") else { return try skip() }
        offset += 1
        if take(UInt8(ascii: "]")) { return }
        repeat { try visit(&self) } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw malformed }
    }

    /// Whether an array comes next. Nothing is stepped over.
    public mutating func isArray() -> Bool { peek() == UInt8(ascii: "[") }

    /// The string that comes next; nil for any other value, which is stepped over.
    public mutating func string() throws -> String? {
        guard peek() == UInt8(ascii: "\"") else {
            try skip()
            return nil
        }
        let start = offset
        let hasEscapes = try skipString()
        if hasEscapes { return try? JSONParser.string(UnsafeBufferPointer(rebasing: bytes[start..<offset])) }
        return String(decoding: bytes[(start + 1)..<(offset - 1)], as: UTF8.self)
    }

    /// The whole number that comes next; nil for any other value, which is stepped over.
    public mutating func integer() throws -> Int64? {
        let range = try raw()
        return Int64(String(decoding: bytes[range], as: UTF8.self))
    }

    public mutating func isTrue() throws -> Bool {
        let range = try raw()
        return String(decoding: bytes[range], as: UTF8.self) == "true"
    }

    /// The value that comes next, whatever it is, cut below `maxDepth` levels; nil for one of more than `limit` bytes,
    /// which is stepped over.
    public mutating func value(limit: Int, maxDepth: Int) throws -> (value: JSONValue, isCut: Bool)? {
        let range = try raw()
        guard range.count <= limit else { return nil }
        return try JSONValue.parse(UnsafeBufferPointer(rebasing: bytes[range]), cuttingBelow: maxDepth)
    }

    /// Steps over the value that comes next, and says which bytes of the document it takes.
    public mutating func span() throws -> Range<Int> { try raw() }

    /// Steps over the value that comes next.
    public mutating func skip() throws { _ = try raw() }

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

    /// Steps over a string; true if it has escapes.
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

    private static func isLiteral(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "E"),
            UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}

/// A position in JSON text.
protocol JSONPosition {
    var bytes: UnsafeBufferPointer<UInt8> { get }
    var offset: Int { get set }
}

extension JSONPosition {
    /// The next byte that is not white space.
    mutating func peek() -> UInt8? {
        skipSpace()
        return offset < bytes.count ? bytes[offset] : nil
    }

    /// Steps over `byte` if it comes next.
    mutating func take(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        offset += 1
        return true
    }

    mutating func skipSpace() {
        while offset < bytes.count {
            switch bytes[offset] {
            case 0x20, 0x0a, 0x0d, 0x09: offset += 1
            default: return
            }
        }
    }
}
