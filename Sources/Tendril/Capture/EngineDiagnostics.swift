import Domain
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
        for line in ChunkText.lines(of: text) { tally.take(Array(line.utf8)[...], at: 0) }
        tally.close()
        return tally.result(masker)
    }
}

/// Counts the diagnostics of lines as they come, and keeps the first error.
private struct Tally {
    private var reader = DiagnosticReader()
    /// Where the errors that count begin.
    private var start: Int64 = 0
    private var first: ReadDiagnostic?
    private var seen: Set<Int> = []
    private var errors = 0
    private var warnings = 0

    mutating func read(_ path: String, errorsFrom start: Int64) {
        self.start = start
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
                take(rest[index..<feed], at: lineStart)
                lineStart += Int64(feed + 1 - index)
                index = feed + 1
            }
            rest.removeSubrange(..<index)
            if rest.count > DiagnosticReader.lineBytes {
                lineStart += Int64(rest.count)
                rest.removeAll(keepingCapacity: true)
            }
        }
        if !rest.isEmpty { take(rest[...], at: lineStart) }
        close()
    }

    /// - Parameter position: of the line in its stream.
    mutating func take(_ line: ArraySlice<UInt8>, at position: Int64) {
        for found in line.withUnsafeBufferPointer({ reader.take($0, number: position) }) { count(found) }
    }

    mutating func close() {
        if let found = reader.finish() { count(found) }
    }

    private mutating func count(_ found: ReadDiagnostic) {
        guard found.severity == .warning || (found.number ?? 0) >= start, seen.insert(found.digest).inserted else {
            return
        }
        if found.severity == .error {
            errors += 1
            first = first ?? found
        } else {
            warnings += 1 + found.similar
        }
    }

    func result(_ masker: Masker) -> EngineDiagnostics {
        var result = EngineDiagnostics(message: nil, errors: errors, warnings: warnings)
        let text = first?.text(masker)
        // Once more: a secret may only show without the frame.
        result.message = text.map { masker.mask($0.message(others: errors - 1)) }
        result.first = text?.diagnostic(others: errors - 1).mapTexts(masker.mask)
        return result
    }
}
