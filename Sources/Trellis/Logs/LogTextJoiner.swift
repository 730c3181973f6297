internal import Domain

/// Puts chunks together to the text that a person would have seen: cut lines are joined again, unless another stream
/// came in between.
struct LogTextJoiner {
    var keepsANSI: Bool
    /// The stream whose last line still lacks its line feed.
    private var open: LogStream?

    init(keepsANSI: Bool) { self.keepsANSI = keepsANSI }

    /// The text that `chunk` adds.
    mutating func add(_ chunk: LogChunk) -> String {
        let separator = open != nil && !(chunk.continued && chunk.stream == open) ? "\n" : ""
        open = chunk.text.utf8.last == UInt8(ascii: "\n") ? nil : chunk.stream
        guard !keepsANSI else { return separator + chunk.text }
        var text = separator
        for line in ChunkText.lines(of: chunk.text) { text += VisibleLine.text(of: line) + "\n" }
        if open != nil, text.utf8.last == UInt8(ascii: "\n") { text.removeLast() }
        return text
    }
}
