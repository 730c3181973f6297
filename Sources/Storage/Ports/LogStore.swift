internal import Crypto
public import Domain

/// The job's log: lines in one total order, numbered in the commit that stores them.
public protocol LogStore: Sendable {
    /// Stores one append of a lease holder. `seq` and line numbers go on where the job's log ended.
    ///
    /// The key `(job, epoch, n)` makes it idempotent: the same bytes again are acknowledged and not stored again.
    /// Times are normalised: never decreasing within the job, missing ones are `now`.
    ///
    /// - Throws: ``Refusal``: `.conflict` "diverged…" for other bytes under a known `n`; `.conflict` naming the
    ///   expected `n` for a hole; `.leaseLost` where `epoch` is not the job's last one, or the job never started;
    ///   `.conflict` where the log is closed as COMPLETE; `.notFound` without the job;
    ///   `.invalid` without text.
    func append(_ append: LogAppend, at now: Timestamp) async throws -> LogReceipt

    /// Adds SYSTEM lines of Trellis itself (epoch 0), at any time while the log is OPEN; ignored afterwards.
    func appendNotes(_ lines: [String], to job: JobID, at now: Timestamp) async throws

    /// Where the epoch's writer stands. - Throws: ``Refusal`` `.notFound` without the job.
    func logCursor(of job: JobID, epoch: Int) async throws -> LogCursor

    /// How long the job's log is. - Throws: ``Refusal`` `.notFound` without the job.
    func logSize(of job: JobID) async throws -> LogSize

    /// The chunks with `seq` > `after`, in order: as many as fit in `maxBytes` of text (at least one, if there is
    /// any), `maxRows` at most. Reads by index; never the whole log.
    func chunks(of job: JobID, after: Int64, maxBytes: Int, maxRows: Int) async throws -> [LogChunk]

    /// The segment that holds `place`; nil behind the log's end. Reads by index; never the whole log.
    func segment(of job: JobID, at place: LogPosition) async throws -> LogSegment?

    /// The visible lines of the segment that holds `line` and of those behind it, `count` segments at most; none behind
    /// the log's end.
    /// - Parameter withStreams: costs a little more.
    func visibleLines(of job: JobID, at line: Int64, count: Int, withStreams: Bool) async throws -> [VisibleLines]

    /// The lines that name a diagnostic, in order, `limit` at most. Reads what is kept about segments, not their text.
    func logMarks(of job: JobID, limit: Int) async throws -> [DiagnosticLine]

    /// Seals the oldest stretch of the job's log that is not sealed yet, where there is enough of it, or nothing more
    /// will come. What is read stays the same, byte by byte.
    /// - Returns: whether anything was sealed, so that there may be more. - Throws: ``Refusal`` `.notFound`.
    func seal(_ job: JobID) async throws -> Bool

    /// Jobs with a part of their log that is not sealed.
    func jobsToSeal() async throws -> [JobID]

    /// The digest of all that the epoch has stored. Reads the whole epoch, in pages.
    func logDigest(of job: JobID, epoch: Int) async throws -> LogDigest
}

extension LogStore {
    /// The same for every engine: pages through the log.
    public func logDigest(of job: JobID, epoch: Int) async throws -> LogDigest {
        var hashes: [LogStream: (bytes: Int64, hash: SHA256)] = [:]
        var after: Int64 = 0
        _ = try await logSize(of: job)
        while true {
            // A page at a time: a long read would keep the database from tidying up after its writer.
            let page = try await chunks(of: job, after: after, maxBytes: 1 << 20, maxRows: 4096)
            guard let last = page.last else { break }
            after = last.seq
            for chunk in page where chunk.epoch == epoch {
                var (bytes, hash) = hashes[chunk.stream] ?? (0, SHA256())
                var text = chunk.text
                text.withUTF8 { hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }
                bytes += Int64(text.utf8.count)
                hashes[chunk.stream] = (bytes, hash)
            }
        }
        return LogDigest(
            streams: hashes.mapValues { LogDigest.Part(bytes: $0.bytes, sha256: $0.hash.finalize().hexadecimal) })
    }
}

