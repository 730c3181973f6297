internal import Crypto
internal import Domain
internal import Foundation

/// An append measured and fingerprinted before it queues for the writer, so that the one writer need not.
struct PreparedAppend: Sendable {
    var chunks: [PreparedChunk]
    /// Tells appends under the same key apart: SHA-256 over stream, continued, length and text of every chunk.
    var digest: Data
    /// Bytes of text.
    var bytes: Int

    init(_ drafts: [UnnumberedChunk]) throws(Refusal) {
        guard !drafts.isEmpty else { throw Refusal(.invalid, "An append needs at least one chunk.") }
        var hash = SHA256()
        chunks = []
        chunks.reserveCapacity(drafts.count)
        bytes = 0
        for draft in drafts {
            let chunk = PreparedChunk(draft)
            guard !chunk.text.isEmpty else { throw Refusal(.invalid, "A chunk needs text.") }
            withUnsafeBytes(of: UInt64(chunk.text.count).bigEndian) { hash.update(bufferPointer: $0) }
            hash.update(data: [chunk.continued ? 1 : 0] + Array(chunk.stream.rawValue.utf8) + [0])
            hash.update(data: chunk.text)
            bytes += chunk.text.count
            chunks.append(chunk)
        }
        digest = Data(hash.finalize())
    }
}

/// A chunk with its lines counted; what the sender said of their number is not used.
struct PreparedChunk: Sendable {
    var stream: LogStream
    var text: Data
    var continued: Bool
    var times: LineTimes
    var lineCount: Int

    init(_ draft: UnnumberedChunk) {
        stream = draft.stream
        text = Data(draft.text.utf8)
        continued = draft.continued
        times = draft.times
        lineCount = ChunkText.lineCount(of: draft.text)
    }
}
