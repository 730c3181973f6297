internal import Foundation

/// Finds the secrets inside of a secret that is a document: JSON, YAML, an INI or environment file, a URL with a
/// password, a connection string, or the base64 of one of these.
///
/// Reads what it recognizes and never fails: a document that is cut or malformed still has its strings.
///
/// A value inside of a document is a secret if it has at least ``SecretPatterns/minimumLength`` characters, unless
/// ``isHarmless(_:)`` exempts it. The document itself, and a value that a user marked as sensitive, are never exempt.
enum SecretDocument {
    /// Documents in strings of documents are read to this depth.
    private static let depthLimit = 4

    /// The secrets inside of `text`, without `text` itself.
    static func parts(of text: String) -> Set<String> {
        var parts: Set<String> = []
        collect(text, into: &parts, depth: 0)
        return parts
    }

    private static func collect(_ text: String, into parts: inout Set<String>, depth: Int) {
        guard depth < depthLimit else { return }
        let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard trimmed.unicodeScalars.count >= SecretPatterns.minimumLength else { return }
        func take(_ value: String) {
            guard value.unicodeScalars.count >= SecretPatterns.minimumLength, value != text else { return }
            if !isHarmless(value) { parts.insert(value) }
            collect(value, into: &parts, depth: depth + 1)
        }
        if let first = trimmed.first, "{[\"".contains(first), !beginsWithSection(trimmed) {
            var reader = FlowReader(trimmed)
            while let value = reader.next() { take(value) }
        } else if let decoded = base64Text(trimmed) {
            take(decoded)
        } else {
            lineValues(of: trimmed).forEach(take)
            connectionValues(of: trimmed).forEach(take)
        }
        if let password = password(inURL: trimmed) { take(password) }
    }

    // MARK: - The exemption

    /// True for common values that reveal nothing: well-known words, and URLs without
    /// credentials, a query, a fragment, or a long path segment (webhook addresses have their secret there).
    static func isHarmless(_ value: String) -> Bool {
        if words.contains(value.lowercased()) { return true }
        guard let mark = value.range(of: "://"), value[..<mark.lowerBound].allSatisfy(\.isLetter) else { return false }
        let rest = value[mark.upperBound...]
        guard !rest.contains(where: { "@?#%".contains($0) || $0.isWhitespace }) else { return false }
        let segments = rest.split(separator: "/", omittingEmptySubsequences: false)
        return segments.dropFirst().allSatisfy { $0.count <= 16 }
    }

    /// Type names and values of service-account keys, cloud configurations and kubeconfigs.
    private static let words: Set<String> = [
        "service_account", "authorized_user", "external_account", "impersonated_service_account", "googleapis.com",
        "config", "cluster", "clusters", "context", "contexts", "default", "kubernetes", "secret", "opaque",
        "kubernetes.io/tls", "kubernetes.io/dockerconfigjson", "configmap", "bearer", "standard", "string", "number",
        "object", "boolean", "enabled", "disabled", "production", "staging", "development", "testing", "public",
        "private", "internal", "master", "localhost", "postgres", "postgresql", "sqlserver", "mariadb", "mongodb",
        "us-east-1", "us-east-2", "us-west-1", "us-west-2", "eu-west-1", "eu-central-1",
    ]

    // MARK: - Formats

    /// The text that is base64-encoded; nil if `text` isn't the base64 of printable text.
    private static func base64Text(_ text: String) -> String? {
        let compact = text.filter { !$0.isWhitespace }
        guard compact.utf8.count >= 16, compact.utf8.count % 4 == 0, let data = Data(base64Encoded: compact),
            let decoded = String(data: data, encoding: .utf8)
        else { return nil }
        let isPrintable = decoded.unicodeScalars.allSatisfy {
            $0.value >= 0x20 && $0.value != 0x7f || "\n\r\t".unicodeScalars.contains($0)
        }
        return isPrintable ? decoded : nil
    }

    /// The first line is `[name]`, as in an INI file.
    private static func beginsWithSection(_ text: String) -> Bool {
        guard text.hasPrefix("["), let end = text.firstIndex(where: \.isNewline) else { return false }
        let line = text[..<end].trimmingCharacters(in: .whitespaces)
        return line.hasSuffix("]") && !line.dropFirst().dropLast().contains { "[]{},\"'".contains($0) }
    }

    /// The values of `key: value`, `- value` and `key = value` lines, and of YAML's text blocks.
    private static func lineValues(of text: String) -> [String] {
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        var values: [String] = []
        for (index, line) in lines.enumerated() {
            guard let value = lineValue(line, isOnly: lines.count == 1) else { continue }
            if let mark = value.first, "|>".contains(mark), value.count <= 3 {
                let indentation = line.prefix { $0 == " " }.count
                let block = lines[(index + 1)...].prefix { next in
                    next.allSatisfy(\.isWhitespace) || next.prefix { $0 == " " }.count > indentation
                }
                values.append(block.map { $0.trimmingCharacters(in: .whitespaces) }.joined(separator: "\n"))
            } else if let first = value.first, "{[".contains(first) {
                var reader = FlowReader(value)
                while let part = reader.next() { values.append(part) }
            } else {
                values.append(unquoted(value))
            }
        }
        return values
    }

