import Domain
import Foundation
import SystemCalls

/// One of the engine's diagnostics as it was read.
struct ReadDiagnostic: Sendable {
    fileprivate enum Content: Sendable {
        /// With frame and colors, so that a secret that runs over several lines is still found.
        case text(String)
        case json(JSONDiagnostic)
    }

    var severity: DiagnosticMarker.Kind
    /// The number of the line that names it, as the reader's caller counts; nil if it is not known.
    var number: Int64?
    /// Equal for two with the same words.
    var digest: Int
    /// How many more like it the engine left out.
    var similar = 0
    fileprivate var content: Content

    /// Its parts, masked.
    func text(_ masker: any TextMasking) -> DiagnosticText {
        switch content {
        // Before the frame is taken off: a secret may run over the frame's lines.
        case .text(let raw): DiagnosticText(framed: masker.mask(raw))
        case .json(let diagnostic): diagnostic.text(masker)
        }
    }
}

/// Reads the diagnostics of one stream from its lines, as they come. Pure.
///
/// A diagnostic is finished by the line after it, or by ``finish()``. What it keeps of one is bounded; the rest of a
/// longer one is left out.
struct DiagnosticReader: Sendable {
    /// Bytes kept of one diagnostic, with frame and colors.
    static let keptBytes = 64 << 10
    /// Lines of a diagnostic without a frame: nothing else marks its end.
    static let maximumBareLines = 100
    /// A longer line is not part of a diagnostic.
    static let lineBytes = 256 << 10

    private struct Block: Sendable {
        var severity: DiagnosticMarker.Kind
        var number: Int64?
        /// Its lines begin with `│`.
        var isFramed: Bool
        var lines: [String] = []
        var bytes = 0
        var isFull = false
        var hasher = Hasher()
        var similar = 0

        mutating func add(_ raw: String, _ content: String) {
            hasher.combine(content)
            if severity == .warning, let more = DiagnosticText.similar(in: content) { similar += more }
            guard fits(raw) else { return }
            lines.append(raw)
        }

        mutating func join(_ rest: String) {
            hasher.combine(rest)
            guard !lines.isEmpty, fits(rest) else { return }
            lines[lines.count - 1] += rest
        }

        /// Once a line was left out, those after it are too.
        private mutating func fits(_ line: String) -> Bool {
            bytes += line.utf8.count + 1
            isFull = isFull || bytes > DiagnosticReader.keptBytes && !lines.isEmpty
            return !isFull
        }
    }

    private var block: Block?

    init() {}

    /// Reads the next line.
    ///
    /// - Parameters:
    ///   - line: as the engine wrote it, without its line feed.
    ///   - number: the line's number, as the caller counts; nil if it is not known.
    ///   - continued: the line is the rest of the one before, which was cut.
    /// - Returns: the diagnostics that this line finished.
    mutating func take(
        _ line: UnsafeBufferPointer<UInt8>, number: Int64?, continued: Bool = false
    ) -> [ReadDiagnostic] {
        guard block != nil || Self.mayBegin(line) else { return [] }
        guard line.count <= Self.lineBytes else { return end() }
        let raw = String(decoding: line, as: UTF8.self)
        if continued {
            block?.join(raw)
            return []
        }
        if line.first == UInt8(ascii: "{"), let diagnostic = JSONDiagnostic(line: raw) {
            return end() + [diagnostic.read(number)]
        }
        return take(raw, VisibleLine.text(of: raw), number)
    }

    private mutating func take(_ raw: String, _ line: String, _ number: Int64?) -> [ReadDiagnostic] {
        if line.hasPrefix("╷") || line.hasPrefix("╵") { return end() }
        let content = DiagnosticText.unframed(line)
        if let isError = DiagnosticText.isError(head: content) {
            let ended = end()
            block = Block(severity: isError ? .error : .warning, number: number, isFramed: line.hasPrefix("│"))
            block?.add(raw, content)
            return ended
        }
        guard let open = block else { return [] }
        if open.isFramed ? !line.hasPrefix("│") : open.lines.count >= Self.maximumBareLines { return end() }
        block?.add(raw, content)
        return []
    }

    private mutating func end() -> [ReadDiagnostic] { finish().map { [$0] } ?? [] }

    /// The diagnostic that has no end yet. To be called where the stream or a command of the engine ends.
    mutating func finish() -> ReadDiagnostic? {
        guard let open = block else { return nil }
        block = nil
        return ReadDiagnostic(
            severity: open.severity, number: open.number, digest: open.hasher.finalize(), similar: open.similar,
            content: .text(open.lines.joined(separator: "\n")))
    }

    /// A quick check: few lines of a log begin a diagnostic.
    private static func mayBegin(_ line: UnsafeBufferPointer<UInt8>) -> Bool {
        let start = EngineEvent.skipEscapes(line, 0)
        return EngineEvent.matches(line, start, "│") || EngineEvent.matches(line, start, "Error: ")
            || EngineEvent.matches(line, start, "Warning: ") || line.first == UInt8(ascii: "{")
    }
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

    /// nil for any other line.
    init?(line: String) {
        struct Line: Decodable {
            var type: String
            var diagnostic: JSONDiagnostic?
        }
        guard line.contains(#""diagnostic""#), let line = try? JSONDecoder().decode(Line.self, from: Data(line.utf8)),
            line.type == "diagnostic", let diagnostic = line.diagnostic
        else { return nil }
        self = diagnostic
    }

    func read(_ number: Int64?) -> ReadDiagnostic {
        ReadDiagnostic(
            severity: severity == "error" ? .error : .warning, number: number, digest: hashValue, content: .json(self))
    }

    func text(_ masker: any TextMasking) -> DiagnosticText {
        DiagnosticText(
            summary: masker.mask(summary ?? ""), detail: masker.mask(detail ?? "").components(separatedBy: "\n"),
            address: address.map { masker.mask($0) }, file: range?.filename.map { masker.mask($0) },
            line: range?.start?.line)
    }
}
