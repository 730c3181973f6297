internal import Domain
internal import Foundation
internal import Postgres
internal import Storage
internal import Synchronization

/// Group commit of appends: whatever was asked for while a commit was under way becomes the next one, together.
///
/// One flush of the server's disk then serves all of a batch, and so do two round trips. Each request is decided on its
/// own: one that is refused changes nothing for the others. Batches are served in the order of asking, and are bounded.
final class LogAppender: Sendable {
    struct Request: Sendable {
        enum Content: Sendable {
            /// Of a lease holder.
            case append(epoch: Int, n: Int64, digest: Data)
            /// Lines of Trellis itself.
            case notes
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

    private struct State {
        var queue: [Waiting] = []
        var isDraining = false
        var isClosed = false
        var closing: [CheckedContinuation<Void, Never>] = []
    }

    /// What makes one batch at most; one request may be more.
    private static let maxRequests = 512
    private static let maxBytes = 8 << 20

    private let pool: PostgresPool
    private let reporter: ChangeReporter
    private let state = Mutex(State())

    init(pool: PostgresPool, reporter: ChangeReporter) {
        self.pool = pool
        self.reporter = reporter
    }

    /// Makes `request` part of the next batch. Returns once that is durable; nil for lines of Trellis itself.
    func append(_ request: Request) async throws -> LogReceipt? {
        try await withCheckedThrowingContinuation { continuation in
            enum Next { case wait, drain, refuse }
            let next: Next = state.withLock { state in
                guard !state.isClosed else { return .refuse }
                state.queue.append(Waiting(request: request, continuation: continuation))
                guard !state.isDraining else { return .wait }
                state.isDraining = true
                return .drain
            }
            switch next {
            case .wait: break
            case .drain: Task { await drain() }
            case .refuse: continuation.resume(throwing: StorageError(.closed, "The store was closed."))
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
            return (batch, [])
        }
        for continuation in closing { continuation.resume() }
        return batch
    }
}
