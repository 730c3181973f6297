import Domain
import SystemCalls

/// Collects the errors that a job's log shows, command by command. Pure.
///
/// What it keeps is bounded: the first ``ReportedError/maximumCount`` errors of each of the engine's commands.
struct LogErrors: Sendable {
    /// Commands whose errors are kept; a job runs fewer.
    private static let maximumCommands = 16
    /// How the SYSTEM line of a command begins.
    private static let running = "Running "

    private struct Command: Sendable {
        /// The SYSTEM line without "Running ".
        var title: String
        var errors: [ReportedError] = []
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
        } else if let found = readers[stream, default: DiagnosticReader()].take(
            line, number: number, continued: continued)
        {
            add(found)
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

    private mutating func add(_ found: ShownDiagnostic) {
        guard found.severity == .error else { return }
        if commands.isEmpty { commands.append(Command(title: "")) }
        let error = ReportedError(found)
        let last = commands.count - 1
        // What a command says twice is one error.
        guard commands[last].errors.count < ReportedError.maximumCount,
            !commands[last].errors.contains(where: { $0.isSame(as: error) })
        else { return }
        commands[last].errors.append(error)
    }

    /// The errors of the last command whose title is `title`, or begins with it and a blank.
    func errors(of title: String) -> [ReportedError] {
        commands.last { "\($0.title) ".hasPrefix("\(title) ") }?.errors ?? []
    }
}

extension ReportedError {
    fileprivate init(_ found: ShownDiagnostic) {
        let detail = found.text.detail.prefix { !$0.allSatisfy(\.isWhitespace) }.joined(separator: " ")
        self.init(
            summary: found.text.summary, detail: detail.isEmpty ? nil : detail, address: found.text.address,
            file: found.text.file, line: found.text.line, logLine: found.logLine)
    }

    fileprivate func isSame(as other: ReportedError) -> Bool {
        var other = other
        other.logLine = logLine
        return self == other
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
    func errors(of title: String) -> [ReportedError] {
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
