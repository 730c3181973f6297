internal import Domain
internal import Foundation
internal import Postgres
internal import Storage
internal import Synchronization

/// Group commit of appends: requests that arrive during a commit form the next one.
///
/// One flush of the server's disk then serves all of a batch, and so do two round trips. Each request is decided
/// separately: one that is refused changes nothing for the others. Batches are served in order and are bounded.
final class LogAppender: Sendable {
    struct Request: Sendable {
        enum Content: Sendable {
            /// Of a lease holder.
            case append(LogAppend, digest: Data)
            /// Lines of Trellis itself.
            case systemLines
        }

        var job: JobID
        var content: Content
        var chunks: [(chunk: PreparedChunk, text: StoredText)]
        /// Bytes of text.
        var bytes: Int
        var now: Timestamp
    }

    private struct Waiting: Sendable {
        var request: Request
        var continuation: CheckedContinuation<LogReceipt?, any Error>
    }

    /// The limits of what waits. A request beyond them is refused at once with ``StorageError`` `.unavailable`, so that
    /// the memory that waiting appends hold is bounded: Trellis responds with 503, and a Tendril sends the same append
    /// again.
    struct WaitingLimits: Sendable {
        var requests = 8192
        /// Bytes of text. One request may be larger if none waits.
        var bytes = 128 << 20
    }

    private struct State {
        var queue: [Waiting] = []
        var bytes = 0
        var isDraining = false
        var isClosed = false
        var closing: [CheckedContinuation<Void, Never>] = []
    }

    /// The limits of one batch; one request may be more.
    private static let maxRequests = 512
    private static let maxBytes = 8 << 20

    private let pool: PostgresPool
    private let reporter: ChangeReporter
    private let limits: WaitingLimits
    private let state = Mutex(State())

    init(pool: PostgresPool, limits: WaitingLimits = WaitingLimits(), reporter: ChangeReporter) {
        self.pool = pool
        self.limits = limits
        self.reporter = reporter
    }

    /// Makes `request` part of the next batch. Returns once that is durable; nil for lines of Trellis itself.
    func append(_ request: Request) async throws -> LogReceipt? {
        try await withCheckedThrowingContinuation { continuation in
            enum Next { case wait, drain, closed, full }
            let next: Next = state.withLock { state in
                guard !state.isClosed else { return .closed }
                let isFull =
                    state.queue.count >= limits.requests
                    || !state.queue.isEmpty && state.bytes + request.bytes > limits.bytes
                guard !isFull else { return .full }
                state.queue.append(Waiting(request: request, continuation: continuation))
                state.bytes += request.bytes
                guard !state.isDraining else { return .wait }
                state.isDraining = true
                return .drain
            }
            switch next {
            case .wait: break
            case .drain: Task { await drain() }
            case .closed: continuation.resume(throwing: StorageError(.closed, "The store was closed."))
            case .full:
                continuation.resume(throwing: StorageError(.unavailable, "Too many writes are waiting. Try again."))
            }
        }
    }

    /// Refuses further requests, and returns when all that were asked for before are done.
    func close() async {
        await withCheckedContinuation { continuation in
            let isDone = state.withLock { state in
                state.isClosed = true
                guard state.isDraining else { return true }
                state.closing.append(continuation)
                return false
            }
            if isDone { continuation.resume() }
        }
    }

    private func drain() async {
        while let batch = nextBatch() { await commit(batch) }
    }

    private func commit(_ batch: [Waiting]) async {
        let requests = batch.map(\.request)
        let number = ChangeNumber(reporter)
        do {
            let (answers, changes) = try await pool.write { db in
                var appends = try AppendBatch(requests, db)
                var changes: [StoreChange] = []
                let answers = requests.map { request in
                    Result { () throws(Refusal) in try appends.add(request, &changes) }
                }
                appends.write(db)
                number.take()
                return (answers, changes)
            }
            await number.report(changes)
            for (waiting, answer) in zip(batch, answers) {
                waiting.continuation.resume(with: answer.mapError { $0 })
            }
        } catch {
            number.drop()
            for waiting in batch { waiting.continuation.resume(throwing: StorageError.mapped(error)) }
        }
    }

    private func nextBatch() -> [Waiting]? {
        let (batch, closing) = state.withLock { state -> ([Waiting]?, [CheckedContinuation<Void, Never>]) in
            var count = 0
            var bytes = 0
            for waiting in state.queue.prefix(Self.maxRequests) {
                bytes += waiting.request.bytes
                if count > 0, bytes > Self.maxBytes { break }
                count += 1
            }
            guard count > 0 else {
                state.isDraining = false
                defer { state.closing = [] }
                return (nil, state.closing)
            }
            let batch = Array(state.queue.prefix(count))
            state.queue.removeFirst(count)
            state.bytes -= batch.reduce(0) { $0 + $1.request.bytes }
            return (batch, [])
        }
        for continuation in closing { continuation.resume() }
        return batch
    }
}
