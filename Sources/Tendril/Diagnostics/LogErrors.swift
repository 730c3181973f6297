import Domain
import SystemCalls

/// Collects the errors that a job's log shows, command by command. Pure.
///
/// What it keeps is bounded: the first ``Diagnostic/maximumCount`` errors of each of the engine's commands.
struct LogErrors: Sendable {
    /// Commands whose errors are kept; a job runs fewer.
    private static let maximumCommands = 16
    /// How the SYSTEM line of a command begins.
    private static let running = "Running "

    private struct Command: Sendable {
        /// The SYSTEM line without "Running ".
        var title: String
        var errors: [Diagnostic] = []
        /// The digests of ``errors``.
        var seen: Set<Int> = []
    }

    private var commands: [Command] = []
    private var readers: [LogStream: DiagnosticReader] = [:]

    init() {}

    /// - Parameter firstLine: the number of the chunk's first line in the job's log; nil if it is not known.
    mutating func take(_ chunk: UnnumberedChunk, firstLine: Int64?) {
        var text = chunk.text
        text.withUTF8 { bytes in
            var start = 0
            var index: Int64 = 0
            while start < bytes.count {
                let end = Posix.lineFeed(in: bytes[start...]) ?? bytes.count
                take(
                    UnsafeBufferPointer(rebasing: bytes[start..<end]), of: chunk.stream,
                    number: firstLine.map { $0 + index }, continued: chunk.continued && index == 0)
                start = end + 1
                index += 1
            }
        }
    }

    private mutating func take(
        _ line: UnsafeBufferPointer<UInt8>, of stream: LogStream, number: Int64?, continued: Bool
    ) {
        if stream == .system {
            let text = String(decoding: line, as: UTF8.self)
            if text.hasPrefix(Self.running) { begin(String(text.dropFirst(Self.running.count))) }
        } else {
            for found in readers[stream, default: DiagnosticReader()].take(line, number: number, continued: continued) {
                add(found)
            }
        }
    }

    private mutating func begin(_ title: String) {
        finish()
        guard commands.count < Self.maximumCommands else { return }
        commands.append(Command(title: title))
    }

    /// The end of the log, or of a command.
    mutating func finish() {
        for stream in LogStream.allCases {
            if let found = readers[stream]?.finish() { add(found) }
        }
    }

    private mutating func add(_ found: ReadDiagnostic) {
        guard found.severity == .error else { return }
        if commands.isEmpty { commands.append(Command(title: "")) }
        let last = commands.count - 1
        // What a command says twice is one error.
        guard commands[last].errors.count < Diagnostic.maximumCount, commands[last].seen.insert(found.digest).inserted
        else { return }
        commands[last].errors.append(Diagnostic(listed: found))
    }

    /// The errors of the last command whose title is `title`, or begins with it and a blank.
    func errors(of title: String) -> [Diagnostic] {
        commands.last { "\($0.title) ".hasPrefix("\(title) ") }?.errors ?? []
    }
}

extension Diagnostic {
    /// An entry of a list, from a log that is masked.
    fileprivate init(listed found: ReadDiagnostic) {
        let text = found.text(Masker(secrets: []))
        let paragraph = text.detail.prefix { !$0.allSatisfy(\.isWhitespace) }.joined(separator: " ")
        self = Diagnostic(
            summary: text.summary, detail: paragraph.shortened(toBytes: Self.listedDetailBytes), address: text.address,
            file: text.file, line: text.line, logLine: found.number
        ).fitted()
    }
}

/// Follows a job's log for its errors. Optional: without it, a job ends the same.
actor ErrorCollector: LogObserver {
    private var found = LogErrors()

    func restart() { found = LogErrors() }

    func take(_ chunks: [UnnumberedChunk], firstLine: Int64?) {
        var line = firstLine
        for chunk in chunks {
            found.take(chunk, firstLine: line)
            line = line.map { $0 + Int64(ChunkText.lineCount(of: chunk.text)) }
        }
    }

    func caughtUp() {}

    /// The errors of the last command with this title. To be called when the whole log was taken.
    func errors(of title: String) -> [Diagnostic] {
        found.finish()
        return found.errors(of: title)
    }
}

/// Several observers, one after the other.
struct LogObservers: LogObserver {
    var all: [any LogObserver]

    func restart() async { for observer in all { await observer.restart() } }

    func take(_ chunks: [UnnumberedChunk], firstLine: Int64?) async {
        for observer in all { await observer.take(chunks, firstLine: firstLine) }
    }

    func caughtUp() async { for observer in all { await observer.caughtUp() } }
}
