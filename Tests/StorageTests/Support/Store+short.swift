import Domain
import Foundation
import Storage

/// For tests that are about something else.
extension Store {
    func saveState(
        _ bytes: Data, of vine: VineID, position: StatePosition, sha256: String, job: JobID?, lockID: String?,
        at now: Timestamp
    ) async throws -> StateVersion {
        try await saveState(
            bytes, of: vine, position: position, resources: nil, sha256: sha256, job: job, lockID: lockID, at: now)
    }

    func heartbeat(_ id: TendrilID, offer: TendrilCapabilities, draining: Bool, at now: Timestamp) async throws {
        try await heartbeat(id, offer: offer, draining: draining, leases: [], at: now)
    }

    /// Deletes the vine, whatever its state has.
    func deleteVine(_ id: VineID, at now: Timestamp) async throws {
        _ = try await deleteVine(id, isConfirmed: true, at: now)
    }
}
