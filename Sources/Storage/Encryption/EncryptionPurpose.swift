package import Domain
package import Foundation

/// What is encrypted and for whom: part of every encrypted value, so that one can't be passed off as another.
package enum EncryptionPurpose {
    case store
    case vineSecrets(VineID)
    case jobSecrets(JobID)
    case state(VineID, sha256: String)
    case artifact(JobID, sha256: String)
    case planSummary(JobID)
    case planChange(JobID, n: Int)

    var text: String {
        switch self {
        case .store: "store"
        case .vineSecrets(let vine): "vine-secrets:\(vine)"
        case .jobSecrets(let job): "job-secrets:\(job)"
        case .state(let vine, let sha256): "state:\(vine):\(sha256)"
        case .planSummary(let job): "plan-summary:\(job)"
        case .planChange(let job, let n): "plan-change:\(job):\(n)"
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
