internal import Foundation

/// The patterns that are masked in a job's output, derived from its secrets.
///
/// Of each secret: the whole, each of its lines (Terraform indents, frames and prefixes text of several lines), what
/// it holds if it is a document (``SecretDocument``), and the base64 of all that.
struct SecretPatterns: Sendable {
    /// Shorter patterns would mask ordinary text.
    static let minimumLength = VineSecrets.minimumMaskableLength
    /// A secret whose skeleton has fewer symbols is searched for literally.
    static let shortestSkeleton = 5
    /// A longer secret is searched for in pieces of this many symbols.
    static let longestSkeleton = 4096
    /// The base64 of a longer secret is searched for up to this many bytes.
    static let base64Limit = 64 << 10

    /// By skeleton; see ``TextSkeleton``.
    var skeletons: [[UInt8]: Set<SkeletonPatterns.Variant>] = [:]
    /// Byte strings to find exactly as they are. None contains a line feed.
    var literals: Set<[UInt8]> = []
    /// Whether to search for the literals everywhere, not only where an escape could mislead the skeleton.
    var seeksLiterals = false
    var numbers: Set<DecimalNumber> = []

    init(_ secrets: [String]) {
        var texts: Set<String> = []
        for secret in secrets {
            texts.insert(secret)
            texts.formUnion(SecretDocument.parts(of: secret))
        }
        for text in texts { add(text) }
    }

    private mutating func add(_ text: String) {
        let whole = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard whole.unicodeScalars.count >= Self.minimumLength else { return }
        addNumber(whole)
        let lines = Self.lines(of: whole)
        for line in lines {
            addPlain(line)
            addBase64(Array(line.utf8))
        }
        if lines != [whole] { addPlain(whole) }
        // As one piece, with the white space at its ends: a file that is encoded as a whole.
        if lines != [text] { addBase64(Array(text.utf8)) }
    }

    private static func lines(of text: String) -> [String] {
        text.split(whereSeparator: \.isNewline)
            .map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { $0.unicodeScalars.count >= minimumLength }
    }

    private mutating func addPlain(_ text: String) {
        let bytes = Array(text.utf8)
        let isShort = !addSkeleton(bytes)
        if isShort {
            seeksLiterals = true
            for form in Self.shortForms(of: text) where form.utf8.count >= Self.minimumLength { addLiteral(form) }
        }
        addLiteral(text)
    }

    private mutating func addLiteral(_ text: String) {
        let bytes = Array(text.utf8)
        guard !bytes.contains(UInt8(ascii: "\n")) else { return }
        literals.formUnion(Self.pieces(bytes).map(Array.init))
    }

    /// - Returns: false for a text whose skeleton is too short.
    @discardableResult
    private mutating func addSkeleton(_ bytes: [UInt8]) -> Bool {
        let reading = SkeletonReading(bytes)
        guard reading.symbols.count >= Self.shortestSkeleton else { return false }
        for piece in Self.pieces(reading.symbols) {
            let variant = SkeletonPatterns.Variant(
                blanks: Array(reading.blanks[piece.startIndex..<piece.endIndex]),
                hasLead: reading.hasLead && piece.startIndex == 0,
                hasTrail: reading.hasTrail && piece.endIndex == reading.symbols.count)
            skeletons[Array(piece), default: []].insert(variant)
        }
        return true
    }

    /// Overlapping pieces, so that masking each masks all.
    private static func pieces(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        guard bytes.count > longestSkeleton else { return [bytes[...]] }
        var starts = Array(stride(from: 0, to: bytes.count - longestSkeleton, by: longestSkeleton - 1))
        starts.append(bytes.count - longestSkeleton)
        return starts.map { bytes[$0..<$0 + longestSkeleton] }
    }

    // MARK: - Numbers

    private mutating func addNumber(_ text: String) {
        guard let number = DecimalNumber(text) else { return }
        numbers.insert(number)
        for notation in number.notations {
            if !addSkeleton(Array(notation.utf8)) {
                seeksLiterals = true
                literals.insert(Array(notation.utf8))
            }
        }
    }

    // MARK: - base64

