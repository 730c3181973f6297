internal import GRDB

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
