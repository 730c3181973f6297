import Domain
import Foundation

@testable import Domain
@testable import Tendril

/// Makes secrets, and output that shows them the way an engine and its helpers do.
///
/// Secrets have no lowercase letters but in escapes, and the text around them has no others, so whatever is left of a
/// secret can be told from the rest.
struct EngineLikeOutput {
    var random: Seeded

    init(seed: UInt64) { random = Seeded(seed) }

    // MARK: - Secrets

    mutating func secret() -> String {
        switch Int.random(in: 0..<6, using: &random) {
        case 0: words(3...12, separator: " ")
        case 1: token(8...40, of: "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789")
        case 2: token(10...40, of: "ABCDEFGHJKMNPQRSTUVWXYZ0123456789\"'\\$%&<>{}!#*@:;,.?/=+-_~^|")
        case 3: words(2...5, separator: "\n")
        case 4: words(2...4, separator: " ") + "ÄÖ🍇" + token(3...8, of: "QXZ0123456789")
        default: "POSTGRES://ADMIN:" + token(6...14, of: "ABCXYZ0123&%\"") + "@DB-1.EXAMPLE:5432/MAIN?A=B&C=D"
        }
    }

    private mutating func words(_ count: ClosedRange<Int>, separator: String) -> String {
        (0..<Int.random(in: count, using: &random)).map { _ in token(6...14, of: "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
        }
        .joined(separator: separator)
    }

    private mutating func token(_ length: ClosedRange<Int>, of alphabet: String) -> String {
        let letters = Array(alphabet)
        let core = (0..<Int.random(in: length, using: &random)).map { _ in letters.randomElement(using: &random) ?? "A"
        }
        // Enough of it is letters, wherever the special characters fall.
        return String(core) + "Q7" + String(core.prefix(3).filter(\.isLetter)) + "K9Z"
    }

    // MARK: - Encodings

    static let encodings: [(name: String, apply: @Sendable (String) -> String)] = [
        ("json", { json($0) }),
        (
            "jsonencode",
            { json($0).replacing("<", with: "\\u003c").replacing(">", with: "\\u003e").replacing("&", with: "\\u0026") }
        ),
        ("ascii json", { json($0, asciiOnly: true) }),
        ("hcl", { json($0).replacing("${", with: "$${").replacing("%{", with: "%%{") }),
        ("shell", { $0.replacing("'", with: "'\\''") }),
        ("go", { json($0) }),
        ("url", { percent($0, keeping: "-._~") }),
        ("lower url", { percent($0, keeping: "-._~").replacing("%[0-9A-F]{2}", transform: { $0.lowercased() }) }),
        ("form", { percent($0, keeping: "-._~ ").replacing(" ", with: "+") }),
        ("path", { percent($0, keeping: "-._~$&+:=@") }),
    ]

    private static func json(_ text: String, asciiOnly: Bool = false) -> String {
        text.unicodeScalars.reduce(into: "") { result, scalar in
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case _ where asciiOnly && !scalar.isASCII:
                for unit in UTF16.encode(scalar) ?? .init([]) {
                    let digits = String(unit, radix: 16)
                    result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            default: result.unicodeScalars.append(scalar)
            }
        }
    }

    private static func percent(_ text: String, keeping kept: String) -> String {
        var allowed = CharacterSet(charactersIn: kept)
        allowed.insert(charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
        return text.addingPercentEncoding(withAllowedCharacters: allowed) ?? text
    }

    // MARK: - Output

    /// Text around `secret` with it encoded up to three times, laid out in one of several ways.
    mutating func rendering(of secret: String) -> (text: String, layout: String) {
        let depth = Int.random(in: 0...3, using: &random)
        var body = secret
        var names: [String] = []
        for _ in 0..<depth {
            let encoding = Self.encodings.randomElement(using: &random) ?? Self.encodings[0]
            body = encoding.apply(body)
            names.append(encoding.name)
        }
        let before =
            [
                "executing: [\"/bin/sh\" \"-c\" \"curl -d '", "  + input = \"", "running ", "", "--pass='",
                "└─ note: (", "x=\"",
            ]
            .randomElement(using: &random) ?? ""
        let after =
            ["'\"]", "\"", " again", "", ". exit status", ")", "\" -> (known after apply)"].randomElement(
                using: &random) ?? ""
        let line = before + body + after
        let width = [20, 40, 78, 120].randomElement(using: &random) ?? 78
        switch Int.random(in: 0..<5, using: &random) {
        case 0: return (line + "\n", "plain \(names)")
        case 1: return (framed(wrapped(line, width), color: false), "framed at \(width) \(names)")
        case 2: return (framed(wrapped(line, width), color: true), "framed at \(width), colored \(names)")
        case 3:
            return (
                wrapped(line, width).map { "      " + $0 }.joined(separator: "\n") + "\n",
                "indented at \(width) \(names)"
            )
        default:
            // Tools that break anywhere, and colors anywhere, are tried where no escape can be torn.
            guard depth == 0 else { return (line + "\n", "plain \(names)") }
            let isPlain = !secret.contains("%") && !secret.contains("\\")
            return isPlain && Bool.random(using: &random)
                ? (folded(line, width) + "\n", "folded at \(width)") : (colored(line) + "\n", "colored")
        }
    }

    /// As Terraform does: at blanks only.
    private func wrapped(_ text: String, _ width: Int) -> [String] {
        text.split(separator: "\n", omittingEmptySubsequences: false).flatMap { paragraph in
            var lines: [String] = [""]
            for (index, word) in paragraph.split(separator: " ", omittingEmptySubsequences: false).enumerated() {
                let last = lines[lines.count - 1]
                if index > 0, last.count + 1 + word.count > width {
                    lines.append(String(word))
                } else {
                    lines[lines.count - 1] = last + (index > 0 ? " " : "") + word
                }
            }
            return lines
        }
    }

    private func framed(_ lines: [String], color: Bool) -> String {
        let (on, off) = color ? ("\u{1b}[31m", "\u{1b}[0m\u{1b}[0m") : ("", "")
        return "\(on)╷\(off)\n" + lines.map { "\(on)│\(off) \($0)\n" }.joined() + "\(on)╵\(off)\n"
    }

    private func folded(_ text: String, _ width: Int) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            var rest = line[...]
            var lines: [Substring] = []
            repeat {
                lines.append(rest.prefix(width))
                rest = rest.dropFirst(width)
            } while !rest.isEmpty
            return lines.joined(separator: "\n")
        }.joined(separator: "\n")
    }

