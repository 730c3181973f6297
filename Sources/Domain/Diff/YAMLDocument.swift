/// Reads the YAML that people put into attributes, such as a cloud-init or Kubernetes file. Pure, and bounded by its
/// caller: it visits each byte a few times, and ends at `maxDepth` levels.
///
/// It reads block mappings and sequences, plain and quoted scalars on one line, block scalars, and collections in brackets
/// on one line. Everything else makes it give up: anchors and aliases, tags, merge keys, several documents, keys that
/// repeat, and text over several lines without a mark. A text that is not read is compared line by line.
struct YAMLDocument {
    private struct Line {
        var indent: Int
        /// Without indentation and trailing blanks.
        var content: Substring
        /// The whole line.
        var raw: Substring

        var isBlank: Bool { content.isEmpty }
        /// Says nothing outside of a block scalar.
        var isSkipped: Bool { content.isEmpty || content.first == "#" }
        var isItem: Bool { content == "-" || content.hasPrefix("- ") }
    }

    /// It is not the YAML that is read here.
    private struct Unreadable: Error {}

    private var lines: [Line] = []
    private var next = 0

    /// The mapping or sequence in `text`; nil if it is not read, or has a single line.
    static func parse(_ text: String, maxDepth: Int) -> JSONValue? {
        // In Swift, CR LF is one character.
        let text = text.replacing("\r\n", with: "\n")
        guard text.contains("\n"), !text.hasPrefix("#!"), var document = try? YAMLDocument(text),
            let value = try? document.node(above: -1, maxDepth), document.current == nil
        else { return nil }
        switch value {
        case .object, .array: return value
        default: return nil
        }
    }

