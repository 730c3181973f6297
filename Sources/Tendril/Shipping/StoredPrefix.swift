import Domain

/// The stored prefix of each stream; a replay skips it.
struct StoredPrefix: Sendable {
    private var left: [LogStream: Int64]

    /// - Parameter stored: bytes of text by stream, as the cursor names them.
    init(_ stored: [String: Int64] = [:]) {
        left = Dictionary(
            stored.compactMap { name, bytes in
                LogStream(rawValue: name).flatMap { bytes > 0 ? ($0, bytes) : nil }
            }, uniquingKeysWith: { first, _ in first })
    }

    /// Stored bytes that the replay has not reached: not 0 at its end means that more is stored
    /// than was captured.
    var missing: Int64 { left.values.reduce(0, +) }

    /// Tells what is stored of `chunks` from what is not.
    mutating func split(_ chunks: [UnnumberedChunk]) -> (stored: [UnnumberedChunk], rest: [UnnumberedChunk]) {
        if left.isEmpty { return ([], chunks) }
        var stored: [UnnumberedChunk] = []
        var rest: [UnnumberedChunk] = []
        for chunk in chunks {
            let kept = drop(from: chunk)
            let bytes = chunk.text.utf8.count - (kept?.text.utf8.count ?? 0)
            if bytes > 0 {
                let end = chunk.text.utf8.index(chunk.text.startIndex, offsetBy: bytes)
                stored.append(
                    UnnumberedChunk(
                        stream: chunk.stream, text: String(chunk.text[..<end]), continued: chunk.continued,
                        times: chunk.times))
            }
            if let kept { rest.append(kept) }
        }
        return (stored, rest)
    }

    private mutating func drop(from chunk: UnnumberedChunk) -> UnnumberedChunk? {
        guard let stored = left[chunk.stream] else { return chunk }
        let bytes = Int64(chunk.text.utf8.count)
        if stored >= bytes {
            left[chunk.stream] = stored == bytes ? nil : stored - bytes
            return nil
        }
        left[chunk.stream] = nil
        // Chunks may have been cut elsewhere the last time, but always between lines or where a line was cut.
        let text = chunk.text.utf8
        let cut = text.index(text.startIndex, offsetBy: Int(stored))
        let dropped = text[..<cut]
        var rest = UnnumberedChunk(
            stream: chunk.stream, text: String(chunk.text[cut...]), continued: dropped.last != UInt8(ascii: "\n"),
            times: LineTimes())
        let before = dropped.count { $0 == UInt8(ascii: "\n") }
        for line in 0..<ChunkText.lineCount(of: rest.text) {
            guard let time = chunk.times.time(ofLine: before + line) else { break }
            rest.times.append(lines: 1, at: time)
        }
        return rest
    }
}