/// One append of a lease holder, checked against ``LogLimits`` already.
public struct LogAppend: Sendable {
    public var job: JobID
    public var epoch: Int
    /// Counts the epoch's appends, from 1.
    public var n: Int64
    public var chunks: [UnnumberedChunk]

    public init(job: JobID, epoch: Int, n: Int64, chunks: [UnnumberedChunk]) {
        self.job = job
        self.epoch = epoch
        self.n = n
        self.chunks = chunks
    }
}

/// The acknowledgement of an append: it is durable.
public struct LogReceipt: Hashable, Sendable {
    /// The number that the epoch's next append must carry.
    public var nextN: Int64
    /// The job's last `seq` after the append.
    public var seq: Int64

    public init(nextN: Int64, seq: Int64) {
        self.nextN = nextN
        self.seq = seq
    }
}

/// Where the writer of an epoch stands.
public struct LogCursor: Hashable, Sendable {
    public var nextN: Int64
    /// The job's last `seq`.
    public var seq: Int64
    /// Bytes of text that the epoch has stored, by stream.
    public var storedBytes: [LogStream: Int64]

    public init(nextN: Int64, seq: Int64, storedBytes: [LogStream: Int64]) {
        self.nextN = nextN
        self.seq = seq
        self.storedBytes = storedBytes
    }
}

/// The length of a log: its last `seq`, and its lines in all and by stream.
public struct LogSize: Hashable, Sendable {
    public var seq: Int64
    public var lines: Int64
    public var linesByStream: [LogStream: Int64]

    public init(seq: Int64, lines: Int64, linesByStream: [LogStream: Int64]) {
        self.seq = seq
        self.lines = lines
        self.linesByStream = linesByStream
    }
}

/// A place in a log to read from.
public enum LogPosition: Hashable, Sendable {
    /// The line with this number, from 1.
    case line(Int64)
    /// The row, from 0, among the lines of these streams.
    case row(Int64, of: Set<LogStream>)
}

/// A stretch of a log that is read as a whole, some hundred kilobytes long, and the state in which it begins: what stands
/// before it need not be read to know how its lines look.
public struct LogSegment: Hashable, Sendable {
    /// In order, without gaps; at least one.
    public var chunks: [LogChunk]
    /// Where the reading of the text stands before the first of them.
    public var state: TextState
    /// How many lines of each stream come before it.
    public var linesBefore: [LogStream: Int64]

    public init(chunks: [LogChunk], state: TextState, linesBefore: [LogStream: Int64]) {
        self.chunks = chunks
        self.state = state
        self.linesBefore = linesBefore
    }

    /// How many lines of `streams` come before it.
    public func rowsBefore(_ streams: Set<LogStream>) -> Int64 {
        streams.reduce(0) { $0 + (linesBefore[$1] ?? 0) }
    }
}

/// A line that names a diagnostic.
public struct DiagnosticLine: Hashable, Sendable {
    public var line: Int64
    public var kind: DiagnosticMarker.Kind

    public init(line: Int64, kind: DiagnosticMarker.Kind) {
        self.line = line
        self.kind = kind
    }
}

/// The visible lines of one segment, for those who look for text.
public struct VisibleLines: Sendable {
    /// The number of the first line.
    public var firstLine: Int64
    public var count: Int
    /// UTF-8, a line feed behind each line.
    public var text: [UInt8]
    /// Which streams the lines are of, in order; empty where that was not asked for.
    public var streams: [StreamRun]

    /// So many lines of one stream, one after the other.
    public struct StreamRun: Hashable, Sendable {
        public var stream: LogStream
        public var lines: Int
    }

    /// The number of the line behind them.
    public var nextLine: Int64 { firstLine + Int64(count) }
}

extension [VisibleLines.StreamRun] {
    mutating func append(_ stream: LogStream, lines: Int) {
        if last?.stream == stream {
            self[count - 1].lines += lines
        } else {
            append(VisibleLines.StreamRun(stream: stream, lines: lines))
        }
    }
}
