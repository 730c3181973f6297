internal import Domain
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import Storage
internal import Wire

/// The log, or some of its lines, as text: streamed page by page.
struct LogDownload: Sendable {
    var store: any LogStore

    /// Bytes of text in memory at a time.
    private static let pageBytes = 256 << 10

    func response(to call: APICall<JobID>, _ job: Job) async throws -> Response {
        let keepsANSI = try call.query(LogEndpoints.Page.ansi) ?? true
        let streams = try call.query(LogEndpoints.streams) ?? Set(LogStream.allCases)
        let from = try call.query(LogEndpoints.from) ?? 1
        let to = try call.query(LogEndpoints.Page.to) ?? .max
        guard from <= to else { throw Refusal(.invalid, "\"to\" must not be less than \"from\".") }
        let lines = from...to
        var headers: HTTPFields = [.contentType: "text/plain; charset=utf-8", .cacheControl: "no-store"]
        if try call.query(LogEndpoints.Page.download) != nil {
            headers[.contentDisposition] = "attachment; filename=\"job-\(job.id.short).log\""
        }
        let store = store
        let body = ResponseBody { writer in
            var joiner = LogTextJoiner(keepsANSI: keepsANSI)
            var page = try await store.segment(of: job.id, at: .line(lines.lowerBound))?.chunks ?? []
            while let last = page.last {
                let text = page.compactMap { streams.contains($0.stream) ? $0.trimmed(to: lines) : nil }
                    .map { joiner.add($0) }.joined()
                if !text.isEmpty { try await writer.write(ByteBuffer(string: text)) }
                if last.lastLine >= lines.upperBound { break }
                page = try await store.chunks(
                    of: job.id, after: last.seq, maxBytes: Self.pageBytes, maxRows: 10_000)
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: headers, body: body)
    }
}

extension LogChunk {
    /// The part of it in `lines`, without times; nil if there is none.
    fileprivate func trimmed(to lines: ClosedRange<Int64>) -> LogChunk? {
        guard firstLine < lines.lowerBound || lastLine > lines.upperBound else { return self }
        let first = max(firstLine, lines.lowerBound)
        let last = min(lastLine, lines.upperBound)
        guard first <= last else { return nil }
        var part = self
        part.firstLine = first
        part.lineCount = Int(last - first) + 1
        part.continued = continued && first == firstLine
        part.text = ChunkText.lines(of: text)[Int(first - firstLine)...Int(last - firstLine)].joined(separator: "\n")
        if last < lastLine || text.utf8.last == UInt8(ascii: "\n") { part.text += "\n" }
        return part
    }
}

/// Joins chunks to the text as it was printed. A cut line is joined again, unless another stream interleaved.
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
