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

/// A planned resource as it is stored: its facts in JSON, its attributes encrypted.
package struct StoredPlanChange: Sendable {
    package let change: PlanChange
    package let digest: String
    package let facts: String
    package let sealed: Data

    package init(_ record: PlanChangeRecord, of job: JobID, vault: Vault) throws {
        change = record.change
        digest = record.digest
        facts = try StoredJSON.encode(record.change)
        sealed = try vault.encrypt(record.detail, for: .planChange(job, n: record.change.n))
    }
}

extension PlanChangeRecord {
    /// Reads what a ``StoredPlanChange`` has.
    package init(facts: String, digest: String, sealed: Data, of job: JobID, n: Int, vault: Vault) throws {
        self.init(
            change: try StoredJSON.decode(PlanChange.self, from: facts), digest: digest,
            detail: try vault.decryptDocument(sealed, for: .planChange(job, n: n)))
    }
}

extension PlanChangePage {
    /// Rows that one page may check against its filters.
    package static let rows = 2_000

    /// The last number that a page after `after` looks at.
    package static func end(after: Int) -> Int { min(after, PlanChangeLimits.resources) + rows }

    /// - Parameters:
    ///   - found: up to `limit` + 1 resources that match, up to the number `end`.
    ///   - last: the number of the plan's last resource.
    package init(found: [PlanChange], limit: Int, end: Int, last: Int) {
        let items = Array(found.prefix(limit))
        self.init(items: items, next: found.count > limit ? items.last?.n : end < last ? end : nil)
    }
}
