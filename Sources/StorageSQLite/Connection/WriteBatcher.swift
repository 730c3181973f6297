internal import GRDB
internal import Storage
internal import Synchronization

/// Group commit: whatever was asked for while a commit was under way becomes the next one, together.
///
/// One flush to disk then serves all of a batch. Each operation stands in a savepoint of its own, so one that throws
/// takes back what it did and nothing else. Batches are served in the order of asking, and are bounded, so nobody
/// waits for more than the batches before his own.
///
/// Operations go to GRDB by its callback interface: its async one gives up what a cancelled task has begun.
final class WriteBatcher: Sendable {
    /// What makes one batch at most.
    struct Bounds: Sendable {
        var operations = 512
        /// Bytes that its operations say they write. One operation may be more.
        var cost = 8 << 20
    }

    private struct State {
        var queue: [Operation] = []
        var isDraining = false
        var isClosed = false
    }

    private let pool: DatabasePool
    private let bounds: Bounds
    private let onChange: ChangeObserver
    private let state = Mutex(State())

    init(pool: DatabasePool, bounds: Bounds = Bounds(), onChange: @escaping ChangeObserver) {
        self.pool = pool
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
                Operation(
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
            let end = Operation(
                cost: 0, run: { _, _ in { continuation.resume() } }, fail: { _ in continuation.resume() })
            enqueue(end, closing: true)
        }
    }

    private func enqueue(_ operation: Operation, closing: Bool = false) {
        enum Next { case wait, drain, refuse }
        let next: Next = state.withLock { state in
            guard !state.isClosed else { return .refuse }
            state.isClosed = closing
            state.queue.append(operation)
            guard !state.isDraining else { return .wait }
            state.isDraining = true
            return .drain
        }
        switch next {
        case .wait: break
        case .drain: pool.asyncWriteWithoutTransaction { self.drain($0) }
        case .refuse: operation.fail(StorageError(.closed, "The store was closed."))
        }
    }

    private func drain(_ db: Database) {
        while let batch = nextBatch() {
            WriteBatch(batch).commit(db, onChange: onChange)
        }
    }

    private func nextBatch() -> [Operation]? {
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
            return batch
        }
    }
}

extension WriteBatcher {
    /// One caller's wish.
    struct Operation: Sendable {
        var cost: Int
        /// Does it, and returns what lets the caller go on when the commit is durable.
        var run: @Sendable (Database, inout [StoreChange]) throws -> @Sendable () -> Void
        /// Tells the caller that it was not done.
        var fail: @Sendable (any Error) -> Void
    }
}

/// One commit of the ``WriteBatcher``.
struct WriteBatch {
    private let operations: [WriteBatcher.Operation]

    init(_ operations: [WriteBatcher.Operation]) { self.operations = operations }

    /// Commits all operations that do not throw; tells the observer, then every caller.
    func commit(_ db: Database, onChange: ChangeObserver) {
        var changes: [StoreChange] = []
        var answers: [@Sendable () -> Void] = []
        answers.reserveCapacity(operations.count)
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
        } catch {
            rollBack(db)
            for operation in operations { operation.fail(error) }
            return
        }
        if !changes.isEmpty { onChange(changes) }
        for answer in answers { answer() }
    }

    /// Runs `operation` in its savepoint; throws only where the whole batch is lost.
    private func answer(
        of operation: WriteBatcher.Operation, _ db: Database, _ changes: inout [StoreChange]
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
            // GRDB rolls back only where SQLite has not; where even that fails, its next BEGIN tells.
        }
    }
}