    private static func lineValue(_ line: Substring, isOnly: Bool) -> String? {
        var rest = line.drop(while: \.isWhitespace)
        var isItem = false
        while rest.hasPrefix("- ") {
            rest = rest.dropFirst(2).drop(while: \.isWhitespace)
            isItem = true
        }
        if rest.hasPrefix("export ") { rest = rest.dropFirst("export ".count) }
        let key = rest.prefix { $0.isLetter || $0.isNumber || "_.-/\"'".contains($0) }
        let after = rest[key.endIndex...]
        if !key.isEmpty {
            if after.hasPrefix(": ") || after.hasPrefix(":\t") {
                return after.dropFirst().trimmingCharacters(in: .whitespaces)
            }
            let sign = after.drop { $0 == " " || $0 == "\t" }
            // A single line with an equals sign may be a key with padding.
            if !isOnly, sign.first == "=" { return sign.dropFirst().trimmingCharacters(in: .whitespaces) }
        }
        return isItem && !isOnly ? rest.trimmingCharacters(in: .whitespaces) : nil
    }

    private static func unquoted(_ value: String) -> String {
        guard value.count >= 2, let first = value.first, "\"'".contains(first), value.last == first else {
            return value
        }
        return FlowReader.unescaped(value.dropFirst().dropLast(), quote: first)
    }

    /// The passwords and keys of `Server=…;Password=…;`.
    private static func connectionValues(of text: String) -> [String] {
        let pairs = text.split(separator: ";").map { $0.split(separator: "=", maxSplits: 1) }
        guard pairs.count >= 2, pairs.allSatisfy({ $0.count == 2 }) else { return [] }
        let telling = ["pass", "pwd", "secret", "token", "key", "signature"]
        return pairs.compactMap { pair in
            let name = pair[0].lowercased()
            return telling.contains(where: name.contains) ? pair[1].trimmingCharacters(in: .whitespaces) : nil
        }
    }

    private static func password(inURL text: String) -> String? {
        guard let mark = text.range(of: "://") else { return nil }
        let authority = text[mark.upperBound...].prefix { !"/?#".contains($0) && !$0.isWhitespace }
        guard let at = authority.lastIndex(of: "@"), let colon = authority[..<at].firstIndex(of: ":") else {
            return nil
        }
        let password = String(authority[authority.index(after: colon)..<at])
        return password.removingPercentEncoding ?? password
    }
}

/// Yields the string and number values of JSON, YAML's flow style and similar formats, in order, without the keys.
private struct FlowReader {
    private let bytes: [UInt8]
    private var index = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    mutating func next() -> String? {
        while index < bytes.count {
            let byte = bytes[index]
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "'"):
                let value = quoted(byte)
                if !isKey { return value }
            case 0...0x20, UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "["), UInt8(ascii: "]"),
                UInt8(ascii: ","),
                UInt8(ascii: ":"), UInt8(ascii: "="):
                index += 1
            default:
                let value = bare()
                if !isKey { return value }
            }
        }
        return nil
    }

    /// A colon or an equals sign follows.
    private var isKey: Bool {
        let next = bytes[index...].first { $0 > 0x20 }
        return next == UInt8(ascii: ":") || next == UInt8(ascii: "=")
    }

    private mutating func quoted(_ quote: UInt8) -> String {
        index += 1
        let start = index
        while index < bytes.count, bytes[index] != quote {
            index += bytes[index] == UInt8(ascii: "\\") && quote == UInt8(ascii: "\"") ? 2 : 1
        }
        let end = min(index, bytes.count)
        index = min(index + 1, bytes.count)
        let text = String(decoding: bytes[start..<end], as: UTF8.self)
        return Self.unescaped(text[...], quote: Character(Unicode.Scalar(quote)))
    }

    private mutating func bare() -> String {
        let start = index
        while index < bytes.count, bytes[index] >= 0x20, !",{}[]\"".utf8.contains(bytes[index]) {
            let next = index + 1 < bytes.count ? bytes[index + 1] : 0x20
            if bytes[index] == UInt8(ascii: ":"), next <= 0x20 { break }
            index += 1
        }
        return String(decoding: bytes[start..<index], as: UTF8.self).trimmingCharacters(in: .whitespaces)
    }

    static func unescaped(_ text: Substring, quote: Character) -> String {
        guard text.contains("\\"), quote == "\"" else { return String(text).replacing("''", with: "'") }
        // Escapes that JSON doesn't have (YAML's) stay: the skeleton decodes them.
        return (try? JSONDecoder().decode(String.self, from: Data("\"\(text)\"".utf8))) ?? String(text)
    }
}
