internal import Domain
internal import Foundation
internal import Postgres
internal import Storage

extension StateVersion {
    /// What reads versions without their bytes, to be followed by `WHERE`.
    static let select = """
        SELECT vine_id, number, lineage, serial, job_id, created_at, sha256, aside, resources, size
        FROM vine_state_versions

        """

    init(_ row: Row) throws {
        self.init(
            vine: try row.id("vine_id"), number: try row.int("number"),
            position: StatePosition(lineage: try row.text("lineage"), serial: try row.integer("serial")),
            job: try row.optionalID("job_id"), createdAt: try row.time("created_at"),
            sha256: try row.text("sha256"), isSuperseded: try row.flag("aside"),
            resources: try row.optionalInt("resources"), size: try row.optionalInt("size"))
    }

    /// The newest version that is not superseded.
    static func newest(of vine: VineID, _ db: Database) throws -> StateVersion? {
        try db.row(select + "WHERE vine_id = $1 AND NOT aside ORDER BY number DESC LIMIT 1", vine)
            .map(StateVersion.init)
    }

    /// The same version, if this late holder already stored it.
    static func superseded(of vine: VineID, sha256: String, lockID: String?, _ db: Database) throws -> StateVersion? {
        try db.row(
            select + "WHERE vine_id = $1 AND aside AND sha256 = $2 AND lock_id IS NOT DISTINCT FROM $3 LIMIT 1", vine,
            sha256, lockID
        ).map(StateVersion.init)
    }

    static func nextNumber(of vine: VineID, _ db: Database) throws -> Int {
        let last = try db.row(
            "SELECT max(number) AS last FROM vine_state_versions WHERE vine_id = $1", vine)
        return (try last?.optionalInt("last") ?? 0) + 1
    }

    func insert(
        _ db: Database, lockID: String?, sealed: Data, isPacked: Bool
    ) {
        db.run(
            """
            INSERT INTO vine_state_versions
                (vine_id, number, lineage, serial, job_id, lock_id, created_at, sha256, aside, resources, size,
                sealed, packed)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
            """, vine, number, position.lineage, position.serial, job, lockID,
            createdAt, sha256, isSuperseded, resources, size, sealed, isPacked)
    }

    /// Deletes what was only passed through under the lock `id`: its first version, its last two and those that are
    /// aside stay. The version that it began with belongs to the lock before, of which it is the last one.
    static func thin(under id: String, of vine: VineID, _ db: Database) {
        db.run(
            """
            DELETE FROM vine_state_versions WHERE vine_id = $1 AND lock_id = $2 AND NOT aside
            AND number > (SELECT min(number) FROM vine_state_versions
                WHERE vine_id = $1 AND lock_id = $2 AND NOT aside)
            AND number NOT IN (SELECT number FROM vine_state_versions
                WHERE vine_id = $1 AND lock_id = $2 AND NOT aside ORDER BY number DESC LIMIT 2)
            """, vine, id)
    }
}

extension StateLock {
    /// The vine's lock; nil if it is free.
    static func find(_ vine: VineID, _ db: Database) throws -> StateLock? {
        try db.row("SELECT * FROM vine_locks WHERE vine_id = $1", vine).map(StateLock.init)
    }

    init(_ row: Row) throws {
        self.init(
            vine: try row.id("vine_id"), id: try row.text("lock_id"), job: try row.optionalID("job_id"),
            holder: try row.text("holder"), info: try row.text("info"), createdAt: try row.time("created_at"))
    }

    func insert(_ db: Database) {
        db.run(
            "INSERT INTO vine_locks (vine_id, lock_id, job_id, holder, info, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
            vine, id, job, holder, info, createdAt)
    }
}

extension ReleasedLock {
    /// The former lock `id` of the vine; nil if it never existed or is still held.
    static func find(_ vine: VineID, _ id: String?, _ db: Database) throws -> ReleasedLock? {
        guard let id else { return nil }
        let row = try db.row(
            "SELECT broken FROM vine_past_locks WHERE vine_id = $1 AND lock_id = $2", vine, id)
        return try row.map { try $0.flag("broken") ? .broken : .released }
    }
}
