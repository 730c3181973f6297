public import Domain
internal import Foundation
internal import Postgres
public import Storage

extension PostgresStore {
    public func append(_ append: LogAppend, at now: Timestamp) async throws -> LogReceipt {
        let prepared = try PreparedAppend(append.chunks)
        let chunks = try prepared.chunks.map { (chunk: $0, text: try StoredText($0.text)) }
        let receipt = try await appender.append(
            LogAppender.Request(
                job: append.job, content: .append(append, digest: prepared.digest),
                chunks: chunks, bytes: prepared.bytes, now: now))
        guard let receipt else { throw StorageError(.failed, "An append has no receipt.") }
        return receipt
    }

    public func appendSystemLines(_ lines: [String], to job: JobID, at now: Timestamp) async throws {
        let chunks = LogWriter.chunks(ofSystemLines: lines, at: now)
        _ = try await appender.append(
            LogAppender.Request(
                job: job, content: .systemLines, chunks: chunks, bytes: chunks.reduce(0) { $0 + $1.text.count },
                now: now))
    }
}

/// What one group commit of appends needs to know of its jobs, and what becomes of each of them.
struct AppendBatch {
    private var contexts: [JobID: AppendContext] = [:]
    private var nextN: [LogWriter.WriterKey: Int64] = [:]
    private var digests: [AppendKey: Data] = [:]
    private var writer = LogWriter()
    private var stored: [(key: AppendKey, digest: Data)] = []

    private struct AppendKey: Hashable {
        var job: JobID
        var epoch: Int
        var n: Int64
    }

    /// Locks the logs of all requests, in one order for everybody, and reads where they stand: one round trip.
    init(_ requests: [LogAppender.Request], _ db: Database) throws {
        let jobs = Set(requests.map(\.job.rawValue)).sorted()
        let keys = requests.compactMap(\.key)
        let (keyJobs, keyEpochs) = (
            PostgresValue.uuids(keys.map(\.job.rawValue)), PostgresValue.ints(keys.map { Int64($0.epoch) })
        )
        // The order of ids as text is that of the bytes.
        let found = try db.queryAll([
            (
                """
                SELECT 1 FROM provision_job_log_heads WHERE job_id = ANY($1) ORDER BY job_id FOR UPDATE
                """, [.uuids(jobs)]
            ),
            (AppendContext.select + "WHERE job.id = ANY($1)", [.uuids(jobs)]),
            (
                """
                SELECT job_id, epoch, next_n FROM provision_job_log_writers
                WHERE (job_id, epoch) IN (SELECT * FROM unnest($1, $2))
                """, [keyJobs, keyEpochs]
            ),
            (
                """
                SELECT job_id, epoch, n, digest FROM provision_job_log_appends
                WHERE (job_id, epoch, n) IN (SELECT * FROM unnest($1, $2, $3))
                """, [keyJobs, keyEpochs, .ints(keys.map(\.n))]
            ),
        ])
        for row in found[1].map({ $0 }) {
            let job: JobID = try row.id("id")
            contexts[job] = try AppendContext(row)
        }
        for row in found[2].map({ $0 }) {
            let key = LogWriter.WriterKey(job: try row.id("job_id"), epoch: try row.int("epoch"))
            nextN[key] = try row.integer("next_n")
        }
        for row in found[3].map({ $0 }) {
            let key = AppendKey(job: try row.id("job_id"), epoch: try row.int("epoch"), n: try row.integer("n"))
            digests[key] = try row.blob("digest")
        }
    }

    /// Decides on one request; several of one job see each other's effect.
    mutating func add(_ request: LogAppender.Request, _ changes: inout [StoreChange]) throws(Refusal) -> LogReceipt? {
        guard var context = contexts[request.job] else { throw Refusal.noJob(request.job) }
        switch request.content {
        case .systemLines:
            guard context.isOpen, !request.chunks.isEmpty else { return nil }
            writer.add(request.chunks, of: 0, to: request.job, &context.tail, isAppend: false, at: request.now)
            contexts[request.job] = context
            changes.append(.log(request.job, seq: context.tail.seq))
            return nil
        case .append(let append, let digest):
            try AppendRules.check(
                append, engine: context.engine, logIsComplete: context.isComplete, lastWorker: context.lastWorker,
                lastEpoch: context.lastEpoch)
            let (epoch, n) = (append.epoch, append.n)
            let writerKey = LogWriter.WriterKey(job: request.job, epoch: epoch)
            let key = AppendKey(job: request.job, epoch: epoch, n: n)
            let next = nextN[writerKey] ?? 1
            if try AppendRules.isRepeat(n: n, nextN: next, digest: digest, stored: digests[key]) {
                return LogReceipt(nextN: next, seq: context.tail.seq)
            }
            writer.add(request.chunks, of: epoch, to: request.job, &context.tail, isAppend: true, at: request.now)
            contexts[request.job] = context
            nextN[writerKey] = next + 1
            digests[key] = digest
            stored.append((key, digest))
            changes.append(.log(request.job, seq: context.tail.seq))
            return LogReceipt(nextN: next + 1, seq: context.tail.seq, lines: context.tail.lines)
        }
    }

    /// Queues everything that was decided; the commit takes it along.
    func write(_ db: Database) {
        writer.write(db)
        guard !stored.isEmpty else { return }
        db.run(
            "INSERT INTO provision_job_log_appends SELECT * FROM unnest($1, $2, $3, $4)",
            [
                .uuids(stored.map(\.key.job.rawValue)), .ints(stored.map { Int64($0.key.epoch) }),
                .ints(stored.map(\.key.n)), .byteStrings(stored.map(\.digest)),
            ])
    }
}

extension LogAppender.Request {
    fileprivate var key: (job: JobID, epoch: Int, n: Int64)? {
        if case .append(let append, _) = content { (job, append.epoch, append.n) } else { nil }
    }
}

/// The small set of job columns that an append needs.
struct AppendContext: Sendable {
    var engine: EngineState
    var isComplete: Bool
    var isOpen: Bool
    var lastWorker: TendrilID?
    var lastEpoch: Int
    var tail: LogTail

    static let select = """
        SELECT job.id, job.engine_state, job.log_state, job.worker_id, job.epoch, \(LogTail.columns)
        FROM provision_jobs AS job
        JOIN provision_job_log_heads AS head ON head.job_id = job.id

        """

    init(_ row: Row) throws {
        let log = try row.text("log_state")
        engine = try row.name("engine_state")
        isComplete = log == LogState.complete.name
        isOpen = log == LogState.open.name
        lastWorker = try row.optionalID("worker_id")
        lastEpoch = try row.int("epoch")
        tail = try LogTail(row)
    }

    static func require(_ job: JobID, _ db: Database) throws -> AppendContext {
        guard let row = try db.row(select + "WHERE job.id = $1", job) else { throw Refusal.noJob(job) }
        return try AppendContext(row)
    }
}