    private init(_ text: String) throws {
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let rest = line.drop { $0 == " " }
            var content = rest
            while content.last == " " || content.last == "\t" { content.removeLast() }
            lines.append(Line(indent: line.count - rest.count, content: content, raw: line))
        }
        if lines.last?.raw.isEmpty == true { lines.removeLast() }
        if let first = current, first.content == "---" { next += 1 }
        guard lines.count(where: { !$0.isSkipped }) > 1 else { throw Unreadable() }
    }

    /// The next line that says something.
    private var current: Line? {
        mutating get {
            while next < lines.count, lines[next].isSkipped { next += 1 }
            return next < lines.count ? lines[next] : nil
        }
    }

    // MARK: - Blocks

    /// What is indented by more than `indent`; null if nothing is.
    private mutating func node(above indent: Int, _ depth: Int) throws -> JSONValue {
        guard let line = current, line.indent > indent else { return .null }
        guard depth > 0, !line.content.hasPrefix("---"), !line.content.hasPrefix("..."), line.content.first != "%",
            line.content.first != "\t"
        else { throw Unreadable() }
        return line.isItem ? try sequence(at: line.indent, depth - 1) : try mapping(at: line.indent, depth - 1)
    }

    private mutating func mapping(at indent: Int, _ depth: Int) throws -> JSONValue {
        var members: [String: JSONValue] = [:]
        while let line = current, line.indent == indent, !line.isItem {
            guard let (key, rest) = try Self.key(of: line.content), key != "<<", members[key] == nil else {
                throw Unreadable()
            }
            next += 1
            // The items of a list may stand below their key.
            if Self.withoutComment(rest).isEmpty, let below = current, below.indent == indent, below.isItem {
                guard depth > 0 else { throw Unreadable() }
                members[key] = try sequence(at: indent, depth - 1)
            } else {
                members[key] = try value(rest, of: indent, depth)
            }
        }
        if let line = current, line.indent > indent { throw Unreadable() }
        return .object(members)
    }

    private mutating func sequence(at indent: Int, _ depth: Int) throws -> JSONValue {
        var items: [JSONValue] = []
        while let line = current, line.indent == indent, line.isItem {
            let rest = line.content.dropFirst().drop { $0 == " " }
            let offset = line.content.count - rest.count
            let isBlock = rest == "-" || rest.hasPrefix("- ")
            if !rest.isEmpty, rest.first != "#", try isBlock || Self.key(of: rest) != nil {
                guard depth > 0 else { throw Unreadable() }
                // The item's first line goes on as a line of its own.
                lines[next].indent = indent + offset
                lines[next].content = rest
                items.append(try node(above: indent, depth))
            } else {
                next += 1
                items.append(try value(rest, of: indent, depth))
            }
        }
        if let line = current, line.indent > indent { throw Unreadable() }
        return .array(items)
    }

    /// What follows a key or a dash whose line is indented by `indent`.
    private mutating func value(_ text: Substring, of indent: Int, _ depth: Int) throws -> JSONValue {
        guard !Self.withoutComment(text).isEmpty else { return try node(above: indent, depth) }
        if text.first == "|" || text.first == ">" { return .string(try blockScalar(text, of: indent)) }
        var flow = YAMLFlow(text)
        let value = try flow.value(depth, end: nil)
        guard flow.isAtEnd else { throw Unreadable() }
        // A text over several lines.
        if let line = current, line.indent > indent { throw Unreadable() }
        return value
    }

    private mutating func blockScalar(_ header: Substring, of indent: Int) throws -> String {
        let marks = Self.withoutComment(header.dropFirst())
        guard marks.isEmpty || marks == "-" || marks == "+" else { throw Unreadable() }
        var texts: [Substring] = []
        var width = 0
        while next < lines.count, lines[next].isBlank || lines[next].indent > indent {
            let line = lines[next]
            if width == 0, !line.isBlank { width = line.indent }
            guard line.isBlank || line.indent >= width else { throw Unreadable() }
            // In a folded text, a line that is indented more is not folded.
            if header.first == ">", line.indent > width, !line.isBlank { throw Unreadable() }
            texts.append(line.raw.dropFirst(min(width, line.raw.count)))
            next += 1
        }
        var ends = 0
        while texts.last?.isEmpty == true {
            texts.removeLast()
            ends += 1
        }
        let text = header.first == "|" ? texts.joined(separator: "\n") : Self.folded(texts)
        guard !texts.isEmpty, marks != "-" else { return text }
        return text + String(repeating: "\n", count: marks == "+" ? ends + 1 : 1)
    }

    private static func folded(_ texts: [Substring]) -> String {
        var result = ""
        var blanks = 0
        for text in texts {
            if text.isEmpty {
                blanks += 1
                continue
            }
            if !result.isEmpty { result += blanks > 0 ? String(repeating: "\n", count: blanks) : " " }
            result += text
            blanks = 0
        }
        return result
    }

    // MARK: - Lines

    /// `key: rest`; nil for a line without a key.
    private static func key(of content: Substring) throws -> (key: String, rest: Substring)? {
        if content.first == "\"" || content.first == "'" {
            var flow = YAMLFlow(content)
            guard case .string(let key)? = try? flow.value(1, end: nil, isKey: true), flow.takeColon() else {
                return nil
            }
            return (key, flow.rest)
        }
        guard content.first.map({ !"&*!|>%@`[]{},?#".contains($0) }) ?? false else { return nil }
        var index = content.startIndex
        while let colon = content[index...].firstIndex(of: ":") {
            let after = content.index(after: colon)
            if after == content.endIndex || content[after] == " " {
                let key = content[..<colon]
                guard !key.contains(" #"), key.last != " " else { return nil }
                return (String(key), content[after...].drop { $0 == " " })
            }
            index = after
        }
        return nil
    }

    private static func withoutComment(_ text: Substring) -> Substring {
        let rest = text.drop { $0 == " " }
        return rest.first == "#" ? "" : rest
    }
}

/// A scalar, or a collection in brackets, on one line.
private struct YAMLFlow {
    private struct Unreadable: Error {}

    private(set) var rest: Substring

    init(_ text: Substring) { rest = text }

    /// Nothing but a comment is left.
    var isAtEnd: Bool {
        let left = rest.drop { $0 == " " }
        return left.isEmpty || left.first == "#" && (left.startIndex != rest.startIndex || rest.isEmpty)
    }

    /// Takes `:` and the blanks after it.
    mutating func takeColon() -> Bool {
        guard rest.first == ":" else { return false }
        let after = rest.dropFirst()
        guard after.isEmpty || after.first == " " else { return false }
        rest = after.drop { $0 == " " }
        return true
    }

    private mutating func skipBlanks() { rest = rest.drop { $0 == " " } }

