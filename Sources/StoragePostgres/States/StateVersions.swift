internal import Crypto
public import Domain
public import Foundation
internal import Postgres
internal import Storage

extension PostgresStore {
    public func saveState(
        _ bytes: Data, of vine: VineID, position: StatePosition, resources: Int?, sha256: String, job: JobID?,
        lockID: String?, at now: Timestamp
    ) async throws -> StateVersion {
        guard SHA256.hash(data: bytes).hexadecimal == sha256 else { throw Refusal.badDigest() }
        let packed = try CompressedState(bytes)
        let sealed = try vault.encrypt(packed.bytes, for: .state(vine, sha256: sha256))
        return try await write { db, changes in
            VineRow.lock(vine, db)
            try Self.checkExistence(vine, job, db)
            let placement = try StateDisposition.decide(
                position: position, sha256: sha256, lockID: lockID, newest: try StateVersion.newest(of: vine, db),
                lock: try StateLock.find(vine, db), past: try ReleasedLock.find(vine, lockID, db))
            if case .stored(let version) = placement { return version }
            let isSuperseded = placement == .superseded
            if isSuperseded, let version = try StateVersion.superseded(of: vine, sha256: sha256, lockID: lockID, db) {
                return version
            }
            let version = StateVersion(
                vine: vine, number: try StateVersion.nextNumber(of: vine, db), position: position, job: job,
                createdAt: now, sha256: sha256, isSuperseded: isSuperseded, resources: resources, size: bytes.count)
            version.insert(db, lockID: lockID, sealed: sealed, isPacked: packed.isCompressed)
            changes.append(.vine(vine))
            return version
        }
    }

    public func recordResources(_ count: Int, of version: StateVersion) async throws {
        try await write { db, changes in
            db.run(
                "UPDATE vine_state_versions SET resources = $1 WHERE vine_id = $2 AND number = $3", count,
                version.vine, version.number)
            changes.append(.vine(version.vine))
        }
    }

    /// A deleted vine still accepts states, so that no result of a run is lost.
    private static func checkExistence(_ vine: VineID, _ job: JobID?, _ db: Database) throws {
        guard try db.exists("SELECT 1 FROM vines WHERE id = $1", vine) else { throw Refusal.noVine(vine) }
        if let job, try !db.exists("SELECT 1 FROM provision_jobs WHERE id = $1", job) {
            throw Refusal.noJob(job)
        }
    }

    public func currentState(of vine: VineID) async throws -> (version: StateVersion, bytes: Data)? {
        let found = try await read { db -> (version: StateVersion, sealed: Data, isPacked: Bool)? in
            guard let version = try StateVersion.newest(of: vine, db) else { return nil }
            let row = try db.row(
                "SELECT sealed, packed FROM vine_state_versions WHERE vine_id = $1 AND number = $2", vine,
                version.number)
            return try row.map { (version, try $0.blob("sealed"), try $0.flag("packed")) }
        }
        return try found.map { version, sealed, isPacked in
            (version, try vault.decryptState(sealed, of: vine, sha256: version.sha256, isCompressed: isPacked))
        }
    }

    public func stateBytes(of vine: VineID, number: Int) async throws -> Data? {
        let found = try await readOnce { db in
            try db.row(
                "SELECT sha256, sealed, packed FROM vine_state_versions WHERE vine_id = $1 AND number = $2",
                vine, number
            ).map {
                (sha256: try $0.text("sha256"), sealed: try $0.blob("sealed"), isPacked: try $0.flag("packed"))
            }
        }
        return try found.map {
            try vault.decryptState($0.sealed, of: vine, sha256: $0.sha256, isCompressed: $0.isPacked)
        }
    }

    public func stateVersion(_ number: Int?, of vine: VineID) async throws -> StateVersion? {
        // No version has a larger number.
        if let number, number > Int32.max { return nil }
        return try await readOnce { db in
            guard let number else { return try StateVersion.newest(of: vine, db) }
            return try db.row(StateVersion.select + "WHERE vine_id = $1 AND number = $2", vine, number).map(
                StateVersion.init)
        }
    }

    public func stateVersions(of vine: VineID, before: Int?, limit: Int) async throws -> [StateVersion] {
        try await readOnce { db in
            try db.rows(
                StateVersion.select + "WHERE vine_id = $1 AND number < $2 ORDER BY number DESC LIMIT $3", vine,
                before ?? Int(Int32.max), limit, make: StateVersion.init)
        }
    }

    public func stateVersions(of vine: VineID) async throws -> [StateVersion] {
        try await readOnce { db in
            try db.rows(
                StateVersion.select + "WHERE vine_id = $1 ORDER BY number DESC", vine, make: StateVersion.init)
        }
    }
}
