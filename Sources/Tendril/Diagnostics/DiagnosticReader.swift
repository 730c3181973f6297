import Domain
import SystemCalls

/// One of the engine's diagnostics, as the log shows it.
struct ShownDiagnostic: Hashable, Sendable {
    var severity: DiagnosticMarker.Kind
    var text: DiagnosticText
    /// The number of the line that names it, in the job's log; nil if it is not known.
    var logLine: Int64?
}

/// Reads the diagnostics of one stream from its masked lines, as they come. Pure.
///
/// A diagnostic is finished by the line after it, or by ``finish()``. What it keeps of one is bounded; the rest of a
/// longer one is left out.
struct DiagnosticReader: Sendable {
    /// Bytes kept of one diagnostic, without frame and colors.
    static let keptBytes = 16 << 10
    /// Lines of a diagnostic without a frame: nothing else marks its end.
    static let maximumBareLines = 100
    /// A longer line is not part of a diagnostic.
    private static let lineBytes = 256 << 10

    private struct Block: Hashable, Sendable {
        var severity: DiagnosticMarker.Kind
        var logLine: Int64?
        /// Its lines begin with `│`.
        var isFramed: Bool
        var lines: [String]
        var bytes = 0
        var isFull = false

        mutating func add(_ line: String) {
            guard fits(line) else { return }
            lines.append(line)
        }

        mutating func join(_ rest: String) {
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
    ///   - line: as the engine wrote it, masked, without its line feed.
    ///   - number: the line's number in the job's log; nil if it is not known.
    ///   - continued: the line is the rest of the one before, which was cut.
    /// - Returns: the diagnostic that this line finished.
    mutating func take(
        _ line: UnsafeBufferPointer<UInt8>, number: Int64?, continued: Bool = false
    ) -> ShownDiagnostic? {
        guard block != nil || Self.mayBegin(line) else { return nil }
        guard line.count <= Self.lineBytes else { return finish() }
        return take(VisibleLine.text(of: String(decoding: line, as: UTF8.self)), number, continued)
    }

    private mutating func take(_ line: String, _ number: Int64?, _ continued: Bool) -> ShownDiagnostic? {
        if continued {
            block?.join(line)
            return nil
        }
        if line.hasPrefix("╷") || line.hasPrefix("╵") { return finish() }
        let content = DiagnosticText.unframed(line)
        if let isError = DiagnosticText.isError(head: content) {
            defer {
                block = Block(
                    severity: isError ? .error : .warning, logLine: number, isFramed: line.hasPrefix("│"), lines: [])
                block?.add(content)
            }
            return finish()
        }
        guard let open = block else { return nil }
        if open.isFramed ? !line.hasPrefix("│") : open.lines.count >= Self.maximumBareLines { return finish() }
        block?.add(content)
        return nil
    }

    /// The diagnostic that has no end yet. To be called where the stream or a command of the engine ends.
    mutating func finish() -> ShownDiagnostic? {
        guard let open = block else { return nil }
        block = nil
        var text = DiagnosticText(framed: open.lines.joined(separator: "\n"))
        if open.severity == .warning, text.summary.hasPrefix("Warning: ") { text.summary.removeFirst(9) }
        return ShownDiagnostic(severity: open.severity, text: text, logLine: open.logLine)
    }

    /// A quick check: few lines of a log begin a diagnostic.
    private static func mayBegin(_ line: UnsafeBufferPointer<UInt8>) -> Bool {
        let start = EngineEvent.skipEscapes(line, 0)
        return EngineEvent.matches(line, start, "│") || EngineEvent.matches(line, start, "Error: ")
            || EngineEvent.matches(line, start, "Warning: ")
    }
}
