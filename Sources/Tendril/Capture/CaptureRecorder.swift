import Domain
import SystemCalls

/// Records the end offsets of the engine's output.
struct CaptureRecorder {
    private let order: OpenFile
    private let files: [(stream: LogStream, file: OpenFile)]
    private var recorded: [LogStream: Int64] = [:]

    init(_ folder: JobFolder) throws(PosixError) {
        order = try OpenFile(folder.order, .append)
        files = [
            (.stdout, try OpenFile(folder.capture(of: .stdout), .read)),
            (.stderr, try OpenFile(folder.capture(of: .stderr), .read)),
        ]
    }

    /// Records the streams that have grown since the last call.
    ///
    /// - Parameter first: the stream that grew first.
    /// - Returns: whether one had.
    /// - Throws: where it could not be written; the next call tries again, and no byte is lost.
    mutating func record(first: LogStream? = nil, at moment: Timestamp) throws(PosixError) -> Bool {
        var grown: [(stream: LogStream, end: Int64)] = []
        for (stream, file) in files {
            let end = try file.size()
            if end > recorded[stream] ?? 0 { grown.append((stream, end)) }
        }
        if grown.isEmpty { return false }
        if grown.count == 2, grown[1].stream == first { grown.swapAt(0, 1) }
        try order.append(grown.flatMap { OrderRecord(at: moment, .output($0.stream, end: $0.end)).encoded })
        for (stream, end) in grown { recorded[stream] = end }
        return true
    }

    /// Records an idle mark.
    func recordQuiet(at moment: Timestamp) throws(PosixError) {
        try order.append(OrderRecord(at: moment, .quiet).encoded)
    }
}
