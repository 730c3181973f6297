import Domain

/// Finds what Terraform said was wrong.
enum ErrorBlock {
    /// The longest text that is given, in bytes.
    static let limit = 4 << 10
    /// How much of a stream's end is looked at.
    private static let window = 256 << 10

    /// The last `Error:` block that was captured, masked; nil where there is none.
    ///
    /// Terraform writes errors to stderr, and with `-json` to stdout.
    static func last(in folder: JobFolder, masker: Masker) -> String? {
        for stream in [LogStream.stderr, .stdout] {
            if let text = try? tail(of: folder.capture(of: stream)), let block = last(in: masker.mask(text)) {
                return block
            }
        }
        return nil
    }

    /// The last `Error:` block of `text`, without colours and frame.
    static func last(in text: String) -> String? {
        var block: [String] = []
        var isOpen = false
        for raw in LogText.lines(of: text) {
            let line = VisibleText.of(raw)
            let content = withoutFrame(line)
            if content.hasPrefix("Error: ") {
                block = [content]
                isOpen = true
            } else if line.hasPrefix("╷") || line.hasPrefix("╵") || content.hasPrefix("Warning: ") {
                isOpen = false
            } else if isOpen {
                block.append(content)
            }
        }
        while let end = block.last, end.allSatisfy(\.isWhitespace) { block.removeLast() }
        return block.isEmpty ? nil : shortened(block.joined(separator: "\n"))
    }

    private static func withoutFrame(_ line: String) -> String {
        guard line.hasPrefix("│") else { return line }
        let content = line.dropFirst()
        return String(content.hasPrefix(" ") ? content.dropFirst() : content)
    }

    private static func shortened(_ text: String) -> String {
        guard text.utf8.count > limit else { return text }
        var end = text.utf8.index(text.startIndex, offsetBy: limit - "…".utf8.count)
        while end.samePosition(in: text.unicodeScalars) == nil { end = text.utf8.index(before: end) }
        return text[..<end] + "…"
    }

    /// Whole lines from the file's end. No secret goes over the end of a line, so none is cut in two.
    private static func tail(of path: String) throws -> String {
        let file = try OpenFile(path, .read)
        let size = try file.size()
        let start = max(0, size - Int64(window))
        var bytes = [UInt8](repeating: 0, count: Int(size - start))
        var filled = 0
        while filled < bytes.count {
            let count = try bytes.withUnsafeMutableBytes {
                try file.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[filled...]), at: start + Int64(filled))
            }
            if count == 0 { break }
            filled += count
        }
        var text = bytes[..<filled]
        if start > 0 { text = text.drop { $0 != UInt8(ascii: "\n") } }
        return String(decoding: text, as: UTF8.self)
    }
}
