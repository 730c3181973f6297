/// The limits of one append. Both sides use the same values.
public struct LogLimits: Hashable, Sendable {
    /// Bytes of text in a chunk, and in a line before it is cut.
    public var chunkBytes: Int
    /// Bytes of text in one append.
    public var appendBytes: Int
    /// Chunks in one append.
    public var appendChunks: Int

    public init(chunkBytes: Int = 64 << 10, appendBytes: Int = 1 << 20, appendChunks: Int = 4096) {
        self.chunkBytes = chunkBytes
        self.appendBytes = appendBytes
        self.appendChunks = appendChunks
    }

    public static let standard = LogLimits()

    /// Throws for an append that is empty, over a limit, or contains an empty or oversized chunk.
    public func check(_ chunks: [UnnumberedChunk]) throws(Refusal) {
        guard !chunks.isEmpty else { throw Refusal(.invalid, "An append needs at least one chunk.") }
        guard chunks.count <= appendChunks else {
            throw Refusal(.tooLarge, "An append has at most \(appendChunks) chunks; this one has \(chunks.count).")
        }
        var total = 0
        for chunk in chunks {
            let bytes = chunk.text.utf8.count
            guard bytes > 0 else { throw Refusal(.invalid, "A chunk needs text.") }
            guard bytes <= chunkBytes else {
                throw Refusal(.tooLarge, "A chunk has at most \(chunkBytes) bytes; this one has \(bytes).")
            }
            total += bytes
        }
        guard total <= appendBytes else {
            throw Refusal(.tooLarge, "An append has at most \(appendBytes) bytes; this one has \(total).")
        }
    }
}
