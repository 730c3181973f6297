internal import Domain
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import Storage

/// The log, or some of its lines, as text: page by page, never in memory as a whole.
struct LogDownload: Sendable {
    var store: any LogStore

    /// Bytes of text in memory at a time.
    private static let pageBytes = 256 << 10

    func response(to request: Request, _ job: Job) async throws -> Response {
        let keepsANSI = try request.number("ansi", in: 0...1, fallback: 1) == 1
        let streams = try request.streams()
        let from = try request.number("from", in: 1...Int64.max, fallback: 1)
        let lines = from...(try request.number("to", in: from...Int64.max, fallback: .max))
        var headers: HTTPFields = [.contentType: "text/plain; charset=utf-8", .cacheControl: "no-store"]
        if try request.text("download") != nil {
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
    /// The part of it that lies in `lines`, its times left out; nil where there is none.
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
