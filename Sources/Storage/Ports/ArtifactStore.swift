public import Domain
public import Foundation

/// Plan artifacts, sealed at rest: a plan file holds sensitive values in clear.
public protocol ArtifactStore: Sendable {
    /// Stores the artifact of a PLAN. The same bytes again are acknowledged.
    /// - Throws: ``Refusal`` `.leaseLost` where `epoch`'s lease is not held; `.conflict` for a second one;
    ///   `.invalid` where `sha256` is not the bytes' own; `.notFound` without the job.
    func saveArtifact(_ bytes: Data, sha256: String, of job: JobID, epoch: Int, at now: Timestamp) async throws

    /// The artifact of a PLAN; nil where there is none (any more).
    func artifact(of job: JobID) async throws -> (bytes: Data, sha256: String)?

    /// The digest of ``artifact(of:)``'s bytes, without reading them.
    func artifactDigest(of job: JobID) async throws -> String?

    /// Deletes artifacts older than `moment`. Returns how many.
    func deleteArtifacts(before moment: Timestamp) async throws -> Int
}
