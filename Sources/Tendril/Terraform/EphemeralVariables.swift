import Domain
import Foundation
import SystemCalls

/// Finds the variables that a configuration declares with `ephemeral = true`. A saved plan does not hold their values,
/// so an apply needs them once more.
enum EphemeralVariables {
    /// Bytes of one file that is read.
    private static let fileBytes = 4 << 20

    /// The names declared in the files of `folder` itself.
    static func declared(in folder: String, engine: Engine.Name) -> Set<String> {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        var found: Set<String> = []
        for name in names {
            let suffixes = engine == .tofu ? [".tf", ".tofu"] : [".tf"]
            let isHCL = suffixes.contains { name.hasSuffix($0) }
            guard isHCL || suffixes.contains(where: { name.hasSuffix($0 + ".json") }),
                Files.kind(of: "\(folder)/\(name)") == .file,
                let data = try? Files.read("\(folder)/\(name)", limit: fileBytes)
            else { continue }
            found.formUnion(isHCL ? declared(hcl: data) : declared(json: data))
        }
        return found
    }

    /// `{"variable": {"token": {"ephemeral": true}}}`; blocks may be in arrays.
    static func declared(json data: Data) -> Set<String> {
        guard let file = try? JSONValue.parse(data, cuttingBelow: JSONDepth.request).value,
            let variables = file["variable"]
        else {
            return []
        }
        func objects(_ value: JSONValue) -> [[String: JSONValue]] {
            switch value {
            case .object(let members): [members]
            case .array(let items): items.flatMap(objects)
            default: []
            }
        }
        var found: Set<String> = []
        for (name, body) in objects(variables).flatMap({ $0 }) {
            let isEphemeral = objects(body).contains { body in
                body["ephemeral"].map { $0 != .bool(false) && $0 != .null } ?? false
            }
            if isEphemeral { found.insert(name) }
        }
        return found
    }

    /// Reads only as much HCL as is needed: blocks, attributes, and what can hide them (comments, strings, heredocs).
    static func declared(hcl data: Data) -> Set<String> {
        var scanner = HCLScanner(Array(data))
        var found: Set<String> = []
        var depth = 0
        var header: [HCLScanner.Token] = []
        var variable: String?
        while let token = scanner.next() {
            switch token {
            case .open:
                if depth == 0, header.count == 2, header[0] == .word("variable") { variable = header[1].text }
                depth += 1
                header = []
            case .close:
                depth = max(0, depth - 1)
                if depth == 0 { variable = nil }
                header = []
            case .newline: header = []
            case .equals:
                if depth == 1, let variable, header == [.word("ephemeral")], let value = scanner.next(),
                    value != .word("false"), value != .word("null")
                {
                    found.insert(variable)
                }
                header = []
            case .word, .string, .other: header.append(token)
            }
        }
        return found
    }
}

/// Tokens of HCL, coarsely: expressions are split into pieces that are ignored.
struct HCLScanner {
    enum Token: Hashable {
        case word(String), string(String)
        /// Any bracket: only blocks and expressions nest.
        case open, close
        case equals, newline, other

        var text: String? {
            switch self {
            case .word(let text), .string(let text): text
            default: nil
            }
        }
    }

    private let bytes: [UInt8]
    private var index = 0
    private var nesting = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    private func peek(_ ahead: Int = 0) -> UInt8? { index + ahead < bytes.count ? bytes[index + ahead] : nil }

    mutating func next() -> Token? {
        while let byte = peek() {
            switch byte {
            case UInt8(ascii: "\n"):
                index += 1
                return .newline
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): index += 1
            case UInt8(ascii: "#"): skipLine()
            case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "/"): skipLine()
            case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "*"): skipComment()
            case UInt8(ascii: "\""): return .string(string())
            case UInt8(ascii: "<") where peek(1) == UInt8(ascii: "<"):
                skipHeredoc()
                return .other
            case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "("):
                index += 1
                return .open
            case UInt8(ascii: "}"), UInt8(ascii: "]"), UInt8(ascii: ")"):
                index += 1
                return .close
            case UInt8(ascii: "="):
                index += 1
                guard let after = peek(), after == UInt8(ascii: "=") || after == UInt8(ascii: ">") else {
                    return .equals
                }
                index += 1
                return .other
            case _ where Self.isWord(byte):
                let start = index
                while let byte = peek(), Self.isWord(byte) { index += 1 }
                return .word(String(decoding: bytes[start..<index], as: UTF8.self))
            default:
                index += 1
                return .other
            }
        }
        return nil
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), 0x80...:
            true
        default: false
        }
    }

    private mutating func skipLine() {
        while let byte = peek(), byte != UInt8(ascii: "\n") { index += 1 }
    }

    private mutating func skipComment() {
        index += 2
        while index < bytes.count, !(bytes[index] == UInt8(ascii: "*") && peek(1) == UInt8(ascii: "/")) { index += 1 }
        index += 2
    }

    /// A quoted string; what `${` opens may hold strings itself.
    private mutating func string() -> String {
        index += 1
        let start = index
        var braces = 0
        while let byte = peek() {
            if byte == UInt8(ascii: "\\") {
                index += 2
                continue
            }
            let opensTemplate =
                (byte == UInt8(ascii: "$") || byte == UInt8(ascii: "%")) && peek(1) == UInt8(ascii: "{")
            if opensTemplate, index == start || bytes[index - 1] != byte {
                braces += 1
                index += 2
                skipTemplate(&braces)
                continue
            }
            index += 1
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\n") { break }
        }
        let end = max(start, min(index, bytes.count) - 1)
        return String(decoding: bytes[start..<end], as: UTF8.self)
    }

    private mutating func skipTemplate(_ braces: inout Int) {
        while braces > 0, let byte = peek() {
            switch byte {
            case UInt8(ascii: "{"): braces += 1
            case UInt8(ascii: "}"): braces -= 1
            case UInt8(ascii: "\""):
                // Depth is bounded by the file: each level takes at least three bytes of it.
                guard nesting < 100 else { break }
                nesting += 1
                _ = string()
                nesting -= 1
                continue
            default: break
            }
            index += 1
        }
    }

    private mutating func skipHeredoc() {
        index += 2
        if peek() == UInt8(ascii: "-") { index += 1 }
        let start = index
        while let byte = peek(), Self.isWord(byte) { index += 1 }
        let mark = bytes[start..<index]
        guard !mark.isEmpty else { return }
        skipLine()
        while index < bytes.count {
            index += 1
            let lineStart = index
            skipLine()
            let line = bytes[lineStart..<index].filter { $0 != 0x20 && $0 != 0x09 && $0 != 0x0d }
            if line.elementsEqual(mark) { return }
        }
    }
}

extension Engine {
    /// Whether an apply of a saved plan takes values of ephemeral variables.
    var takesEphemeralVariables: Bool {
        let parts = version.prefix { $0 != "-" }.split(separator: ".").compactMap { Int($0) }
        guard parts.count >= 2 else { return false }
        let first = name == .terraform ? (1, 10) : (1, 11)
        return (parts[0], parts[1]) >= first
    }
}
