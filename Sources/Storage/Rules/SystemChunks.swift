internal import Domain

/// Lines of Trellis as chunks of the SYSTEM stream.
enum SystemChunks {
    /// Each of `lines` becomes one line, or several where it has line feeds; chunks stay below the usual limit.
    static func chunks(_ lines: [String], at now: Timestamp, limits: LogLimits = .standard) -> [PreparedChunk] {
        var drafts: [UnnumberedChunk] = []
        var text = ""
        func flush() {
            guard !text.isEmpty else { return }
            let times = LineTimes(lines: ChunkText.lineCount(of: text), at: now)
            drafts.append(UnnumberedChunk(stream: .system, text: text, times: times))
            text = ""
        }
        for line in lines {
            let whole = line + "\n"
            if text.utf8.count + whole.utf8.count > limits.chunkBytes { flush() }
            if whole.utf8.count <= limits.chunkBytes {
                text += whole
            } else {
                drafts += cut(whole, at: now, limits: limits)
            }
        }
        flush()
        return drafts.map(PreparedChunk.init)
    }

    /// A note too long for one chunk, cut between characters.
    private static func cut(_ text: String, at now: Timestamp, limits: LogLimits) -> [UnnumberedChunk] {
        var drafts: [UnnumberedChunk] = []
        var rest = Substring(text)
        var continued = false
        while !rest.isEmpty {
            var end =
                rest.utf8.index(rest.startIndex, offsetBy: limits.chunkBytes, limitedBy: rest.endIndex)
                ?? rest.endIndex
            while end < rest.endIndex, rest.utf8[end] & 0xc0 == 0x80 { end = rest.utf8.index(before: end) }
            let piece = String(rest[..<end])
            let times = LineTimes(lines: ChunkText.lineCount(of: piece), at: now)
            drafts.append(UnnumberedChunk(stream: .system, text: piece, continued: continued, times: times))
            continued = piece.utf8.last != UInt8(ascii: "\n")
            rest = rest[end...]
        }
        return drafts
    }
}
