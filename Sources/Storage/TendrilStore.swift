public import Domain
public import Foundation

/// The registered Tendrils.
public protocol TendrilStore: Sendable {
    /// - Throws: ``Refusal`` `.conflict` where another one has the name or the id; `.invalid` for an offer without slots.
    func createTendril(_ tendril: TendrilAgent, tokenHash: Data) async throws

    func tendril(_ id: TendrilID) async throws -> TendrilAgent?

    /// All of them, by name.
    func tendrils() async throws -> [TendrilAgent]

    /// The hash that the Tendril's token must have; nil where there is no such Tendril.
    func tendrilTokenHash(_ id: TendrilID) async throws -> Data?

    /// Replaces the token, as when a Tendril of the same name is set up again.
    func setTendrilTokenHash(_ id: TendrilID, _ hash: Data) async throws

    /// Notes a sign of life. - Throws: ``Refusal`` `.notFound`; `.invalid` for an offer without slots.
    func heartbeat(_ id: TendrilID, offer: TendrilOffer, draining: Bool, at now: Timestamp) async throws
}
