import Domain
import Foundation
import SystemCalls

/// The engine's first error, and the numbers of errors and warnings, from the whole capture.
struct EngineDiagnostics: Hashable, Sendable {
    /// The first error, masked, with the number of the others; nil if there is none.
    var message: String?
    /// The same in its parts.
    var first: Diagnostic?
    /// The numbers of distinct errors and warnings; a failed `check` is a warning.
    var errors = 0
    var warnings = 0

    /// An earlier size of the captures of stdout and stderr.
    struct Position: Codable, Hashable, Sendable {
        var stdout: Int64 = 0
        var stderr: Int64 = 0

        /// Their size now.
        static func end(of folder: JobFolder) -> Position {
            Position(
                stdout: Int64(Files.size(of: folder.capture(of: .stdout))),
                stderr: Int64(Files.size(of: folder.capture(of: .stderr))))
        }

        func offset(in stream: LogStream) -> Int64 { stream == .stderr ? stderr : stdout }
    }

    /// Reads both streams, piece by piece. Terraform writes errors to stderr, and with `-json` to stdout.
    ///
    /// - Parameter start: where the phase that failed began; errors before it are not counted.
    static func read(_ folder: JobFolder, masker: Masker, errorsFrom start: Position = Position()) -> EngineDiagnostics
    {
        var tally = Tally()
        for stream in [LogStream.stderr, .stdout] {
            tally.read(folder.capture(of: stream), errorsFrom: start.offset(in: stream))
        }
        return tally.result(masker)
    }

    /// The same for a single text.
    static func read(_ text: String, masker: Masker = Masker(secrets: [])) -> EngineDiagnostics {
        var tally = Tally()
        for line in ChunkText.lines(of: text) { tally.take(Array(line.utf8), countsErrors: true) }
        tally.close()
        return tally.result(masker)
    }
}

/// Counts the diagnostics of lines as they come, and keeps the first error.
private struct Tally {
    /// The maximum number of bytes kept of the first error, with frame and colors.
    private static let keptBytes = 64 << 10
    /// A longer line is not part of a diagnostic.
    private static let lineBytes = 256 << 10

    private struct Block {
        var isError: Bool
        /// Between `╷` and `╵`.
        var isFramed: Bool
        var lines = 0
        /// As captured, so that a secret that runs over several lines is still found.
        var raw = ""
        var hasher = Hasher()
        var similar = 0
    }

    private var block: Block?
    private var first: String?
    private var firstJSON: JSONDiagnostic?
    private var hasFirst: Bool { first != nil || firstJSON != nil }
    private var seen: Set<Int> = []
    private var errors = 0
    private var warnings = 0

    mutating func read(_ path: String, errorsFrom start: Int64) {
        guard let file = try? OpenFile(path, .read) else { return }
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        var rest: [UInt8] = []
        var offset: Int64 = 0
        var lineStart: Int64 = 0
        while let count = try? buffer.withUnsafeMutableBytes({ try file.read(into: $0, at: offset) }), count > 0 {
            offset += Int64(count)
            rest += buffer[..<count]
            var index = rest.startIndex
            while let feed = rest[index...].firstIndex(of: UInt8(ascii: "\n")) {
                take(Array(rest[index..<feed]), countsErrors: lineStart >= start)
                lineStart += Int64(feed + 1 - index)
                index = feed + 1
            }
            rest.removeSubrange(..<index)
            if rest.count > Self.lineBytes {
                lineStart += Int64(rest.count)
                rest.removeAll(keepingCapacity: true)
            }
        }
        if !rest.isEmpty { take(rest, countsErrors: lineStart >= start) }
        close()
    }

