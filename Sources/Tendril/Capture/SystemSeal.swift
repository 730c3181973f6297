import Crypto
import Domain
import Foundation
import Wire

/// Authenticates Vintner's own lines in a capture. A job's programs may be able to write to the file, but can't forge
/// a line of Vintner.
///
/// The key is derived from the Tendril's token, so it is in no file and the same after a restart. Whoever
/// can read that token (the same user, if the token is in a file of that user) can forge lines;
/// `docs/threat-model.md` says what each set-up protects.
///
/// On disk each line of the file is `NUMBER TIME MAC TEXT`: eight and thirteen digits, 64 hexadecimal digits, and the
/// text with `\` and line feeds escaped.
struct SystemSeal: Sendable {
    struct Line: Hashable, Sendable {
        /// Counted from 1.
        var number: Int
        var at: Timestamp
        /// One line or several.
        var text: String
    }

    /// Longer texts are cut when written; longer lines are not read.
    static let lineLimit = 256 << 10

    private let key: SymmetricKey

    /// - Parameter token: the Tendril's.
    init(token: String, lease: LeaseMessage) {
        let master = SymmetricKey(data: SHA256.hash(data: Data("vintner system lines\0\(token)".utf8)))
        key = SymmetricKey(
            data: HMAC<SHA256>.authenticationCode(for: Data("\(lease.jobId):\(lease.epoch)".utf8), using: master))
    }

    /// The line with a line feed before and after it: an unfinished line of another program ends there.
    func encoded(_ line: Line) -> [UInt8] {
        let head = Self.head(line.number, line.at)
        let text = Self.escaped(line.text)
        return Array("\n\(head) \(code(head, text)) \(text)\n".utf8)
    }

    /// nil if the line was not written with this key.
    func open(_ bytes: some Collection<UInt8>) -> Line? {
        guard bytes.count > 88, let whole = String(validating: bytes, as: UTF8.self) else { return nil }
        let fields = whole.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false).map(String.init)
        guard fields.count == 4, let number = Int(fields[0]), let at = Int64(fields[1]), number > 0 else { return nil }
        let head = Self.head(number, Timestamp(milliseconds: at))
        guard Self.isSame(code(head, fields[3]), fields[2]) else { return nil }
        return Line(number: number, at: Timestamp(milliseconds: at), text: Self.unescaped(fields[3]))
    }

    private func code(_ head: String, _ text: String) -> String {
        HMAC<SHA256>.authenticationCode(for: Data("\(head) \(text)".utf8), using: key)
            .reduce(into: "") { $0 += String($1 >> 4, radix: 16) + String($1 & 0xf, radix: 16) }
    }

    private static func head(_ number: Int, _ at: Timestamp) -> String {
        "\(digits(Int64(number), 8)) \(digits(at.milliseconds, 13))"
    }

    private static func digits(_ value: Int64, _ width: Int) -> String {
        let digits = String(max(0, value))
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    /// Compares in constant time.
    private static func isSame(_ left: String, _ right: String) -> Bool {
        guard left.utf8.count == right.utf8.count else { return false }
        return zip(left.utf8, right.utf8).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
    }

    private static func unescaped(_ text: String) -> String {
        var result = ""
        var isEscape = false
        for scalar in text.unicodeScalars {
            if isEscape {
                result.unicodeScalars.append(scalar == "n" ? "\n" : scalar)
                isEscape = false
            } else if scalar == "\\" {
                isEscape = true
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

/// Parses sealed lines from bytes that arrive in pieces.
struct SystemLineParser: Sendable {
    private let seal: SystemSeal
    private var rest: [UInt8] = []
    private var isOverlong = false
    /// The number of the last line that was accepted.
    private(set) var count = 0
    /// The number of lines that another program wrote or repeated.
    private(set) var forged = 0
    /// The number of missing lines.
    private(set) var missing = 0

    init(_ seal: SystemSeal) { self.seal = seal }

    mutating func take(_ bytes: some Sequence<UInt8>) -> [SystemSeal.Line] {
        rest += bytes
        var lines: [SystemSeal.Line] = []
        var start = 0
        while let feed = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
            if let line = judge(rest[start..<feed]) { lines.append(line) }
            start = feed + 1
        }
        rest.removeFirst(start)
        if rest.count > SystemSeal.lineLimit {
            rest.removeAll(keepingCapacity: true)
            isOverlong = true
        }
        return lines
    }

    private mutating func judge(_ bytes: ArraySlice<UInt8>) -> SystemSeal.Line? {
        if bytes.isEmpty, !isOverlong { return nil }
        guard !isOverlong, let line = seal.open(bytes), line.number > count else {
            forged += 1
            isOverlong = false
            return nil
        }
        missing += line.number - count - 1
        count = line.number
        return line
    }
}
