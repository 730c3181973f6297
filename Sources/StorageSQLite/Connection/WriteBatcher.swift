internal import GRDB
internal import Storage
internal import Synchronization

/// Group commit: operations that arrive during a commit form the next one.
///
/// One flush to disk then serves all of a batch. Each operation has its own savepoint, so one that throws
/// takes back what it did and nothing else. Batches are served in order and are bounded, so no caller
/// waits for more than the batches ahead of it.
///
/// Operations go to GRDB by its callback interface: its async interface aborts the work of a canceled task.
final class WriteBatcher: Sendable {
    /// The limits of one batch.
    struct Bounds: Sendable {
        var operations = 512
        /// Bytes that its operations say they write. One operation may be more.
        var cost = 8 << 20
    }

    /// The limits of what waits for the writer. A write beyond them is refused at once with ``StorageError``
    /// `.unavailable`, so that callers slow down and the memory that waiting writes hold is bounded: Trellis responds
    /// with 503, and a Tendril sends the same append again.
    struct WaitingLimits: Sendable {
        var writes = 8192
        /// Bytes that the waiting writes declare. One write may be larger if none waits.
        var cost = 128 << 20
    }

    private struct State {
        var queue: [PendingWrite] = []
        var cost = 0
        var isDraining = false
        var isClosed = false
    }

    private let pool: DatabasePool
    private let bounds: Bounds
    private let limits: WaitingLimits
    private let onChange: ChangeObserver
    private let state = Mutex(State())

    init(
        pool: DatabasePool, bounds: Bounds = Bounds(), limits: WaitingLimits = WaitingLimits(),
        onChange: @escaping ChangeObserver
    ) {
        self.pool = pool
        self.limits = limits
        self.bounds = bounds
        self.onChange = onChange
    }

    /// Operations that wait for their batch.
    var waiting: Int { state.withLock { $0.queue.count } }

    /// Runs `body` in the next batch. Returns, or throws what it threw, once that batch is committed.
    func write<Value: Sendable>(
        cost: Int = 0, _ body: @escaping @Sendable (Database, inout [StoreChange]) throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            enqueue(
                PendingWrite(
                    cost: cost,
                    run: { db, changes in
                        let value = try body(db, &changes)
                        return { continuation.resume(returning: value) }
                    },
                    fail: { continuation.resume(throwing: $0) }))
        }
    }

    /// Refuses further operations, and returns when all that were asked for before are done.
    func close() async {
        await withCheckedContinuation { continuation in
            let end = PendingWrite(
                cost: 0, run: { _, _ in { continuation.resume() } }, fail: { _ in continuation.resume() })
            enqueue(end, closing: true)
        }
    }

    private func enqueue(_ operation: PendingWrite, closing: Bool = false) {
        enum Next { case wait, drain, closed, full }
        let next: Next = state.withLock { state in
            guard !state.isClosed else { return .closed }
            let isFull =
                state.queue.count >= limits.writes
                || !state.queue.isEmpty && state.cost + operation.cost > limits.cost
            guard closing || !isFull else { return .full }
            state.isClosed = closing
            state.queue.append(operation)
            state.cost += operation.cost
            guard !state.isDraining else { return .wait }
            state.isDraining = true
            return .drain
        }
        switch next {
        case .wait: break
        case .drain: pool.asyncWriteWithoutTransaction { self.drain($0) }
        case .closed: operation.fail(StorageError(.closed, "The store was closed."))
        case .full: operation.fail(StorageError(.unavailable, "Too many writes are waiting. Try again."))
        }
    }

    private func drain(_ db: Database) {
        while let batch = nextBatch() {
            WriteBatch(batch).commit(db, onChange: onChange)
        }
    }

    private func nextBatch() -> [PendingWrite]? {
        state.withLock { state in
            var count = 0
            var cost = 0
            for operation in state.queue.prefix(bounds.operations) {
                cost += operation.cost
                if count > 0, cost > bounds.cost { break }
                count += 1
            }
            guard count > 0 else {
                state.isDraining = false
                return nil
            }
            let batch = Array(state.queue.prefix(count))
            state.queue.removeFirst(count)
            state.cost -= batch.reduce(0) { $0 + $1.cost }
            return batch
        }
    }
}

extension WriteBatcher {
    /// One pending write.
    struct PendingWrite: Sendable {
        var cost: Int
        /// Runs the operation; the returned closure resumes the caller after the commit.
        var run: @Sendable (Database, inout [StoreChange]) throws -> @Sendable () -> Void
        /// Fails the caller.
        var fail: @Sendable (any Error) -> Void
    }
}

/// One commit of the ``WriteBatcher``.
struct WriteBatch {
    private let operations: [WriteBatcher.PendingWrite]

    init(_ operations: [WriteBatcher.PendingWrite]) { self.operations = operations }

    /// Commits all operations that do not throw; notifies the observer, then every caller.
    func commit(_ db: Database, onChange: ChangeObserver) {
        var changes: [StoreChange] = []
        var answers: [@Sendable () -> Void] = []
        answers.reserveCapacity(operations.count)
        let begun = ContinuousClock.now
        do {
            try db.beginTransaction(.immediate)
            if operations.count == 1, let only = operations.first {
                // Alone, it needs no savepoint: the transaction is one.
                answers = [try only.run(db, &changes)]
            } else {
                for operation in operations {
                    answers.append(try answer(of: operation, db, &changes))
                }
            }
            try db.commit()
            CommitTimer.record(since: begun)
        } catch {
            rollBack(db)
            for operation in operations { operation.fail(error) }
            return
        }
        if !changes.isEmpty { onChange(changes) }
        for answer in answers { answer() }
    }

    /// Runs `operation` in its savepoint; throws only if the whole batch failed.
    private func answer(
        of operation: WriteBatcher.PendingWrite, _ db: Database, _ changes: inout [StoreChange]
    ) throws -> @Sendable () -> Void {
        let changesBefore = changes.count
        try db.run("SAVEPOINT operation")
        do {
            let answer = try operation.run(db, &changes)
            try db.run("RELEASE operation")
            return answer
        } catch {
            changes.removeSubrange(changesBefore...)
            // Some errors (a full disk, for one) make SQLite roll the whole transaction back by itself.
            guard db.isInsideTransaction else { throw error }
            try db.run("ROLLBACK TO operation")
            try db.run("RELEASE operation")
            return { operation.fail(error) }
        }
    }

    private func rollBack(_ db: Database) {
        do {
            try db.rollback()
        } catch {
            // GRDB rolls back only if SQLite has not. If that fails, its next BEGIN reports it.
        }
    }
}
