/// Consecutive lines of one stream, before the store has numbered them.
///
/// `text` holds whole lines, each with its line feed; only the last may lack it: it was cut, or the stream ended.
/// So the chunks of one stream, put together, are that stream (repaired and masked), byte for byte.
public struct UnnumberedChunk: Hashable, Sendable {
    public var stream: LogStream
    public var text: String
    /// The first line continues the previous chunk of this stream.
    public var continued: Bool
    public var times: LineTimes

    public init(stream: LogStream, text: String, continued: Bool = false, times: LineTimes) {
        self.stream = stream
        self.text = text
        self.continued = continued
        self.times = times
    }
}

/// A stored chunk: one row of `provision_job_logs`. Its numbers never change.
public struct LogChunk: Hashable, Sendable {
    /// Unique over all jobs, growing with the commits.
    public var id: Int64
    public var job: JobID
    /// The epoch of the lease that wrote it; 0 for lines of Trellis itself.
    public var epoch: Int
    /// The chunk's place in the job's log, from 1, without gaps.
    public var seq: Int64
    /// The number of the first line, from 1.
    public var firstLine: Int64
    public var lineCount: Int
    public var stream: LogStream
    public var text: String
    public var continued: Bool
    public var times: LineTimes
    public var createdAt: Timestamp

    public init(
        id: Int64, job: JobID, epoch: Int, seq: Int64, firstLine: Int64, lineCount: Int, stream: LogStream,
        text: String, continued: Bool, times: LineTimes, createdAt: Timestamp
    ) {
        self.id = id
        self.job = job
        self.epoch = epoch
        self.seq = seq
        self.firstLine = firstLine
        self.lineCount = lineCount
        self.stream = stream
        self.text = text
        self.continued = continued
        self.times = times
        self.createdAt = createdAt
    }

    /// The number of the chunk's last line.
    public var lastLine: Int64 { firstLine + Int64(lineCount) - 1 }
}

/// Where a line came from. A stream is a file descriptor, not a severity: Terraform prints warnings on STDOUT.
public enum LogStream: String, Codable, CaseIterable, Sendable {
    case stdout = "STDOUT"
    case stderr = "STDERR"
    /// Messages of Vintner itself.
    case system = "SYSTEM"
}

/// What a chunk's text is made of: lines that end with a line feed.
public enum ChunkText {
    /// The lines of `text` without their line feeds. A trailing empty piece does not count.
    public static func lines(of text: String) -> [Substring] {
        var lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines.map { Substring($0) }
    }

    /// The number of lines that ``lines(of:)`` returns.
    public static func lineCount(of text: String) -> Int {
        var text = text
        return text.withUTF8 { bytes in
            var feeds = 0
            for byte in bytes where byte == UInt8(ascii: "\n") { feeds += 1 }
            return feeds + (bytes.isEmpty || bytes.last == UInt8(ascii: "\n") ? 0 : 1)
        }
    }
}
