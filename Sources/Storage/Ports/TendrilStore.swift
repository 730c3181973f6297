public import Domain
public import Foundation

/// The registered Tendrils.
public protocol TendrilStore: Sendable {
    /// - Throws: ``Refusal`` `.conflict` if another one has the name or the id; `.invalid` for an offer without
    ///   slots.
    func createTendril(_ tendril: Tendril, tokenHash: Data) async throws

    func tendril(_ id: TendrilID) async throws -> Tendril?

    /// All that were not revoked, by name.
    func tendrils() async throws -> [Tendril]

    /// The hash that the Tendril's token must have; nil if the Tendril does not exist or was revoked.
    func tendrilTokenHash(_ id: TendrilID) async throws -> Data?

    /// Replaces the token, for example if a Tendril is set up again under the same name.
    func setTendrilTokenHash(_ id: TendrilID, _ hash: Data) async throws

    /// Binds the Tendril to vineyards: it gets no new jobs of others. None for all.
    /// - Throws: ``Refusal`` `.notFound`, also for an unknown vineyard.
    func setVineyards(_ vineyards: Set<VineyardID>, of id: TendrilID) async throws

    /// Revokes the Tendril: its token is no longer valid, it is not listed, and its name is free again. What it
    /// did keeps its name, with `(revoked)` after it. Nothing happens if it was revoked before.
    ///
    /// - Throws: ``Refusal`` `.notFound`; `.conflict` while it holds a job, or a queued one is meant for it.
    func revokeTendril(_ id: TendrilID, at now: Timestamp) async throws

    /// Records a heartbeat and the leases that it reports.
    /// - Throws: ``Refusal`` `.notFound`; `.invalid` for an offer without slots.
    func heartbeat(
        _ id: TendrilID, offer: TendrilCapabilities, draining: Bool, leases: Set<Lease>, at now: Timestamp
    ) async throws

    /// The leases that each Tendril reported in its last heartbeat; without those that have sent none.
    func reportedLeases() async throws -> [TendrilID: Set<Lease>]
}