    private mutating func take(_ character: Character) -> Bool {
        skipBlanks()
        guard rest.first == character else { return false }
        rest.removeFirst()
        skipBlanks()
        return true
    }

    /// - Parameter end: the bracket that closes the collection that the value is in; nil outside of one.
    mutating func value(_ depth: Int, end: Character?, isKey: Bool = false) throws -> JSONValue {
        switch rest.first {
        case "\"": return .string(try doubleQuoted())
        case "'": return .string(try singleQuoted())
        case "[" where depth > 0 && !isKey: return try list(depth - 1)
        case "{" where depth > 0 && !isKey: return try map(depth - 1)
        default: return try plain(end)
        }
    }

    private mutating func list(_ depth: Int) throws -> JSONValue {
        rest.removeFirst()
        skipBlanks()
        var items: [JSONValue] = []
        while !take("]") {
            items.append(try value(depth, end: "]"))
            guard take(",") || rest.first == "]" else { throw Unreadable() }
        }
        return .array(items)
    }

    private mutating func map(_ depth: Int) throws -> JSONValue {
        rest.removeFirst()
        skipBlanks()
        var members: [String: JSONValue] = [:]
        while !take("}") {
            let key = try key()
            guard members[key] == nil, key != "<<" else { throw Unreadable() }
            members[key] = try value(depth, end: "}")
            guard take(",") || rest.first == "}" else { throw Unreadable() }
        }
        return .object(members)
    }

    private mutating func key() throws -> String {
        if rest.first == "\"" || rest.first == "'" {
            guard case .string(let key) = try value(0, end: "}", isKey: true), take(":") else { throw Unreadable() }
            return key
        }
        guard let colon = rest.firstIndex(of: ":"), !rest[..<colon].contains(where: { "&*!,[]{}?#\"'".contains($0) })
        else { throw Unreadable() }
        let key = rest[..<colon]
        rest = rest[rest.index(after: colon)...]
        guard rest.first == " ", !key.isEmpty, key.last != " " else { throw Unreadable() }
        skipBlanks()
        return String(key)
    }

    /// With the escapes that JSON has too.
    private mutating func doubleQuoted() throws -> String {
        var index = rest.index(after: rest.startIndex)
        while index < rest.endIndex, rest[index] != "\"" {
            if rest[index] == "\\" { index = rest.index(after: index) }
            guard index < rest.endIndex else { break }
            index = rest.index(after: index)
        }
        guard index < rest.endIndex,
            case .string(let text)? = try? JSONValue(parsing: rest[...index].utf8, maxDepth: 1)
        else { throw Unreadable() }
        rest = rest[rest.index(after: index)...]
        return text
    }

    private mutating func singleQuoted() throws -> String {
        var text = ""
        rest.removeFirst()
        while let character = rest.popFirst() {
            guard character == "'" else {
                text.append(character)
                continue
            }
            guard rest.first == "'" else { return text }
            rest.removeFirst()
            text.append("'")
        }
        throw Unreadable()
    }

    private mutating func plain(_ end: Character?) throws -> JSONValue {
        guard let first = rest.first, !"&*!|>%@`[]{},?#\"'".contains(first) else { throw Unreadable() }
        var index = rest.startIndex
        var last: Character = " "
        while index < rest.endIndex {
            let character = rest[index]
            if let end, character == "," || character == end { break }
            if end != nil, "[]{}".contains(character) { throw Unreadable() }
            if character == "#", last == " " { break }
            if character == ":" {
                let after = rest.index(after: index)
                if after == rest.endIndex || rest[after] == " " { throw Unreadable() }
            }
            last = character
            index = rest.index(after: index)
        }
        var text = rest[..<index]
        while text.last == " " { text.removeLast() }
        rest = rest[text.endIndex...]
        return Self.scalar(String(text))
    }

    private static func scalar(_ text: String) -> JSONValue {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return true
        case "false", "False", "FALSE": return false
        default: break
        }
        // Numbers as JSON has them; others are compared as they are written.
        if let first = text.utf8.first, first == UInt8(ascii: "-") || (0x30...0x39).contains(first),
            let number = try? JSONValue(parsing: text.utf8, maxDepth: 1)
        {
            return number
        }
        return .string(text)
    }
}
