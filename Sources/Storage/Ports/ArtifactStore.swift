public import Domain
public import Foundation

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
