package import Domain
package import Foundation

/// How engines store the encrypted parts of a plan's changes.
extension Vault {
    /// Compressed, because encrypted bytes can't be.
    package func encrypt(_ document: JSONValue, for purpose: EncryptionPurpose) throws -> Data {
        let packed = try CompressedState(Data(document.bytes))
        return try encrypt(Data([packed.isCompressed ? 1 : 0]) + packed.bytes, for: purpose)
    }

    /// - Throws: ``StorageError`` `.corrupt`.
    package func decryptDocument(_ encrypted: Data, for purpose: EncryptionPurpose) throws -> JSONValue {
        let plain = try decrypt(encrypted, for: purpose)
        guard let mark = plain.first else { throw StorageError(.corrupt, "A stored document is empty.") }
        let bytes = try CompressedState(bytes: Data(plain.dropFirst()), isCompressed: mark == 1).state()
        do {
            return try JSONValue(parsing: bytes, maxDepth: JSONDepth.trusted)
        } catch {
            throw StorageError(.corrupt, "A stored document can't be read.")
        }
    }
}
