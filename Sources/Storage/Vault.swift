public import Crypto
public import Foundation

/// Seals what must not be readable in the database file: secrets, states, plan artifacts.
public struct Vault: Sendable {
    private let key: SymmetricKey

    /// - Parameter key: 256 bits that live outside the database.
    public init(key: SymmetricKey) { self.key = key }

    /// Encrypts `plain` (AES-256-GCM, a fresh random nonce each time).
    ///
    /// - Parameter purpose: what it is and whose, such as `state:VINE`; the same is needed to open it, so one sealed
    ///   value can't be passed off as another.
    public func seal(_ plain: Data, for purpose: String) throws -> Data {
        let box = try AES.GCM.seal(plain, using: key, authenticating: Data(purpose.utf8))
        guard let combined = box.combined else { throw VaultError.notSealed }
        return combined
    }

    /// Decrypts what ``seal(_:for:)`` returned. - Throws: where key, purpose or bytes are not the same.
    public func open(_ sealed: Data, for purpose: String) throws -> Data {
        try AES.GCM.open(AES.GCM.SealedBox(combined: sealed), using: key, authenticating: Data(purpose.utf8))
    }

    /// A keyed hash (HMAC-SHA256) of `value`: tells whether two secrets are the same without telling what they are.
    public func fingerprint(of value: Data, for purpose: String) -> Data {
        var code = HMAC<SHA256>(key: key)
        code.update(data: Data(purpose.utf8))
        code.update(data: [0])
        code.update(data: value)
        return Data(code.finalize())
    }
}

/// Why a vault failed.
public enum VaultError: Error {
    case notSealed
}
