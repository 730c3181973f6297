internal import Domain
internal import Storage
internal import Wire

/// Reads windows of a log: only the segments that hold its lines, however long the log is.
struct LineWindowReader: Sendable {
    var store: any LogStore

    /// The lines that `query` asks for, of the log as it is now.
    func window(_ query: LineQuery, of job: Job) async throws -> LineWindowResponse {
        let size = try await store.logSize(of: job.id)
        let rows = query.streams.reduce(0) { $0 + (size.linesByStream[$1] ?? 0) }
        let first: LogPosition =
            switch query.start {
            case .line(let number): .line(number)
            case .row(let row): .row(row, of: query.streams)
            case .tail: .row(max(0, rows - Int64(query.count)), of: query.streams)
            }
        var reading = WindowBuilder(query, first: first, lastSeq: size.seq)
        var place: LogPosition? = first
        while let here = place, let segment = try await store.segment(of: job.id, at: here) {
            reading.read(segment)
            place = reading.isFull || reading.nextRow >= rows ? nil : .row(reading.nextRow, of: query.streams)
        }
        let counts = size.linesByStream.map { ($0.key.rawValue, $0.value) }
        let reachesEnd = reading.lines.last?.number == size.lines || size.lines == 0
        return LineWindowResponse(
            from: reading.lines.first?.number ?? size.lines + 1, total: size.lines, seq: size.seq,
            row: reading.firstRow ?? rows, rows: rows, counts: Dictionary(uniqueKeysWithValues: counts),
            logState: job.state.log.name, lines: reading.lines.map { LineWindowResponse.Line($0, query) },
            ends: query.isStyled && reachesEnd ? reading.state.ends : nil)
    }
}

/// One window while it is put together from segments.
private struct WindowBuilder {
    private let query: LineQuery
    private let first: LogPosition
    /// Later chunks are ignored.
    private let lastSeq: Int64

    private(set) var lines: [LogLine] = []
    /// The row of the first of them.
    private(set) var firstRow: Int64?
    /// The row after the last segment read.
    private(set) var nextRow: Int64 = 0
    /// The text state after the last segment read.
    private(set) var state = TextState.start

    init(_ query: LineQuery, first: LogPosition, lastSeq: Int64) {
        self.query = query
        self.first = first
        self.lastSeq = lastSeq
    }

    var isFull: Bool { lines.count >= query.count }

    mutating func read(_ segment: LogSegment) {
        state = segment.state
        nextRow = segment.rowsBefore(query.streams)
        for line in state.lines(of: segment.chunks.prefix { $0.seq <= lastSeq })
        where query.streams.contains(line.stream) {
            if !isFull, begins(line.number, nextRow) {
                if lines.isEmpty { firstRow = nextRow }
                lines.append(line)
            }
            nextRow += 1
        }
    }

    private func begins(_ number: Int64, _ row: Int64) -> Bool {
        switch first {
        case .line(let first): number >= first
        case .row(let first, _): row >= first
        }
    }
}

extension LineWindowResponse.Line {
    fileprivate init(_ line: LogLine, _ query: LineQuery) {
        var text = String(decoding: line.text, as: UTF8.self)
        var length: Int?
        // UTF-16 units are never more than bytes.
        if let fold = query.fold, line.text.count > fold, text.utf16.count > fold {
            length = text.utf16.count
            text = String(text.utf16.prefix(fold)) ?? String(text.utf16.prefix(fold - 1)) ?? ""
        }
        self.init(
            n: line.number, stream: line.stream, t: line.time, text: text, continued: line.continued,
            runs: query.isStyled ? Self.runs(line, within: text) : nil, mark: query.isStyled ? line.mark : nil,
            head: query.isStyled && line.isHead ? true : nil, length: length)
    }

    /// Offset and style, again and again, as far as `text` goes.
    private static func runs(_ line: LogLine, within text: String) -> [JSONValue]? {
        let bytes = text.utf8.count
        let runs = line.runs.filter { $0.offset < bytes }
        guard !runs.isEmpty else { return nil }
        return runs.flatMap { run in
            let offset = String(decoding: line.text[..<run.offset], as: UTF8.self).utf16.count
            return [JSONValue.integer(Int64(offset)), .string(run.style.key)]
        }
    }
}

extension TextState {
    /// The state for the lines that follow: only streams that are not in the plain state.
    fileprivate var ends: [String: LineWindowResponse.End] {
        var ends: [String: LineWindowResponse.End] = [:]
        for (name, stream) in streams where !stream.parser.isPlain || stream.marker.box != nil {
            let (style, rest) = (stream.parser.style, stream.parser.rest)
            ends[name.rawValue] = LineWindowResponse.End(
                style: style == .plain ? nil : style.key,
                rest: rest.isEmpty ? nil : String(decoding: rest, as: UTF8.self),
                box: stream.marker.box.map { $0.kind?.rawValue ?? "open" })
        }
        return ends
    }
}
