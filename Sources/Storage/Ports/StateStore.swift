public import Domain
public import Foundation

/// Terraform states of vines: their versions, compressed and sealed at rest, under a lock.
public protocol StateStore: Sendable {
    /// Takes the vine's lock. The same `lock.id` again is acknowledged (its first answer may have been lost).
    ///
    /// - Parameter lease: the lease of a job's lock, which must be held by a PROCESSING job of this vine;
    ///   nil for a user's own Terraform.
    /// - Throws: ``Refusal`` `.locked` naming the holder, and for an id whose lock was broken; `.leaseLost`;
    ///   `.notFound` without the vine; `.invalid` where lease and lock are of two jobs.
    func lockState(_ lock: StateLock, lease: Lease?) async throws

    /// The vine's lock; nil where it is free.
    func stateLock(of vine: VineID) async throws -> StateLock?

    /// Gives the lock back, and thins the versions that were stored under it: the first and the last two stay, and
    /// those that are aside. Nothing happens where it is free already.
    /// - Throws: ``Refusal`` `.conflict` where somebody else holds it.
    func unlockState(of vine: VineID, id: String) async throws

    /// Takes the lock `id` from whoever holds it; an operator's act. Versions of that holder are kept aside from then
    /// on. Nothing happens where the vine is not locked.
    /// - Throws: ``Refusal`` `.conflict` where the lock is another one by now, and while its job's engine may run.
    func breakStateLock(of vine: VineID, id: String) async throws

    /// Stores the next version of the vine's state. The bytes that are the newest already are not stored again.
    ///
    /// With the lock's id it becomes the newest state. A `lockID` whose lock was broken is kept aside
    /// (``StateVersion/aside``), never dropped; so is one whose lock was given back, while somebody else holds it.
    ///
    /// - Parameter resources: instances of managed resources in the state (``VineResources``).
    /// - Throws: ``Refusal`` `.locked` where somebody else holds the lock and `lockID` is nil or was never the vine's;
    ///   `.conflict` where the lineage is another, or the serial is lower than the newest one's; `.invalid` where
    ///   `sha256` is not the bytes' own; `.notFound` without the vine or the job.
    func saveState(
        _ bytes: Data, of vine: VineID, position: StatePosition, resources: Int?, sha256: String, job: JobID?,
        lockID: String?, at now: Timestamp
    ) async throws -> StateVersion

    /// Adds the number of resources to a version that was stored before they were counted.
    func recordResources(_ count: Int, of version: StateVersion) async throws

    /// The newest state that is not aside; nil where there is none.
    func currentState(of vine: VineID) async throws -> (version: StateVersion, bytes: Data)?

    /// The version `number` of the vine's state, also one that is aside; nil where there is none.
    func stateBytes(of vine: VineID, number: Int) async throws -> Data?

    /// The versions that are kept, newest first, without their bytes.
    func stateVersions(of vine: VineID) async throws -> [StateVersion]
}
