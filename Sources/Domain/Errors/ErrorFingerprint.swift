/// Identifies the cause of an error: the same in every account, job and vine.
///
/// It is a digest of the cause and the resource's type, without what differs from case to case: quoted values, names in
/// parentheses, addresses, paths, IDs and numbers. It only groups errors, so the digest need not resist attacks.
public struct ErrorFingerprint: Hashable, Sendable, CustomStringConvertible {
    /// 32 hexadecimal digits.
    public let rawValue: String

    public init(of error: Diagnostic) {
        self.init(cause: error.cause, resourceType: error.resourceType)
    }

    /// - Parameter cause: ``Diagnostic/cause``.
    public init(cause: String, resourceType: String?) {
        let key = "\(resourceType ?? "")\n\(ErrorPattern.pattern(of: cause))"
        let digits = String(Self.digest(key.utf8), radix: 16)
        rawValue = String(repeating: "0", count: 32 - digits.count) + digits
    }

    /// nil for what is not a fingerprint.
    public init?(_ text: String) {
        guard text.utf8.count == 32, text.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else { return nil }
        rawValue = text
    }

    public var description: String { rawValue }

    /// FNV-1a with 128 bits.
    private static func digest(_ bytes: some Sequence<UInt8>) -> UInt128 {
        bytes.reduce(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d) { digest, byte in
            (digest ^ UInt128(byte)) &* 0x0000_0000_0100_0000_0000_0000_0000_013b
        }
    }
}

extension ErrorFingerprint: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let fingerprint = ErrorFingerprint(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a fingerprint")
        }
        self = fingerprint
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }
}

/// What stays of a cause once everything that differs from case to case is replaced. Pure.
public enum ErrorPattern {
    /// Characters of a cause that are read.
    static let maximumLength = 2000

    public static func pattern(of cause: String) -> String {
        let text = withoutSpans(Array(cause.prefix(maximumLength)))
        var words: [String] = []
        var isAfterLabel = false
        for word in text.split(whereSeparator: \.isWhitespace) {
            words.append(pattern(ofWord: word, isAfterLabel: isAfterLabel))
            isAfterLabel = isLabel(word)
        }
        return words.joined(separator: " ")
    }

    // MARK: - Quotes and brackets

    private static let closing: [Character: Character] = [
        "\"": "\"", "`": "`", "“": "”", "‘": "’", "«": "»", "(": ")", "[": "]", "{": "}",
    ]

    /// Replaces what is in quotes or brackets.
    private static func withoutSpans(_ text: [Character]) -> String {
        var result = ""
        var index = 0
        while index < text.count {
            let character = text[index]
            if let end = endOfSpan(text, from: index) {
                result.append(character)
                result += "*"
                result.append(text[end])
                index = end + 1
            } else {
                result.append(character)
                index += 1
            }
        }
        return result
    }

    /// Where the span ends that begins at `start`; nil if none does.
    private static func endOfSpan(_ text: [Character], from start: Int) -> Int? {
        let open = text[start]
        if open == "'" {
            // An apostrophe is inside of a word.
            guard start == 0 || !isWord(text[start - 1]) else { return nil }
            return text[(start + 1)...].indices.first {
                text[$0] == "'" && ($0 + 1 == text.count || !isWord(text[$0 + 1]))
            }
        }
        guard let close = closing[open] else { return nil }
        guard open == "(" || open == "[" || open == "{" else {
            return text[(start + 1)...].firstIndex(of: close)
        }
        var depth = 0
        return text[start...].firstIndex { character in
            if character == open { depth += 1 } else if character == close { depth -= 1 }
            return depth == 0
        }
    }

    private static func isWord(_ character: Character) -> Bool { character.isLetter || character.isNumber }

    // MARK: - Words

    private static let punctuation: Set<Character> = [",", ".", ";", ":", "!", "?"]
    /// An ID follows them.
    private static let labels: Set<String> = ["id", "requestid", "request_id", "x-request-id", "hostid", "traceid"]

    private static func isLabel(_ word: Substring) -> Bool {
        word.last == ":" && labels.contains(word.dropLast().lowercased())
    }

    private static func pattern(ofWord word: Substring, isAfterLabel: Bool) -> String {
        var end = word.endIndex
        while end > word.startIndex, punctuation.contains(word[word.index(before: end)]) {
            end = word.index(before: end)
        }
        let core = word[..<end]
        guard !core.isEmpty else { return String(word) }
        return (isAfterLabel ? "#" : pattern(ofCore: core)) + word[end...]
    }

    /// A word without the punctuation after it.
    private static func pattern(ofCore word: Substring) -> String {
        if word.hasPrefix("arn:") { return "<arn>" }
        // The address of a provider is part of the cause.
        if word.hasPrefix("registry.") { return String(word) }
        if word.contains("://") { return "<url>" }
        if let equals = word.firstIndex(of: "="), equals > word.startIndex, word.index(after: equals) < word.endIndex {
            return "\(word[..<equals])=*"
        }
        if word.contains("/") {
            let isPlain = word.allSatisfy { $0.isLetter || $0 == "/" || $0 == "-" }
            return isPlain && word.count { $0 == "/" } == 1 && word.first != "/" ? String(word) : "<path>"
        }
        if isCode(word) { return String(word) }
        if hasInnerDot(word) { return "<name>" }
        return word.contains(where: \.isNumber) && !isServiceName(word) ? "#" : String(word)
    }

    /// `InvalidGroup.NotFound`: a code in two parts.
    private static func isCode(_ word: Substring) -> Bool {
        let parts = word.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count >= 2 && parts.allSatisfy { $0.first?.isUppercase == true && $0.allSatisfy(\.isLetter) }
    }

    /// An address, a host or a file: a dot between letters.
    private static func hasInnerDot(_ word: Substring) -> Bool {
        let parts = word.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count >= 2 && word.contains(where: \.isLetter)
            && parts.allSatisfy { part in part.first.map { isWord($0) || "_*\"[".contains($0) } ?? false }
    }

    /// `EC2`, `S3`, `Route53`.
    private static func isServiceName(_ word: Substring) -> Bool {
        guard word.count <= 8, word.first?.isUppercase == true else { return false }
        let letters = word.prefix { $0.isLetter }
        let digits = word.dropFirst(letters.count)
        return digits.count <= 2 && digits.allSatisfy(\.isNumber)
    }
}
