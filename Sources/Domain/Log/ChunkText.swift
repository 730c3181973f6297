/// What a chunk's text is made of: lines that end with a line feed.
public enum ChunkText {
    /// The lines of `text` without their line feeds. A trailing empty piece does not count.
    public static func lines(of text: String) -> [Substring] {
        var lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines.map { Substring($0) }
    }

    /// The number of lines that ``lines(of:)`` returns.
    public static func lineCount(of text: String) -> Int {
        var text = text
        return text.withUTF8 { bytes in
            var feeds = 0
            for byte in bytes where byte == UInt8(ascii: "\n") { feeds += 1 }
            return feeds + (bytes.isEmpty || bytes.last == UInt8(ascii: "\n") ? 0 : 1)
        }
    }
}
