public import Domain
public import Foundation

/// Cloud identities, and the keys that sign their tokens. Tokens themselves are never stored.
public protocol IdentityStore: Sendable {
    /// All, by name.
    func identities() async throws -> [CloudIdentity]

    func identity(_ id: CloudIdentityID) async throws -> CloudIdentity?

    /// - Throws: ``Refusal`` `.notFound` for an unknown vineyard; `.conflict` for a name that is taken there, and for
    ///   more than ``CloudIdentity/limit``.
    func createIdentity(_ identity: CloudIdentity) async throws

    /// Changes the name and the ways in; vineyard and provider stay.
    /// - Throws: ``Refusal`` `.notFound`; `.conflict` for a name that is taken.
    func updateIdentity(_ identity: CloudIdentity) async throws -> CloudIdentity

    /// - Throws: ``Refusal`` `.notFound`; `.conflict` while a vine uses it.
    func deleteIdentity(_ id: CloudIdentityID) async throws

    /// Vines that use it, in the order of their creation; without deleted ones.
    func vines(using id: CloudIdentityID, limit: Int) async throws -> [Vine]

    // MARK: - Signing keys

    /// All that are published, the oldest first.
    func signingKeys() async throws -> [SigningKey]

    /// Stores a key, unless another node stored one since the caller looked.
    ///
    /// - Parameter newest: the newest key that the caller knows; nil for none.
    /// - Returns: whether it was stored.
    func addSigningKey(_ key: SigningKey, after newest: String?) async throws -> Bool

    func deleteSigningKeys(_ ids: Set<String>) async throws
}

/// A key that signs tokens.
public struct SigningKey: Hashable, Sendable {
    public var place: SigningKeySchedule.Key
    /// PKCS #1 in DER; encrypted when it is stored.
    public var privateKey: Data
    /// The public half as a JWK (RFC 7517).
    public var publicKey: String

    public init(place: SigningKeySchedule.Key, privateKey: Data, publicKey: String) {
        self.place = place
        self.privateKey = privateKey
        self.publicKey = publicKey
    }
}
