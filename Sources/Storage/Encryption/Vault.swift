public import Crypto
package import Domain
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

/// What is encrypted and for whom: part of every encrypted value, so that one can't be passed off as another.
package enum EncryptionPurpose {
    case store
    case vineSecrets(VineID)
    case jobSecrets(JobID)
    case state(VineID, sha256: String)
    case artifact(JobID, sha256: String)
    case planSummary(JobID)
    case planChange(JobID, n: Int)
    case refreshToken(session: String)
    case answer(Identifier<RepeatableRequest>)
    case signingKey(id: String)

    var text: String {
        switch self {
        case .store: "store"
        case .vineSecrets(let vine): "vine-secrets:\(vine)"
        case .jobSecrets(let job): "job-secrets:\(job)"
        case .state(let vine, let sha256): "state:\(vine):\(sha256)"
        case .planSummary(let job): "plan-summary:\(job)"
        case .planChange(let job, let n): "plan-change:\(job):\(n)"
        case .refreshToken(let session): "refresh-token:\(session)"
        case .answer(let request): "answer:\(request)"
        case .signingKey(let id): "signing-key:\(id)"
        case .artifact(let job, let sha256): "artifact:\(job):\(sha256)"
        }
    }

    /// What a store encrypts for itself, to recognize its key.
    package static let keyMark = Data("vintner".utf8)
}

extension Vault {
    package func encrypt(_ plain: Data, for purpose: EncryptionPurpose) throws -> Data {
        try encrypt(plain, for: purpose.text)
    }

    /// - Throws: ``StorageError`` `.corrupt` for a value that was damaged, moved, or encrypted with another key.
    package func decrypt(_ encrypted: Data, for purpose: EncryptionPurpose) throws -> Data {
        do {
            return try decrypt(encrypted, for: purpose.text)
        } catch {
            throw StorageError(.corrupt, "An encrypted value (\(purpose.text)) can't be decrypted.")
        }
    }

    package func encrypt(_ secrets: VineSecrets, for purpose: EncryptionPurpose) throws -> Data {
        try encrypt(Data(StoredJSON.encode(secrets).utf8), for: purpose)
    }

    package func decryptSecrets(_ encrypted: Data, for purpose: EncryptionPurpose) throws -> VineSecrets {
        try StoredJSON.decode(
            VineSecrets.self, from: String(decoding: decrypt(encrypted, for: purpose), as: UTF8.self))
    }
}

/// A state as it is encrypted: compressed, if that makes it smaller. (Encrypted bytes can't be compressed.)
package struct CompressedState: Sendable {
    /// Far above what Trellis accepts; bounds what a damaged row can make this allocate.
    private static let limit = 1 << 30

    package let bytes: Data
    package let isCompressed: Bool

    package init(bytes: Data, isCompressed: Bool) {
        self.bytes = bytes
        self.isCompressed = isCompressed
    }

    package init(_ state: Data) throws {
        let compressed = try Zstd.compress([UInt8](state))
        let helps = compressed.count < state.count
        self.init(bytes: helps ? compressed : state, isCompressed: helps)
    }

    package func state() throws -> Data {
        isCompressed ? Data(try Zstd.decompress(bytes, limit: Self.limit)) : bytes
    }
}

extension Vault {
    /// The bytes of a stored state. - Throws: ``StorageError`` `.corrupt`.
    package func decryptState(_ sealed: Data, of vine: VineID, sha256: String, isCompressed: Bool) throws -> Data {
        let bytes = try decrypt(sealed, for: .state(vine, sha256: sha256))
        return try CompressedState(bytes: bytes, isCompressed: isCompressed).state()
    }
}
