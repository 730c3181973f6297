internal import Domain
internal import Foundation

/// What is sealed, and whose it is: part of every seal, so that one value can't be passed off as another.
enum EncryptionPurpose {
    case store
    case vineSecrets(VineID)
    case jobSecrets(JobID)
    case state(VineID, sha256: String)
    case artifact(JobID, sha256: String)

    var purpose: String {
        switch self {
        case .store: "store"
        case .vineSecrets(let vine): "vine-secrets:\(vine)"
        case .jobSecrets(let job): "job-secrets:\(job)"
        case .state(let vine, let sha256): "state:\(vine):\(sha256)"
        case .artifact(let job, let sha256): "artifact:\(job):\(sha256)"
        }
    }

    /// What the store seals for itself to recognise its key.
    static let mark = Data("vintner".utf8)
}

extension SQLiteStore {
    func seal(_ plain: Data, for what: EncryptionPurpose) throws -> Data {
        try vault.seal(plain, for: what.purpose)
    }

    func open(_ sealed: Data, for what: EncryptionPurpose) throws -> Data {
        do {
            return try vault.open(sealed, for: what.purpose)
        } catch {
            throw StorageError(.corrupt, "A sealed value (\(what.purpose)) can't be opened.")
        }
    }

    func seal(_ secrets: VineSecrets, for what: EncryptionPurpose) throws -> Data {
        try seal(Data(StoredJSON.encode(secrets).utf8), for: what)
    }

    func openSecrets(_ sealed: Data, for what: EncryptionPurpose) throws -> VineSecrets {
        try StoredJSON.decode(VineSecrets.self, from: String(decoding: open(sealed, for: what), as: UTF8.self))
    }
}
