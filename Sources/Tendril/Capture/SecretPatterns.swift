import Domain
import Foundation

/// The byte strings under which a secret can turn up in output.
///
/// Each of its lines is a pattern, because Terraform indents and frames text of several lines: plain, and as base64,
/// URLs, JSON and HCL write it. No pattern holds a line feed.
enum SecretPatterns {
    /// Shorter ones would hide half of an ordinary log.
    static let minimumLength = VineSecrets.minimumLength

    static func of(_ secrets: [String]) -> [[UInt8]] {
        var patterns: Set<[UInt8]> = []
        for secret in secrets {
            let lines = lines(of: secret)
            for line in lines { patterns.formUnion(written(line)) }
            // As one piece, too: a file that is base64-encoded as a whole, also wrapped as `base64` and PEM do.
            if lines != [secret], secret.unicodeScalars.count >= minimumLength {
                patterns.formUnion(base64(Array(secret.utf8)))
            }
            patterns.formUnion(wrappedBase64(Array(secret.utf8)))
        }
        return patterns.filter { $0.count >= minimumLength && !$0.contains(UInt8(ascii: "\n")) }
    }

    private static func lines(of secret: String) -> [String] {
        secret.split(whereSeparator: \.isNewline)
            .map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { $0.unicodeScalars.count >= minimumLength }
    }

    private static func written(_ line: String) -> Set<[UInt8]> {
        var forms: Set<[UInt8]> = [Array(line.utf8)]
        forms.formUnion(base64(Array(line.utf8)))
        // What is left as it is: RFC 3986's unreserved characters, and what JavaScript's encodeURIComponent and
        // Go's url.PathEscape leave beside them.
        for kept in ["-._~", "-._~!'()*", "-._~$&+:=@"] {
            for uppercase in [true, false] {
                let escaped = percentEncoded(line, keeping: kept, uppercase: uppercase)
                forms.insert(Array(escaped.utf8))
                forms.insert(Array(escaped.replacing("%20", with: "+").utf8))
            }
        }
        let json = jsonEscaped(line, asciiOnly: false)
        forms.insert(Array(json.utf8))
        forms.insert(Array(jsonEscaped(line, asciiOnly: true).utf8))
        // Go's encoding/json, and so Terraform's jsonencode, keeps JSON safe for HTML.
        let html = json.replacing("<", with: "\\u003c").replacing(">", with: "\\u003e").replacing("&", with: "\\u0026")
        forms.insert(Array(html.utf8))
        // As a plan shows a string: HCL doubles the sign of a template.
        forms.insert(Array(json.replacing("${", with: "$${").replacing("%{", with: "%%{").utf8))
        return forms
    }

    // MARK: - base64

    /// The characters that stand for `bytes` in the base64 of anything that holds them, in both alphabets.
    private static func base64(_ bytes: [UInt8]) -> Set<[UInt8]> {
        var forms: Set<[UInt8]> = []
        for shift in 0..<3 {
            let text = encoded([UInt8](repeating: 0, count: shift) + bytes)
            // The first characters depend on what stands before as well, the last on what follows; where nothing
            // follows, they and the padding belong to it.
            let first = (shift * 8 + 5) / 6
            let last = (shift + bytes.count) * 8 / 6
            for form in [text[first..<last], text[first...], text[first...].prefix { $0 != UInt8(ascii: "=") }] {
                forms.insert(Array(form))
                forms.insert(form.map(urlAlphabet))
            }
        }
        return forms
    }

    private static func wrappedBase64(_ bytes: [UInt8]) -> Set<[UInt8]> {
        let text = encoded(bytes)
        var forms: Set<[UInt8]> = []
        for width in [64, 76] where text.count > width {
            for start in stride(from: 0, to: text.count, by: width) {
                forms.insert(Array(text[start..<min(start + width, text.count)]))
            }
        }
        return forms
    }

    private static func encoded(_ bytes: [UInt8]) -> [UInt8] { [UInt8](Data(bytes).base64EncodedData()) }

    private static func urlAlphabet(_ character: UInt8) -> UInt8 {
        switch character {
        case UInt8(ascii: "+"): UInt8(ascii: "-")
        case UInt8(ascii: "/"): UInt8(ascii: "_")
        default: character
        }
    }

    // MARK: - Escapes

    private static func percentEncoded(_ text: String, keeping kept: String, uppercase: Bool) -> String {
        let kept = Set(kept.utf8)
        return text.utf8.reduce(into: "") { result, byte in
            let scalar = Unicode.Scalar(byte)
            let isAlphanumeric =
                scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
            if isAlphanumeric || kept.contains(byte) {
                result.unicodeScalars.append(scalar)
            } else {
                result += "%" + hex(UInt16(byte), width: 2, uppercase: uppercase)
            }
        }
    }

    private static func jsonEscaped(_ text: String, asciiOnly: Bool) -> String {
        text.unicodeScalars.reduce(into: "") { result, scalar in
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\t": result += "\\t"
            case "\u{08}": result += "\\b"
            case "\u{0c}": result += "\\f"
            case _ where scalar.value < 0x20 || asciiOnly && !scalar.isASCII:
                for unit in UTF16.encode(scalar) ?? .init([]) {
                    result += "\\u" + hex(unit, width: 4, uppercase: false)
                }
            default: result.unicodeScalars.append(scalar)
            }
        }
    }

    private static func hex(_ value: UInt16, width: Int, uppercase: Bool) -> String {
        let digits = String(value, radix: 16, uppercase: uppercase)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
