import Domain
import Foundation

/// The parts of one of Terraform's diagnostics.
struct DiagnosticText: Hashable, Sendable {
    /// Bytes of a message.
    static let limit = 4 << 10
    /// The width at which Terraform wraps a paragraph, frame not counted.
    private static let width = 75

    var summary: String
    /// The lines before wrapping.
    var detail: [String]
    var address: String?
    var file: String?
    var line: Int?

    init(summary: String, detail: [String], address: String? = nil, file: String? = nil, line: Int? = nil) {
        self.summary = summary
        self.detail = Array(detail.drop(while: \.isBlank).reversed().drop(while: \.isBlank).reversed())
        self.address = address
        self.file = file
        self.line = line
    }

    /// Reads a whole block, from its `Error:` line on.
    init(framed text: String) {
        let lines = ChunkText.lines(of: text).map { Self.unframed(VisibleLine.text(of: $0)) }
        let head = lines.first ?? ""
        let word = ["Error: ", "Warning: "].first { head.hasPrefix($0) } ?? ""
        self.init(summary: String(head.dropFirst(word.count)), detail: [])
        var rest = lines.dropFirst()[...]
        while let next = rest.first, next.isBlank { rest.removeFirst() }
        takePlace(&rest)
        while let next = rest.first, next.isBlank { rest.removeFirst() }
        while let last = rest.last, last.isBlank { rest.removeLast() }
        detail = Self.unwrapped(Array(rest))
    }

    /// `  with ADDRESS,`, `  on FILE line N, in …:`, and the source that follows, up to a blank line.
    private mutating func takePlace(_ lines: inout ArraySlice<String>) {
        var hasPlace = false
        while let line = lines.first, !line.isBlank {
            if line.hasPrefix("  with "), line.hasSuffix(",") || line.hasSuffix(":") {
                address = String(line.dropFirst(7).dropLast())
                hasPlace = true
            } else if line.hasPrefix("  on "), let mark = line.range(of: " line ", options: .backwards) {
                file = String(line[line.index(line.startIndex, offsetBy: 5)..<mark.lowerBound])
                self.line = Int(line[mark.upperBound...].prefix { $0.isNumber })
                hasPlace = true
            } else if !hasPlace {
                return
            }
            lines.removeFirst()
        }
    }

    /// Undoes wrapping: joins a line with the next one if that one's first word did not fit. Lines that begin with a
    /// blank are never wrapped.
    private static func unwrapped(_ lines: [String]) -> [String] {
        var result: [String] = []
        var last = 0
        for line in lines {
            let word = line.prefix { $0 != " " }
            if let previous = result.last, !previous.isBlank, !line.isBlank, line.first != " ", last > 0,
                last + 1 + word.count > width
            {
                result[result.count - 1] = "\(previous) \(line)"
            } else {
                result.append(line)
            }
            last = line.first == " " ? 0 : line.count
        }
        return result
    }

    /// The cause first, then the address and the file, then how many other errors there are.
    func message(others: Int) -> String {
        var lines = [summary]
        // The summary is only the heading of the detail.
        var rest = detail[...]
        if let first = rest.first, !first.isBlank, summary.utf8.count + first.utf8.count < 400 {
            lines[0] = summary.isEmpty ? first : "\(summary): \(first)"
            rest.removeFirst()
            if lines[0].hasSuffix(":"), let next = rest.first, !next.isBlank {
                lines[0] += " \(next.drop { $0 == " " })"
                rest.removeFirst()
            }
        }
        var tail: [String] = []
        let place = [address.map { "with \($0)" }, file.map { "on \($0)" + (line.map { " line \($0)" } ?? "") }]
        let named = place.compactMap { $0 }.joined(separator: ", ")
        if !named.isEmpty { tail.append(named) }
        if others > 0 { tail.append(others == 1 ? "and 1 more error" : "and \(others) more errors") }
        let end = tail.joined(separator: "\n").shortened(toBytes: Self.limit / 2)
        let text = (lines + rest).joined(separator: "\n").shortened(toBytes: Self.limit - end.utf8.count - 1)
        return end.isEmpty ? text : "\(text)\n\(end)"
    }

    func diagnostic(others: Int) -> Diagnostic {
        Diagnostic(
            summary: summary, detail: detail.joined(separator: "\n"), address: address, file: file, line: line,
            others: others)
    }

    // MARK: - Lines

    static func unframed(_ line: String) -> String {
        guard line.hasPrefix("│") else { return line }
        let content = line.dropFirst()
        return String(content.hasPrefix(" ") ? content.dropFirst() : content)
    }

    /// Whether a line that begins a diagnostic begins an error; nil for any other line.
    static func isError(head line: String) -> Bool? {
        if line.hasPrefix("Error: ") { return true }
        return line.hasPrefix("Warning: ") ? false : nil
    }

    /// `(and 3 more similar warnings elsewhere)`
    static func similar(in line: String) -> Int? {
        guard line.hasPrefix("(and "), line.contains(" more similar warning") else { return nil }
        return Int(line.dropFirst(5).prefix { $0.isNumber })
    }
}

extension String {
    fileprivate var isBlank: Bool { allSatisfy(\.isWhitespace) }
}
