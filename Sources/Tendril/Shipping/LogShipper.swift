import Dispatch
import Domain
import Synchronization
import SystemCalls
import Wire

/// Sends a capture to Trellis while it grows.
///
/// Paced by responses: one append is in flight; the next takes everything that arrived since. So a line of a quiet
/// job is sent at once, and fast output goes in large batches. Nothing here can block the engine.
actor LogShipper {
    /// How shipping ended.
    enum End: Hashable, Sendable {
        /// All that was captured is stored.
        case complete
        /// Trellis refused it.
        case rejected(LogSinkError)
        /// The capture can't be read.
        case unreadable(String)
        /// Stopped; a later start resumes.
        case stopped
    }

    typealias Sleep = @Sendable (Duration) async throws -> Void

    nonisolated let unownedExecutor: UnownedSerialExecutor
    private let executor = QueueExecutor(label: "vintner.shipper")

    private let folder: JobFolder
    private let epoch: Int
    private var masker: Masker
    private let seal: SystemSeal?
    private let sink: any LogSink
    private let limits: LogLimits
    private let backoff: Backoff
    private let sleep: Sleep
    private let notifier: CaptureNotifier
    /// Follows the log, one append behind.
    private let observer: (any LogObserver)?
    private var observing: Task<Void, Never>?

    private var reader: CaptureReader
    private var pipeline: LinePipeline
    private var stored = StoredPrefix()
    /// Chunks that wait to be sent.
    private var ready: ArraySlice<UnnumberedChunk> = []
    private var nextN: Int64 = 1
    private var isFlushed = false
    /// The cursor was asked for again, and nothing was stored since: asking again is pointless.
    private var hasResumed = false
    /// Something was stored by this shipper.
    private(set) var hasSent = false
    /// Gaps that no reader has reached yet; only these may still grow.
    private var pending: [LogStream: Range<Int64>] = [:]

    init(
        folder: JobFolder, epoch: Int, masker: Masker, seal: SystemSeal? = nil, sink: any LogSink,
        limits: LogLimits = .standard,
        backoff: Backoff = Backoff(first: .milliseconds(100)), watcher: FileWatcher = .shared,
        observer: (any LogObserver)? = nil, sleep: @escaping Sleep = { try await Task.sleep(for: $0) }
    ) {
        self.folder = folder
        self.observer = observer
        self.epoch = epoch
        self.masker = masker
        self.seal = seal
        self.sink = sink
        self.limits = limits
        self.backoff = backoff
        self.sleep = sleep
        notifier = CaptureNotifier(order: folder.order, watcher: watcher)
        reader = CaptureReader(folder, seal: seal)
        pipeline = LinePipeline(masker: masker, limits: limits)
        unownedExecutor = executor.asUnownedSerialExecutor()
    }

    /// Nothing more will be captured: what is there is the whole log.
    nonisolated func close() { notifier.close() }

    /// Masks the rest of the capture with `masker`.
    func use(_ masker: Masker) {
        self.masker = masker
        pipeline.use(masker)
    }

    /// Ships until the end: after ``close()`` once all is stored, else when Trellis refuses or the task is canceled.
    func run() async -> End {
        do {
            try await resume()
            while true {
                // Check before reading, so that everything captured before the close is read.
                let isClosed = notifier.isClosed
                let batch = try await nextBatch(isLast: isClosed)
                if !batch.isEmpty {
                    try await ship(batch)
                } else if isClosed {
                    await observing?.value
                    return stored.missing == 0
                        ? .complete
                        : .rejected(.diverged("\(stored.missing) more bytes are stored than were captured."))
                } else {
                    await observe { await $0.caughtUp() }
                    try await notifier.wait()
                }
            }
        } catch let error as LogSinkError {
            return .rejected(error)
        } catch let error as PosixError {
            return .unreadable("\(error)")
        } catch {
            return .stopped
        }
    }

    /// Restarts from the stored position: a restarted Tendril continues after its last stored append.
    private func resume() async throws {
        let cursor = try await persist { [sink, epoch] in try await sink.cursor(epoch: epoch) }
        reader = CaptureReader(folder, gaps: try CaptureGaps.load(folder), seal: seal)
        pending = [:]
        pipeline = LinePipeline(masker: masker, limits: limits)
        stored = StoredPrefix(cursor.stored ?? [:])
        ready = []
        nextN = cursor.nextN
        isFlushed = false
        await observe { await $0.restart() }
    }

    /// Hands something to the observer, in order and beside the shipping; only the next thing waits for it.
    private func observe(_ body: @escaping @Sendable (any LogObserver) async -> Void) async {
        guard let observer else { return }
        await observing?.value
        observing = Task { await body(observer) }
    }

    // MARK: - One append

    private func ship(_ batch: [UnnumberedChunk]) async throws {
        let append = AppendLogsRequest(epoch: epoch, n: nextN, chunks: batch.map { AppendLogsRequest.Chunk($0) })
        do {
            let reply = try await persist { [sink] in try await sink.append(append) }
            guard reply.nextN == nextN + 1 else {
                throw LogSinkError.diverged("append \(nextN) got next_n \(reply.nextN).")
            }
            nextN = reply.nextN
            hasResumed = false
            hasSent = true
            let lines = batch.reduce(Int64(0)) { $0 + Int64(ChunkText.lineCount(of: $1.text)) }
            await observe { await $0.take(batch, firstLine: reply.lines.map { $0 - lines + 1 }) }
        } catch LogSinkError.diverged where !hasResumed {
            // An append from the previous process was stored after we read the cursor; or
            // Trellis has less than it had, because its database was restored from a backup.
            try await resume()
            hasResumed = true
        }
    }

    // MARK: - The bound

    /// Drops the middle of unshipped output above the disk limit, also while an append is
    /// way without a response: that is when it is needed.
    func enforceLimit(_ limit: CaptureLimit) {
        for stream in [LogStream.stdout, .stderr] {
            do { try enforce(limit, on: stream) } catch {
                // The disk may be full; the next run retries.
                continue
            }
        }
    }

    private func enforce(_ limit: CaptureLimit, on stream: LogStream) throws {
        let file = try OpenFile(folder.capture(of: stream), .readWrite)
        let read = reader.offset(of: stream)
        if let gap = pending[stream], read > gap.lowerBound { pending[stream] = nil }
        guard let gap = limit.gap(read: read, size: try file.size(), pending: pending[stream]) else { return }
        var gaps = reader.gaps
        gaps.add(gap, in: stream)
        // Record first: an unrecorded gap would be read as zeros.
        try gaps.save(folder)
        reader.gaps = gaps
        pending[stream] = gap
        try file.punch(gap)
    }

    /// All that has come, up to the limits of one append.
    private func nextBatch(isLast: Bool) async throws -> [UnnumberedChunk] {
        var batch: [UnnumberedChunk] = []
        var bytes = 0
        while batch.count < limits.appendChunks {
            if ready.isEmpty, try await !refill(isLast: isLast) { break }
            guard let chunk = ready.first else { continue }
            bytes += chunk.text.utf8.count
            if bytes > limits.appendBytes { break }
            batch.append(chunk)
            ready.removeFirst()
        }
        return batch
    }

    /// - Returns: false if nothing more is there.
    private func refill(isLast: Bool) async throws -> Bool {
        // Stay responsive to cancellation during a long replay.
        try Task.checkCancellation()
        if try reader.step(into: &pipeline, budget: limits.appendBytes / 4) {
            await takeFromPipeline()
            return true
        }
        guard isLast, !isFlushed else { return false }
        isFlushed = true
        pipeline.finish()
        await takeFromPipeline()
        return true
    }

    private func takeFromPipeline() async {
        let chunks = stored.split(pipeline.takeChunks())
        ready = chunks.rest[...]
        guard !chunks.stored.isEmpty else { return }
        await observe { await $0.take(chunks.stored, firstLine: nil) }
    }

    /// Repeats `call` until it succeeds, Trellis refuses, or the task is canceled.
    private func persist<Reply: Sendable>(_ call: @Sendable () async throws -> Reply) async throws -> Reply {
        var backoff = backoff
        while true {
            do {
                return try await call()
            } catch let error as LogSinkError {
                throw error
            } catch {
                try Task.checkCancellation()
                try await sleep(backoff.next())
            }
        }
    }
}

/// Notifies the shipper of new or closed captures.
private final class CaptureNotifier: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation
    private let closed = Atomic(false)
    private let listener: FileWatcher.Listener

    init(order: String, watcher: FileWatcher) {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.stream = stream
        self.continuation = continuation
        listener = watcher.listen(to: order) { continuation.yield() }
    }

    var isClosed: Bool { closed.load(ordering: .acquiring) }

    func close() {
        closed.store(true, ordering: .releasing)
        continuation.yield()
    }

    /// Returns when something may have happened since the last call returned.
    func wait() async throws {
        for await _ in stream { return }
        throw CancellationError()
    }
}

/// Runs an actor on its own queue, so file reads and masking don't block shared threads.
private final class QueueExecutor: SerialExecutor {
    private let queue: DispatchQueue

    init(label: String) { queue = DispatchQueue(label: label) }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedSerialExecutor()
        queue.async { job.runSynchronously(on: executor) }
    }
}