    /// The characters that stand for `bytes` in the base64 of anything that holds them, in both alphabets.
    private mutating func addBase64(_ all: [UInt8]) {
        let bytes = Array(all.prefix(Self.base64Limit))
        for shift in 0..<3 {
            let text = [UInt8](Data([UInt8](repeating: 0, count: shift) + bytes).base64EncodedData())
            // The first characters also depend on what comes before, the last on what follows; if nothing
            // follows, they and the padding belong to it.
            let first = (shift * 8 + 5) / 6
            let last = (shift + bytes.count) * 8 / 6
            var forms = [text[first..<last]]
            if bytes.count == all.count {
                forms += [text[first...], text[first...].prefix { $0 != UInt8(ascii: "=") }]
            }
            for form in forms {
                addSkeleton(Array(form))
                addSkeleton(form.map(Self.urlAlphabet))
            }
        }
        // Each line by itself, as `base64` and PEM wrap it, because other text may come in between.
        let text = [UInt8](Data(bytes).base64EncodedData())
        for width in [64, 76] where text.count > width {
            for start in stride(from: 0, to: text.count, by: width) {
                let line = text[start..<min(start + width, text.count)]
                if line.count >= Self.minimumLength { addSkeleton(Array(line)) }
            }
        }
    }

    private static func urlAlphabet(_ character: UInt8) -> UInt8 {
        switch character {
        case UInt8(ascii: "+"): UInt8(ascii: "-")
        case UInt8(ascii: "/"): UInt8(ascii: "_")
        default: character
        }
    }

    // MARK: - Secrets of special characters

    /// The ways to write a secret whose skeleton is too short to search for.
    private static func shortForms(of text: String) -> Set<String> {
        var forms: Set<String> = [text]
        for escape in [jsonEscaped, htmlSafe] {
            var form = text
            for _ in 0..<3 {
                form = escape(form)
                forms.insert(form)
                // HCL doubles the sign of a template.
                forms.insert(form.replacing("${", with: "$${").replacing("%{", with: "%%{"))
            }
        }
        forms.insert(text.replacing("'", with: "'\\''"))
        // Unescaped characters: RFC 3986's unreserved set, and what JavaScript's encodeURIComponent and
        // Go's url.PathEscape leave beside them.
        for kept in ["-._~", "-._~!'()*", "-._~$&+:=@"] {
            let escaped = percentEncoded(text, keeping: Set(kept.utf8))
            for form in [escaped, escaped.lowercased()] {
                forms.formUnion([form, form.replacing("%20", with: "+")])
            }
        }
        return forms
    }

    private static func percentEncoded(_ text: String, keeping kept: Set<UInt8>) -> String {
        text.utf8.reduce(into: "") { result, byte in
            let scalar = Unicode.Scalar(byte)
            let isAlphanumeric =
                scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
            if isAlphanumeric || kept.contains(byte) {
                result.unicodeScalars.append(scalar)
            } else {
                result += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
    }

    private static func jsonEscaped(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "") { result, scalar in
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\t": result += "\\t"
            default: result.unicodeScalars.append(scalar)
            }
        }
    }

    /// As Go's encoding/json, and so Terraform's jsonencode, writes it.
    private static func htmlSafe(_ text: String) -> String {
        jsonEscaped(text).replacing("<", with: "\\u003c").replacing(">", with: "\\u003e")
            .replacing("&", with: "\\u0026")
    }
}

/// A text's skeleton, as a whole.
struct SkeletonReading: SkeletonSink {
    private(set) var symbols: [UInt8] = []
    private(set) var blanks: [Bool] = []
    private(set) var hasLead = false
    private(set) var hasTrail = false

    /// Leaves out what is incomplete at the end, such as the beginning of an escape, because it depends on what follows.
    init(_ bytes: [UInt8]) {
        var skeleton = TextSkeleton()
        for (offset, byte) in bytes.enumerated() { skeleton.take(byte, at: offset, into: &self, ()) }
        if skeleton.pendingStart(withLead: true) != .max { hasTrail = true }
    }

    mutating func symbol(_ symbol: TextSkeleton.Symbol, _ context: Void) {
        if symbols.isEmpty, symbol.lead < symbol.start { hasLead = true }
        symbols.append(symbol.byte)
        blanks.append(!symbol.spacing.isEmpty)
        hasTrail = false
    }

    mutating func residue(endingAt end: Int) { hasTrail = true }
    mutating func pause() {}
    mutating func lineFeed(endingAt end: Int, _ context: Void) {}
    mutating func frame() {}
}
