extension JSONValue {
    /// The value as UTF-8, with sorted names and no white space. Numbers are written as they were read.
    public var bytes: [UInt8] {
        var writer = JSONWriter(isPretty: false)
        writer.write(self)
        return writer.bytes
    }

    /// The value as text; as ``bytes``.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    /// The value for people: a member on each line, indented.
    public var prettyText: String {
        var writer = JSONWriter(isPretty: true)
        writer.write(self)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

/// Writes JSON.
private struct JSONWriter {
    let isPretty: Bool
    var bytes: [UInt8] = []
    private var depth = 0

    init(isPretty: Bool) { self.isPretty = isPretty }

    mutating func write(_ value: JSONValue) {
        switch value {
        case .null: put("null")
        case .bool(let value): put(value ? "true" : "false")
        case .integer(let value): bytes.append(contentsOf: String(value).utf8)
        case .number(let value): bytes.append(contentsOf: value.description.utf8)
        case .string(let text): write(string: text)
        case .array(let items):
            list(items, between: (UInt8(ascii: "["), UInt8(ascii: "]"))) { $0.write($1) }
        case .object(let members):
            let sorted = members.sorted { $0.key < $1.key }
            list(sorted, between: (UInt8(ascii: "{"), UInt8(ascii: "}"))) { writer, member in
                writer.write(string: member.key)
                writer.put(writer.isPretty ? ": " : ":")
                writer.write(member.value)
            }
        }
    }

    private mutating func list<Element>(
        _ elements: [Element], between brackets: (UInt8, UInt8), _ body: (inout JSONWriter, Element) -> Void
    ) {
        bytes.append(brackets.0)
        depth += 1
        for (index, element) in elements.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            newLine()
            body(&self, element)
        }
        depth -= 1
        if !elements.isEmpty { newLine() }
        bytes.append(brackets.1)
    }

    private mutating func newLine() {
        guard isPretty else { return }
        bytes.append(UInt8(ascii: "\n"))
        bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * depth))
    }

    private mutating func put(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private mutating func write(string text: String) {
        var text = text
        bytes.append(UInt8(ascii: "\""))
        text.withUTF8 { utf8 in
            // Runs without an escape are copied as a whole.
            var start = 0
            for (index, byte) in utf8.enumerated()
            where byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                bytes.append(contentsOf: utf8[start..<index])
                escape(byte)
                start = index + 1
            }
            bytes.append(contentsOf: utf8[start...])
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func escape(_ byte: UInt8) {
        switch byte {
        case 0x08: put("\\b")
        case 0x09: put("\\t")
        case 0x0a: put("\\n")
        case 0x0c: put("\\f")
        case 0x0d: put("\\r")
        case 0..<0x20:
            put("\\u00")
            let digits = StaticString("0123456789abcdef")
            bytes.append(digits.utf8Start[Int(byte >> 4)])
            bytes.append(digits.utf8Start[Int(byte & 15)])
        default:
            bytes.append(UInt8(ascii: "\\"))
            bytes.append(byte)
        }
    }
}