    mutating func take(_ raw: [UInt8], countsErrors: Bool) {
        guard block != nil || Self.mayBegin(raw) else { return }
        let text = String(decoding: raw, as: UTF8.self)
        if block == nil, text.hasPrefix("{"), let diagnostic = JSONDiagnostic.read(text) {
            take(diagnostic, countsErrors: countsErrors)
            return
        }
        let line = VisibleLine.text(of: text)
        if line.hasPrefix("╷") || line.hasPrefix("╵") {
            close()
            return
        }
        let content = DiagnosticText.unframed(line)
        if let isError = DiagnosticText.isError(head: content) {
            close()
            guard !isError || countsErrors else { return }
            block = Block(isError: isError, isFramed: line.hasPrefix("│"))
        } else if block?.isFramed == true, !line.hasPrefix("│") {
            close()
            return
        }
        add(text, content)
    }

    private mutating func add(_ raw: String, _ content: String) {
        guard var open = block else { return }
        block = nil
        open.lines += 1
        open.hasher.combine(content)
        if !open.isError, let more = DiagnosticText.similar(in: content) { open.similar += more }
        if open.isError, !hasFirst, open.raw.utf8.count + raw.utf8.count < Self.keptBytes { open.raw += raw + "\n" }
        block = open
        // Without a frame nothing marks the end.
        if !open.isFramed, open.lines >= 1000 { close() }
    }

    mutating func close() {
        guard let open = block else { return }
        block = nil
        guard seen.insert(open.hasher.finalize()).inserted else { return }
        if open.isError {
            errors += 1
            if !hasFirst { first = open.raw }
        } else {
            warnings += 1 + open.similar
        }
    }

    private mutating func take(_ diagnostic: JSONDiagnostic, countsErrors: Bool) {
        guard diagnostic.isError ? countsErrors : true, seen.insert(diagnostic.hashValue).inserted else { return }
        if diagnostic.isError {
            errors += 1
            if !hasFirst { firstJSON = diagnostic }
        } else {
            warnings += 1
        }
    }

    func result(_ masker: Masker) -> EngineDiagnostics {
        var result = EngineDiagnostics(message: nil, errors: errors, warnings: warnings)
        var text: DiagnosticText?
        if let firstJSON {
            text = firstJSON.text(masker)
        } else if let first {
            // Before the frame is taken off and after: a secret may run over the frame's lines, or only show without
            // it.
            text = DiagnosticText(framed: masker.mask(first))
        }
        result.message = text.map { masker.mask($0.message(others: errors - 1)) }
        result.first = text?.diagnostic(others: errors - 1).mapTexts(masker.mask)
        return result
    }

    /// A quick check: few lines of a log can begin a diagnostic.
    private static func mayBegin(_ raw: [UInt8]) -> Bool {
        guard raw.first != UInt8(ascii: "{") else { return true }
        var index = raw.startIndex
        while let colon = raw[index...].firstIndex(of: UInt8(ascii: ":")) {
            let before = raw[..<colon]
            if before.hasSuffix("Error") || before.hasSuffix("Warning") { return true }
            index = colon + 1
        }
        return false
    }
}

extension ArraySlice<UInt8> {
    fileprivate func hasSuffix(_ text: String) -> Bool { suffix(text.utf8.count).elementsEqual(text.utf8) }
}

/// A line of the engine's `-json` output that is a diagnostic.
private struct JSONDiagnostic: Decodable, Hashable {
    struct Place: Decodable, Hashable {
        struct Point: Decodable, Hashable { var line: Int? }
        var filename: String?
        var start: Point?
    }

    var severity: String
    var summary: String?
    var detail: String?
    var address: String?
    var range: Place?

    var isError: Bool { severity == "error" }

    static func read(_ line: String) -> JSONDiagnostic? {
        struct Line: Decodable {
            var type: String
            var diagnostic: JSONDiagnostic?
        }
        guard let line = try? JSONDecoder().decode(Line.self, from: Data(line.utf8)), line.type == "diagnostic" else {
            return nil
        }
        return line.diagnostic
    }

    func text(_ masker: Masker) -> DiagnosticText {
        DiagnosticText(
            summary: masker.mask(summary ?? ""), detail: masker.mask(detail ?? "").components(separatedBy: "\n"),
            address: address.map { masker.mask($0) }, file: range?.filename.map { masker.mask($0) },
            line: range?.start?.line)
    }
}
