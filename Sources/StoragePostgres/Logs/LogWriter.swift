internal import Domain
internal import Foundation
internal import Postgres
internal import Storage

/// A chunk's text as it is sent and stored.
struct StoredText: Sendable {
    var bytes: Data
    var isCompressed: Bool
    /// Bytes of the text itself.
    var count: Int

    /// What a chunk may hold at most, decompressed: far more than the API lets through.
    private static let limit = 16 << 20

    /// Compresses `text`, if that makes it smaller.
    init(_ text: Data) throws {
        let compressed = text.count < 128 ? text : try Zstd.compress([UInt8](text), level: Zstd.fastLevel)
        isCompressed = compressed.count < text.count
        bytes = isCompressed ? compressed : text
        count = text.count
    }

    init(bytes: Data, isCompressed: Bool, count: Int) {
        self.bytes = bytes
        self.isCompressed = isCompressed
        self.count = count
    }

    func text() throws -> String {
        isCompressed
            ? String(decoding: try Zstd.decompress(bytes, limit: Self.limit), as: UTF8.self)
            : String(decoding: bytes, as: UTF8.self)
    }
}

/// Puts chunks at the end of logs, inside a commit. The only place that assigns `seq` and line numbers.
///
/// Collects what a commit appends, and writes it with one statement per table, whatever the number of chunks and jobs.
struct LogWriter {
    private var jobs: [String] = []
    private var epochs: [Int64] = []
    private var seqs: [Int64] = []
    private var firstLines: [Int64] = []
    private var lineCounts: [Int64] = []
    private var streams: [String] = []
    private var continued: [Bool] = []
    private var createdAt: [Int64] = []
    private var sizes: [Int64] = []
    private var compressed: [Bool] = []
    private var times: [Data] = []
    private var texts: [Data] = []

    private var tails: [JobID: LogTail] = [:]
    private var writers: [WriterKey: WriterProgress] = [:]

    struct WriterKey: Hashable, Sendable {
        var job: JobID
        var epoch: Int
    }

    /// What an epoch's writer has added.
    private struct WriterProgress {
        var appends: Int64 = 0
        var bytes: [LogStream: Int64] = [:]
    }

    /// Adds `chunks` of `epoch`, and moves `tail`. The log's head must be locked.
    /// - Parameter isAppend: false for lines of Trellis itself, which are not numbered.
    mutating func add(
        _ chunks: [(chunk: PreparedChunk, text: StoredText)], of epoch: Int, to job: JobID, _ tail: inout LogTail,
        isAppend: Bool, at now: Timestamp
    ) {
        var progress = writers[WriterKey(job: job, epoch: epoch)] ?? WriterProgress()
        for (chunk, text) in chunks {
            let numbers = tail.append(chunk, at: now)
            jobs.append(job.rawValue)
            epochs.append(Int64(epoch))
            seqs.append(numbers.seq)
            firstLines.append(numbers.firstLine)
            lineCounts.append(Int64(chunk.lineCount))
            streams.append(chunk.stream.rawValue)
            continued.append(chunk.continued)
            createdAt.append(now.milliseconds)
            sizes.append(Int64(text.count))
            compressed.append(text.isCompressed)
            times.append(numbers.times.encoded)
            texts.append(text.bytes)
            progress.bytes[chunk.stream, default: 0] += Int64(text.count)
        }
        if isAppend { progress.appends += 1 }
        writers[WriterKey(job: job, epoch: epoch)] = progress
        tails[job] = tail
    }

    /// Queues the statements that store what was added.
    func write(_ db: Database) {
        guard !jobs.isEmpty else { return }
        db.run(
            Self.insertSQL,
            [
                .uuids(jobs), .ints(epochs), .ints(seqs), .ints(firstLines), .ints(lineCounts), .texts(streams),
                .bools(continued), .ints(createdAt), .ints(sizes), .bools(compressed), .byteStrings(times),
                .byteStrings(texts),
            ])
        let moved = tails.map { (job: $0.key, tail: $0.value) }
        func lines(_ stream: LogStream) -> PostgresValue { .ints(moved.map { $0.tail.linesByStream[stream] ?? 0 }) }
        db.run(
            Self.moveSQL,
            [
                .uuids(moved.map(\.job.rawValue)), .ints(moved.map(\.tail.seq)), lines(.stdout), lines(.stderr),
                lines(.system), .ints(moved.map { $0.tail.lastTime?.milliseconds ?? Self.noTime }),
            ])
        let counted = writers.map { (key: $0.key, progress: $0.value) }
        func bytes(_ stream: LogStream) -> PostgresValue { .ints(counted.map { $0.progress.bytes[stream] ?? 0 }) }
        db.run(
            Self.countSQL,
            [
                .uuids(counted.map(\.key.job.rawValue)), .ints(counted.map { Int64($0.key.epoch) }),
                .ints(counted.map(\.progress.appends)), bytes(.stdout), bytes(.stderr), bytes(.system),
            ])
    }

    /// Appends lines of Trellis itself to the log of a job that is locked.
    static func append(
        _ systemLines: [String], to job: JobID, _ tail: inout LogTail, at now: Timestamp, _ db: Database,
        _ changes: inout [StoreChange]
    ) {
        guard !systemLines.isEmpty else { return }
        var writer = LogWriter()
        writer.add(chunks(ofSystemLines: systemLines, at: now), of: 0, to: job, &tail, isAppend: false, at: now)
        writer.write(db)
        changes.append(.log(job, seq: tail.seq))
    }

    static func chunks(ofSystemLines lines: [String], at now: Timestamp) -> [(chunk: PreparedChunk, text: StoredText)] {
        SystemChunks.chunks(lines, at: now).map { chunk in
            (chunk, StoredText(bytes: chunk.text, isCompressed: false, count: chunk.text.count))
        }
    }

    /// Drops what is needed to recognize repeated appends: a COMPLETE log accepts none.
    static func deleteAppendDigests(of job: JobID, _ db: Database) {
        db.run("DELETE FROM provision_job_log_appends WHERE job_id = $1", job)
    }

    /// Stands for NULL in an array.
    private static let noTime: Int64 = -1

    private static let insertSQL = """
        INSERT INTO provision_job_logs (job_id, epoch, seq, first_line, line_count, stream_type, continued, created_at,
            text_bytes, compressed, times, log_chunk)
        SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        """

    private static let moveSQL = """
        UPDATE provision_job_log_heads AS head SET seq = moved.seq, stdout_lines = moved.stdout_lines,
            stderr_lines = moved.stderr_lines, system_lines = moved.system_lines,
            log_time = nullif(moved.log_time, \(noTime))
        FROM unnest($1, $2, $3, $4, $5, $6)
            AS moved (job_id, seq, stdout_lines, stderr_lines, system_lines, log_time)
        WHERE head.job_id = moved.job_id
        """

    private static let countSQL = """
        INSERT INTO provision_job_log_writers AS writer
        SELECT job_id, epoch, 1 + appends, stdout_bytes, stderr_bytes, system_bytes
        FROM unnest($1, $2, $3, $4, $5, $6)
            AS counted (job_id, epoch, appends, stdout_bytes, stderr_bytes, system_bytes)
        ON CONFLICT (job_id, epoch) DO UPDATE SET next_n = writer.next_n + excluded.next_n - 1,
            stdout_bytes = writer.stdout_bytes + excluded.stdout_bytes,
            stderr_bytes = writer.stderr_bytes + excluded.stderr_bytes,
            system_bytes = writer.system_bytes + excluded.system_bytes
        """
}
