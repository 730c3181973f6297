public import Domain
public import Foundation

/// Terraform states of vines: their versions, compressed and encrypted at rest, protected by a lock.
public protocol StateStore: Sendable {
    /// Takes the vine's lock. The same `lock.id` again is acknowledged (the first response may have been lost).
    ///
    /// - Parameter lease: the lease of a job's lock, which must be held by a PROCESSING job of this vine;
    ///   nil for a user's own Terraform.
    /// - Throws: ``Refusal`` `.locked` naming the holder, and for an id whose lock was broken; `.leaseLost`;
    ///   `.notFound` without the vine; `.invalid` if lease and lock are of two jobs.
    func lockState(_ lock: StateLock, lease: Lease?) async throws

    /// The vine's lock; nil if it is free.
    func stateLock(of vine: VineID) async throws -> StateLock?

    /// Gives the lock back, and thins the versions that were stored under it: the first and the last two stay, and
    /// the superseded ones. Nothing happens if it is free already.
    /// - Throws: ``Refusal`` `.conflict` if another holder has it.
    func unlockState(of vine: VineID, id: String) async throws

    /// Breaks the lock `id` on behalf of an operator. Versions of that holder are superseded from then
    /// on. Nothing happens if the vine is not locked.
    /// - Throws: ``Refusal`` `.conflict` if the lock has changed, or while its job's engine may run.
    func breakStateLock(of vine: VineID, id: String) async throws

    /// Stores the next version of the vine's state. The bytes that are the newest already are not stored again.
    ///
    /// With the lock's id it becomes the newest state. A version under a broken lock is kept as superseded
    /// (``StateVersion/isSuperseded``), never dropped; so is one whose lock was released while another holder has it.
    ///
    /// - Parameter resources: instances of managed resources in the state (``VineResources``).
    /// - Throws: ``Refusal`` `.locked` if another holder has the lock and `lockID` is nil or was never the vine's;
    ///   `.conflict` if the lineage is another, or the serial is lower than the newest one's; `.invalid` if
    ///   `sha256` is not the bytes' own; `.notFound` without the vine or the job.
    func saveState(
        _ bytes: Data, of vine: VineID, position: StatePosition, resources: Int?, sha256: String, job: JobID?,
        lockID: String?, at now: Timestamp
    ) async throws -> StateVersion

    /// Adds the number of resources to a version that was stored before they were counted.
    func recordResources(_ count: Int, of version: StateVersion) async throws

    /// The newest state that is not superseded; nil if there is none.
    func currentState(of vine: VineID) async throws -> (version: StateVersion, bytes: Data)?

    /// The version `number` of the vine's state, also a superseded one; nil if there is none.
    func stateBytes(of vine: VineID, number: Int) async throws -> Data?

    /// The version `number`, also a superseded one, without its bytes; for nil, the newest that is not superseded.
    func stateVersion(_ number: Int?, of vine: VineID) async throws -> StateVersion?

    /// Versions with a number below `before`, newest first, without their bytes.
    func stateVersions(of vine: VineID, before: Int?, limit: Int) async throws -> [StateVersion]

    /// The versions that are kept, newest first, without their bytes.
    func stateVersions(of vine: VineID) async throws -> [StateVersion]
}

/// Plan artifacts, encrypted at rest, because a plan file contains sensitive values in plain text.
public protocol ArtifactStore: Sendable {
    /// Stores the artifact of a PLAN. The same bytes again are acknowledged.
    /// - Throws: ``Refusal`` `.leaseLost` if `epoch`'s lease is not held; `.conflict` for a second one;
    ///   `.invalid` if `sha256` does not match; `.notFound` without the job.
    func saveArtifact(_ bytes: Data, sha256: String, of job: JobID, epoch: Int, at now: Timestamp) async throws

    /// The artifact of a PLAN; nil if it does not exist.
    func artifact(of job: JobID) async throws -> (bytes: Data, sha256: String)?

    /// The digest of ``artifact(of:)``'s bytes, without reading them.
    func artifactDigest(of job: JobID) async throws -> String?

    /// Deletes artifacts older than `moment`. Returns how many.
    func deleteArtifacts(before moment: Timestamp) async throws -> Int
}
