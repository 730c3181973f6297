public import Domain

/// Times of a chunk's lines on the wire: `[[lines, milliseconds since 1970], …]`.
public typealias WireLineTimes = [[Int64]]

extension LineTimes {
    /// Reads wire times; invalid pairs are ignored.
    public init(wire: WireLineTimes) {
        self.init(
            wire.compactMap { pair in
                guard pair.count == 2, pair[0] > 0, pair[0] <= Int64(Int32.max) else { return nil }
                return Run(lines: Int(pair[0]), at: Timestamp(milliseconds: pair[1]))
            })
    }

    public var wire: WireLineTimes { runs.map { [Int64($0.lines), $0.at.milliseconds] } }
}

/// `POST /api/jobs/{id}/logs`: one append of the lease holder.
public struct AppendLogsRequest: Codable, RequestMessage {
    public struct Chunk: Codable, Sendable {
        public var streamType: LogStream
        public var logChunk: String
        public var continued: Bool?
        public var times: WireLineTimes?

        public init(streamType: LogStream, logChunk: String, continued: Bool?, times: WireLineTimes?) {
            self.streamType = streamType
            self.logChunk = logChunk
            self.continued = continued
            self.times = times
        }

        public init(_ draft: UnnumberedChunk) {
            self.init(
                streamType: draft.stream, logChunk: draft.text, continued: draft.continued ? true : nil,
                times: draft.times.wire)
        }

        public var draft: UnnumberedChunk {
            UnnumberedChunk(
                stream: streamType, text: logChunk, continued: continued ?? false,
                times: LineTimes(wire: times ?? []))
        }
    }

    public var epoch: Int
    /// Counts the appends of this epoch, from 1.
    public var n: Int64
    public var chunks: [Chunk]

    public init(epoch: Int, n: Int64, chunks: [Chunk]) {
        self.epoch = epoch
        self.n = n
        self.chunks = chunks
    }
}

/// The response to an append, and to `GET /api/jobs/{id}/logs/cursor?epoch=E`.
public struct LogCursorResponse: Codable, ResponseMessage {
    /// The number that the next append of this epoch must carry.
    public var nextN: Int64
    /// The job's last `seq`.
    public var seq: Int64
    /// How many bytes of text this epoch has stored, by stream: the position where a restarted Tendril resumes.
    public var stored: [String: Int64]?
    /// The number of the append's last line in the job's log; absent if the append had been stored before.
    public var lines: Int64?

    public init(nextN: Int64, seq: Int64, stored: [String: Int64]? = nil, lines: Int64? = nil) {
        self.nextN = nextN
        self.seq = seq
        self.stored = stored
        self.lines = lines
    }
}

/// A row of `provision_job_logs`.
public struct LogRowMessage: Codable, Sendable {
    public var id: Int64
    public var jobId: JobID
    public var epoch: Int
    public var seq: Int64
    public var firstLine: Int64
    public var lineCount: Int
    public var streamType: LogStream
    public var logChunk: String
    public var continued: Bool
    public var times: WireLineTimes
    public var createdAt: Timestamp

    public init(_ chunk: LogChunk) {
        id = chunk.id
        jobId = chunk.job
        epoch = chunk.epoch
        seq = chunk.seq
        firstLine = chunk.firstLine
        lineCount = chunk.lineCount
        streamType = chunk.stream
        logChunk = chunk.text
        continued = chunk.continued
        times = chunk.times.wire
        createdAt = chunk.createdAt
    }
}

/// `GET /api/jobs/{id}/logs?after=SEQ`. `next` is the `after` of the next page.
public struct LogPageResponse: Codable, ResponseMessage {
    public var chunks: [LogRowMessage]
    public var next: Int64
    public var logState: String

    public init(chunks: [LogRowMessage], next: Int64, logState: String) {
        self.chunks = chunks
        self.next = next
        self.logState = logState
    }
}
