internal import Crypto
public import Domain

/// The job's log: lines in one total order, numbered in the commit that stores them.
public protocol LogStore: Sendable {
    /// Stores one append of a lease holder. `seq` and line numbers continue after the end of the job's log.
    ///
    /// The key `(job, epoch, n)` makes it idempotent: the same bytes again are acknowledged and not stored again.
    /// Times are normalized: never decreasing within the job, missing ones are `now`.
    ///
    /// - Throws: ``Refusal``: `.conflict` "diverged…" if `n` is already stored with other bytes; `.conflict` naming the
    /// expected `n` if one was skipped; `.leaseLost` if `epoch` is not the job's last one, or the job never started;
    /// `.conflict` if the log is closed as COMPLETE; `.notFound` without the job; `.invalid` without text.
    func append(_ append: LogAppend, at now: Timestamp) async throws -> LogReceipt

    /// Adds SYSTEM lines of Trellis itself (epoch 0), at any time while the log is OPEN; ignored afterwards.
    func appendSystemLines(_ lines: [String], to job: JobID, at now: Timestamp) async throws

    /// The append position of an epoch. - Throws: ``Refusal`` `.notFound` without the job.
    func logCursor(of job: JobID, epoch: Int) async throws -> LogCursor

    /// The length of the job's log. - Throws: ``Refusal`` `.notFound` without the job.
    func logSize(of job: JobID) async throws -> LogSize

    /// The chunks with `seq` > `after`, in order: as many as fit in `maxBytes` of text (at least one, if there is
    /// any), `maxRows` at most. Reads by index; never the whole log.
    func chunks(of job: JobID, after: Int64, maxBytes: Int, maxRows: Int) async throws -> [LogChunk]

    /// The segment that holds `place`; nil after the end of the log. Reads by index; never the whole log.
    func segment(of job: JobID, at place: LogPosition) async throws -> LogSegment?

    /// The visible lines of the segment with `line` and of later ones, at most `count` segments; none after
    /// the log's end.
    /// - Parameter withStreams: costs a little more.
    func visibleLines(of job: JobID, at line: Int64, count: Int, withStreams: Bool) async throws -> [VisibleLines]

    /// The lines that name a diagnostic, in order, `limit` at most. Reads metadata of segments, not their text.
    func diagnosticLines(of job: JobID, limit: Int) async throws -> [DiagnosticLine]

    /// Compacts the oldest part of the job's log, if there is enough of it, or if no more
    /// will come. Reads return the same bytes.
    /// - Returns: whether anything was compacted. - Throws: ``Refusal`` `.notFound`.
    func compact(_ job: JobID) async throws -> Bool

    /// Jobs whose logs are not fully compacted.
    func jobsToCompact() async throws -> [JobID]

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
            // A page at a time: a long read would block WAL checkpoints.
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
    /// Who appends; refused if another Tendril has the job's last lease. nil skips that check.
    public var worker: TendrilID?
    public var epoch: Int
    /// Counts the epoch's appends, from 1.
    public var n: Int64
    public var chunks: [UnnumberedChunk]

    public init(job: JobID, worker: TendrilID? = nil, epoch: Int, n: Int64, chunks: [UnnumberedChunk]) {
        self.job = job
        self.worker = worker
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
    /// The number of the append's last line; nil if the append had been stored before.
    public var lines: Int64?

    public init(nextN: Int64, seq: Int64, lines: Int64? = nil) {
        self.nextN = nextN
        self.seq = seq
        self.lines = lines
    }
}

/// The position of an epoch's writer.
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

/// A position in a log.
public enum LogPosition: Hashable, Sendable {
    /// The line with this number, from 1.
    case line(Int64)
    /// The row, from 0, among the lines of these streams.
    case row(Int64, of: Set<LogStream>)
}

/// A part of a log that is read as a unit (a few hundred kilobytes), with the text state at its start: what comes
/// before it need not be read to know how its lines look.
public struct LogSegment: Hashable, Sendable {
    /// In order, without gaps; at least one.
    public var chunks: [LogChunk]
    /// The text state before the first chunk.
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

/// The visible lines of one segment, for searches.
public struct VisibleLines: Sendable {
    /// The number of the first line.
    public var firstLine: Int64
    public var count: Int
    /// UTF-8, a line feed after each line.
    public var text: [UInt8]
    /// Which streams the lines are of, in order; empty if that was not asked for.
    public var streams: [StreamRun]

    /// A run of consecutive lines of one stream.
    public struct StreamRun: Hashable, Sendable {
        public var stream: LogStream
        public var lines: Int
    }

    /// The number of the line after them.
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
