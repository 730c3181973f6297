public import Domain
public import Foundation

/// The registered Tendrils.
public protocol TendrilStore: Sendable {
    /// - Throws: ``Refusal`` `.conflict` where another one has the name or the id; `.invalid` for an offer without slots.
    func createTendril(_ tendril: Tendril, tokenHash: Data) async throws

    func tendril(_ id: TendrilID) async throws -> Tendril?

    /// All that were not revoked, by name.
    func tendrils() async throws -> [Tendril]

    /// The hash that the Tendril's token must have; nil where there is no such Tendril, and for a revoked one.
    func tendrilTokenHash(_ id: TendrilID) async throws -> Data?

    /// Replaces the token, as when a Tendril of the same name is set up again.
    func setTendrilTokenHash(_ id: TendrilID, _ hash: Data) async throws

    /// Revokes the Tendril: its token is worth nothing any more, it is not listed, and its name is free again. What it
    /// did keeps its name, with `(revoked)` after it. Nothing happens where it was revoked before.
    ///
    /// - Throws: ``Refusal`` `.notFound`; `.conflict` while it holds a job, or a queued one is meant for it.
    func revokeTendril(_ id: TendrilID, at now: Timestamp) async throws

    /// Notes a sign of life. - Throws: ``Refusal`` `.notFound`; `.invalid` for an offer without slots.
    func heartbeat(_ id: TendrilID, offer: TendrilCapabilities, draining: Bool, at now: Timestamp) async throws
}
