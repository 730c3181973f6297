public import Domain
package import Foundation

/// Idempotency keys. A key is stored in the commit of the deed that its request asks for, so a deed whose answer was
/// lost can't be done twice.
public protocol RepeatStore: Sendable {
    /// What came of an earlier request with the key of `request`; nil if there was none.
    func earlierRequest(like request: RepeatableRequest) async throws -> EarlierRequest?

    /// Stores what `request` was answered with, encrypted: it may hold a token.
    func saveAnswer(status: Int, body: [UInt8], to request: RepeatableRequest) async throws

    /// Deletes the oldest keys, as far as they are older than `moment`; at most `limit`.
    /// - Returns: how many.
    func deleteRepeatableRequests(before moment: Timestamp, limit: Int) async throws -> Int
}

extension Vault {
    /// An answer as engines store it.
    package func encryptAnswer(status: Int, body: [UInt8], to request: RepeatableRequest) throws -> Data {
        let status = UInt16(clamping: status)
        let plain = Data([UInt8(status >> 8), UInt8(status & 0xff)] + body)
        return try encrypt(plain, for: .answer(request.id))
    }

    /// What a stored key says about `request`.
    ///
    /// - Throws: ``StorageError`` `.corrupt`.
    package func earlierRequest(
        digest: String, id: Identifier<RepeatableRequest>, answer: Data?, like request: RepeatableRequest
    ) throws -> EarlierRequest {
        guard digest == request.digest else { return .other }
        guard let answer else { return .unanswered }
        let plain = try decrypt(answer, for: .answer(id))
        guard plain.count >= 2 else { throw StorageError(.corrupt, "A stored answer is empty.") }
        return .answered(
            status: Int(plain[plain.startIndex]) << 8 | Int(plain[plain.startIndex + 1]),
            body: [UInt8](plain.dropFirst(2)))
    }
}

extension Refusal {
    /// Two requests with one key at the same time.
    package static let repeated = Refusal(
        .conflict, "Another request with this Idempotency-Key is being carried out, or its answer was lost.")
}