    private mutating func colored(_ text: String) -> String {
        text.reduce(into: "") { result, character in
            if Int.random(in: 0..<8, using: &random) == 0 { result += "\u{1b}[1;33m" }
            result.append(character)
        }
    }

    // MARK: - What is left

    /// What of `secret` still stands in `output`: a run of its letters and digits; nil if nothing does.
    static func trace(of secret: String, in output: String) -> String? {
        var visible = output.replacing(Masker.replacement, with: "*")
        while let start = visible.range(of: "\u{1b}[") {
            let end = visible[start.upperBound...].firstIndex { $0.isLetter } ?? visible.index(before: visible.endIndex)
            visible.removeSubrange(start.lowerBound...end)
        }
        let runs = secret.split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }
        for run in runs where run.count >= 3 {
            var rest = run[...]
            while rest.count >= 3 {
                if visible.contains(rest.prefix(3)) { return String(rest.prefix(3)) }
                rest = rest.dropFirst()
            }
        }
        return nil
    }
}

extension String {
    fileprivate func replacing(_ pattern: String, transform: (Substring) -> String) -> String {
        var result = ""
        var rest = self[...]
        while let range = rest.range(of: pattern, options: .regularExpression) {
            result += rest[..<range.lowerBound] + transform(rest[range])
            rest = rest[range.upperBound...]
        }
        return result + rest
    }
}
