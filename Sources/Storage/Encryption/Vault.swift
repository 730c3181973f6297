public import Crypto
public import Foundation

/// Encrypts what must not be readable in the database file: secrets, states, plan artifacts.
public struct Vault: Sendable {
    private let key: SymmetricKey

    /// - Parameter key: 256 bits, stored outside the database.
    public init(key: SymmetricKey) { self.key = key }

    /// Encrypts `plain` (AES-256-GCM, a fresh random nonce each time).
    ///
    /// - Parameter purpose: what is encrypted and for whom, such as `state:VINE`; decryption needs the same purpose, so
    ///   one encrypted value can't be passed off as another.
    public func encrypt(_ plain: Data, for purpose: String) throws -> Data {
        let box = try AES.GCM.seal(plain, using: key, authenticating: Data(purpose.utf8))
        guard let combined = box.combined else { throw VaultError.notEncrypted }
        return combined
    }

    /// Decrypts what ``encrypt(_:for:)`` returned. - Throws: if key, purpose or bytes differ.
    public func decrypt(_ encrypted: Data, for purpose: String) throws -> Data {
        try AES.GCM.open(AES.GCM.SealedBox(combined: encrypted), using: key, authenticating: Data(purpose.utf8))
    }

    /// A keyed hash (HMAC-SHA256) of `value`: compares secrets without revealing them.
    public func fingerprint(of value: Data, for purpose: String) -> Data {
        var code = HMAC<SHA256>(key: key)
        code.update(data: Data(purpose.utf8))
        code.update(data: [0])
        code.update(data: value)
        return Data(code.finalize())
    }
}

/// An encryption error.
public enum VaultError: Error {
    case notEncrypted
}
