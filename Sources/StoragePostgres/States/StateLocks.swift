public import Domain
internal import Postgres
internal import Storage

extension PostgresStore {
    public func lockState(_ lock: StateLock, lease: Lease?) async throws {
        if let lease, lease.job != lock.job {
            throw Refusal(.invalid, "Lease and lock belong to different jobs.")
        }
        try await write { db, changes in
            VineRow.lock(lock.vine, db)
            try VineRow.require(lock.vine, db)
            let current = try StateLock.find(lock.vine, db)
            let past = try ReleasedLock.find(lock.vine, lock.id, db)
            // A granted lock stays granted, even if the lease was lost.
            if try LockRules.isHeld(lock, current: current, past: past) { return }
            if let lease { try Self.checkHeld(lease, vine: lock.vine, db) }
            lock.insert(db)
            changes.append(.vine(lock.vine))
        }
    }

    private static func checkHeld(_ lease: Lease, vine: VineID, _ db: Database) throws {
        JobRow.lock(lease.job, db)
        guard let job = try JobRow.find(lease.job, db), job.vine == vine, job.state.status == .processing,
            job.state.leaseHeld, job.state.worker == lease.worker, job.state.epoch == lease.epoch
        else { throw Refusal.noLease(of: lease.job, epoch: lease.epoch) }
    }

    public func stateLock(of vine: VineID) async throws -> StateLock? {
        try await readOnce { db in try StateLock.find(vine, db) }
    }

    public func unlockState(of vine: VineID, id: String) async throws {
        try await write { db, changes in
            VineRow.lock(vine, db)
            guard let lock = try StateLock.find(vine, db) else { return }
            guard lock.id == id else {
                throw Refusal(.conflict, "The vine's state is locked by \(lock.holder), under another id.")
            }
            Self.end(lock, as: .released, db)
            StateVersion.thin(under: id, of: vine, db)
            changes += [.vine(vine), .queue]
        }
    }

    public func breakStateLock(of vine: VineID, id: String) async throws {
        try await write { db, changes in
            VineRow.lock(vine, db)
            guard let lock = try StateLock.find(vine, db) else { return }
            guard lock.id == id else {
                throw Refusal(.conflict, "The lock has changed: \(lock.holder) holds it now. Reload and try again.")
            }
            if let job = lock.job, try JobRow.lockAndRequire(job, db).state.engine.holdsVine {
                throw Refusal(
                    .conflict, "Job \(job.short) holds the lock and may be running: cancel it, or give it up.")
            }
            Self.end(lock, as: .broken, db)
            changes += [.vine(vine), .queue]
        }
    }

    /// Deletes the lock but remembers it: its holder may still store a version.
    private static func end(_ lock: StateLock, as past: ReleasedLock, _ db: Database) {
        db.run("DELETE FROM vine_locks WHERE vine_id = $1", lock.vine)
        db.run(
            "INSERT INTO vine_past_locks VALUES ($1, $2, $3) ON CONFLICT (vine_id, lock_id) DO UPDATE SET broken = excluded.broken",
            lock.vine, lock.id, past == .broken)
    }
}
