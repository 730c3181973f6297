internal import Crypto
public import Domain
public import Foundation
internal import GRDB
internal import Storage

extension SQLiteStore {
    public func saveState(
        _ bytes: Data, of vine: VineID, position: StatePosition, resources: Int?, sha256: String, job: JobID?,
        lockID: String?, at now: Timestamp
    ) async throws -> StateVersion {
        guard SHA256.hash(data: bytes).hexadecimal == sha256 else { throw Refusal.badDigest() }
        let packed = try CompressedState(bytes)
        let sealed = try vault.encrypt(packed.bytes, for: .state(vine, sha256: sha256))
        return try await write(cost: bytes.count) { db, changes in
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
            try version.insert(db, lockID: lockID, sealed: sealed, isPacked: packed.isCompressed)
            changes.append(.vine(vine))
            return version
        }
    }

    public func recordResources(_ count: Int, of version: StateVersion) async throws {
        try await write { db, changes in
            try db.run(
                "UPDATE vine_state_versions SET resources = ? WHERE vine_id = ? AND number = ?", count,
                version.vine.rawValue, version.number)
            changes.append(.vine(version.vine))
        }
    }

    /// A deleted vine still accepts states, so that no result of a run is lost.
    private static func checkExistence(_ vine: VineID, _ job: JobID?, _ db: Database) throws {
        guard try db.exists("SELECT 1 FROM vines WHERE id = ?", vine.rawValue) else { throw Refusal.noVine(vine) }
        if let job, try !db.exists("SELECT 1 FROM provision_jobs WHERE id = ?", job.rawValue) {
            throw Refusal.noJob(job)
        }
    }

    public func currentState(of vine: VineID) async throws -> (version: StateVersion, bytes: Data)? {
        let found = try await read { db -> (version: StateVersion, sealed: Data, isPacked: Bool)? in
            guard let version = try StateVersion.newest(of: vine, db) else { return nil }
            let row = try db.row(
                "SELECT sealed, packed FROM vine_state_versions WHERE vine_id = ? AND number = ?", vine.rawValue,
                version.number)
            return try row.map { (version, try $0.blob("sealed"), try $0.flag("packed")) }
        }
        return try found.map { version, sealed, isPacked in
            (version, try vault.decryptState(sealed, of: vine, sha256: version.sha256, isCompressed: isPacked))
        }
    }

    public func stateBytes(of vine: VineID, number: Int) async throws -> Data? {
        let found = try await read { db in
            try db.row(
                "SELECT sha256, sealed, packed FROM vine_state_versions WHERE vine_id = ? AND number = ?",
                vine.rawValue, number
            ).map {
                (sha256: try $0.text("sha256"), sealed: try $0.blob("sealed"), isPacked: try $0.flag("packed"))
            }
        }
        return try found.map {
            try vault.decryptState($0.sealed, of: vine, sha256: $0.sha256, isCompressed: $0.isPacked)
        }
    }

    public func stateVersion(_ number: Int?, of vine: VineID) async throws -> StateVersion? {
        try await read { db in
            guard let number else { return try StateVersion.newest(of: vine, db) }
            return try db.row(StateVersion.select + "WHERE vine_id = ? AND number = ?", vine.rawValue, number)
                .map(StateVersion.init)
        }
    }

    public func stateVersions(of vine: VineID, before: Int?, limit: Int) async throws -> [StateVersion] {
        try await read { db in
            try db.rows(
                StateVersion.select + "WHERE vine_id = ? AND number < ? ORDER BY number DESC LIMIT ?", vine.rawValue,
                before ?? .max, limit, make: StateVersion.init)
        }
    }

    public func stateVersions(of vine: VineID) async throws -> [StateVersion] {
        try await read { db in
            try db.rows(
                StateVersion.select + "WHERE vine_id = ? ORDER BY number DESC", vine.rawValue, make: StateVersion.init)
        }
    }
}
