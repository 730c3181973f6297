package import Domain
package import Foundation

/// A block without its content: its number in the log, and the position after it.
package struct BlockPosition: Sendable {
    package var number: Int64
    package var end: LogBlock.End

    /// The blocks of a job are numbered from 1; before the first is the start of the log.
    package static let none = BlockPosition(number: 0, end: .start)

    package init(number: Int64, end: LogBlock.End) {
        self.number = number
        self.end = end
    }
}

/// A row of a log that is not compacted yet, as it was read.
package protocol StoredChunk: Sendable {
    func chunk(of job: JobID) throws -> LogChunk
}

/// A row of a log without its text.
package struct ChunkHead: Sendable {
    package var seq: Int64
    package var stream: LogStream
    package var lineCount: Int64

    package init(seq: Int64, stream: LogStream, lineCount: Int64) {
        self.seq = seq
        self.stream = stream
        self.lineCount = lineCount
    }
}

/// One job's log, inside one read of an engine's database.
package protocol StoredLog {
    associatedtype Chunk: StoredChunk

    /// The last block; ``BlockPosition/none`` if there is none.
    func lastBlock() throws -> BlockPosition
    /// - Throws: ``StorageError`` `.corrupt` without a block of this number, from 1.
    func block(_ number: Int64) throws -> BlockPosition
    /// - Throws: ``StorageError`` `.corrupt` without the block.
    func content(of block: BlockPosition) throws -> LogBlock
    /// `count` blocks, starting with `first`. What is not text is read only if it is needed.
    func contents(from first: BlockPosition, count: Int, withRest: Bool) throws -> [(BlockPosition, LogBlock)]
    /// The chunks with `seq` > `after`, as far as the bounds allow; at least one, if there is any.
    func chunks(after: Int64, maxBytes: Int, maxRows: Int) throws -> [Chunk]
    /// Calls `body` with the rows after `seq`, in order, until it returns false.
    func heads(after seq: Int64, _ body: (ChunkHead) -> Bool) throws
    /// Calls `body` with each block's marks, and the lines up to its end, until it returns false.
    func marks(_ body: (_ marks: Data, _ lines: Int64) throws -> Bool) throws
    /// Bytes of text in all.
    func byteCount() throws -> Int64
    func tail() throws -> LogTail
}

/// The result of one read: a block, or rows that are not compacted yet. Made into chunks elsewhere, because
/// readers of the database are few.
package enum LogPart<Chunk: StoredChunk>: Sendable {
    case block(before: BlockPosition, BlockPosition, LogBlock)
    case rows(before: BlockPosition, [Chunk])

    /// The position of the log before it.
    var before: BlockPosition {
        switch self {
        case .block(let before, _, _), .rows(let before, _): before
        }
    }

    func chunks(of job: JobID) throws -> [LogChunk] {
        switch self {
        case .block(let before, _, let block): try block.chunks(of: job, after: before.end)
        case .rows(_, let rows): try rows.map { try $0.chunk(of: job) }
        }
    }

    func visibleLines(of job: JobID, withStreams: Bool) throws -> VisibleLines {
        switch self {
        case .block(let before, let block, let compacted):
            try VisibleLines(of: compacted, from: before.end, to: block.end, withStreams: withStreams)
        case .rows(let before, _): VisibleLines(of: try chunks(of: job), after: before.end)
        }
    }
}

extension StoredLog {
    typealias Part = LogPart<Chunk>

    /// The first block whose end satisfies `reaches`, and the position before it; nil if there is none.
    /// A dozen reads by key, however long the log is.
    func firstBlock(
        where reaches: (LogBlock.End) -> Bool
    ) throws -> (before: BlockPosition, block: BlockPosition)? {
        var block = try lastBlock()
        guard block.number > 0, reaches(block.end) else { return nil }
        var before = BlockPosition.none
        while before.number + 1 < block.number {
            let middle = try self.block((before.number + block.number) / 2)
            if reaches(middle.end) { block = middle } else { before = middle }
        }
        return (before, block)
    }

    /// The block that holds what comes after `seq`; rows within the bounds if that is not compacted.
    func part(after seq: Int64, maxBytes: Int, maxRows: Int) throws -> Part {
        if let (before, block) = try firstBlock(where: { $0.seq > seq }) {
            return .block(before: before, block, try content(of: block))
        }
        return .rows(before: .none, try chunks(after: seq, maxBytes: maxBytes, maxRows: maxRows))
    }

    /// The part that contains `place`; nil after the end of the log.
    func part(at place: LogPosition) throws -> Part? {
        if let (before, block) = try firstBlock(where: place.isBefore) {
            return .block(before: before, block, try content(of: block))
        }
        guard place.isBefore(LogBlock.End(try tail())) else { return nil }
        return try tailPart(at: place)
    }

    /// Up to `count` blocks from the one that contains `place`, or the tail around it; nothing after the end of the log.
    func parts(at place: LogPosition, count: Int, withRest: Bool) throws -> [Part] {
        if let (position, first) = try firstBlock(where: place.isBefore) {
            var before = position
            return try contents(from: first, count: count, withRest: withRest).map { block, content in
                defer { before = block }
                return .block(before: before, block, content)
            }
        }
        guard place.isBefore(LogBlock.End(try tail())) else { return [] }
        return [try tailPart(at: place)]
    }
}

/// What comes after the last block: usually little, because compaction follows quickly. A fast log may outrun it for a
/// while.
extension StoredLog {
    /// Up to this many bytes it is read as a whole, so that every line is colored as it should be.
    private static var exactTailBytes: Int64 { 8 << 20 }
    /// For a longer tail, this many earlier chunks are read as well, to get the styles right.
    private static var lead: Int { 16 }
    private static var leadBytes: Int { 2 << 20 }

    /// The tail around `place`.
    private func tailPart(at place: LogPosition) throws -> Part {
        let last = try lastBlock()
        guard try byteCount() - last.end.bytes > Self.exactTailBytes else { return try wholeTail(after: last) }
        return try tailPart(at: place, after: last)
    }

    /// All of the tail, unless it is too long to be read as a whole.
    func wholeTail() throws -> Part { try wholeTail(after: lastBlock()) }

    private func wholeTail(after block: BlockPosition) throws -> Part {
        .rows(
            before: block,
            try chunks(after: block.end.seq, maxBytes: Int(Self.exactTailBytes), maxRows: .max))
    }

    /// Some chunks around `place`, found without touching any text. They are assumed to start without styles.
    private func tailPart(at place: LogPosition, after block: BlockPosition) throws -> Part {
        var starts = [block.end]
        var end = block.end
        try heads(after: block.end.seq) { head in
            guard !place.isBefore(end) else { return false }
            end.seq = head.seq
            end.linesByStream[head.stream, default: 0] += head.lineCount
            starts.append(end)
            if starts.count > Self.lead { starts.removeFirst() }
            return true
        }
        var start = starts[0]
        if start.seq != block.end.seq { start.state = .start }
        let rows = try chunks(after: start.seq, maxBytes: Self.leadBytes, maxRows: .max)
        return .rows(before: BlockPosition(number: block.number, end: start), rows)
    }
}

/// An engine that reads logs: what ``LogStore`` asks of it, made of a few reads.
package protocol LogReader: Sendable {
    associatedtype Log: StoredLog

    /// Runs `body` in one read of the database.
    func readLog<Value: Sendable>(
        of job: JobID, _ body: @escaping @Sendable (Log) throws -> Value
    ) async throws -> Value
}

extension LogReader {
    package func storedChunks(
        of job: JobID, after: Int64, maxBytes: Int, maxRows: Int
    ) async throws -> [LogChunk] {
        var page: [LogChunk] = []
        var bytes = 0
        var next = max(0, after)
        while page.count < maxRows {
            let part = try await readLog(of: job) { [next, bytes, count = page.count] log in
                try log.part(after: next, maxBytes: maxBytes - bytes, maxRows: maxRows - count)
            }
            for chunk in try part.chunks(of: job) where chunk.seq > next {
                bytes += chunk.text.utf8.count
                if page.count == maxRows || bytes > maxBytes && !page.isEmpty { return page }
                page.append(chunk)
            }
            guard case .block(_, let block, _) = part else { break }
            next = block.end.seq
        }
        return page
    }

    package func storedSegment(of job: JobID, at place: LogPosition) async throws -> LogSegment? {
        guard let part = try await readLog(of: job, { try $0.part(at: place) }) else { return nil }
        return LogSegment(
            chunks: try part.chunks(of: job), state: part.before.end.state,
            linesBefore: part.before.end.linesByStream)
    }

    package func storedLines(
        of job: JobID, at line: Int64, count: Int, withStreams: Bool
    ) async throws -> [VisibleLines] {
        let parts = try await readLog(of: job) {
            try $0.parts(at: .line(line), count: count, withRest: withStreams)
        }
        return try parts.map { try $0.visibleLines(of: job, withStreams: withStreams) }
    }

    package func storedDiagnosticLines(of job: JobID, limit: Int) async throws -> [DiagnosticLine] {
        var (marks, rest) = try await readLog(of: job) { log in
            var lines: Int64 = 0
            var marks: [DiagnosticLine] = []
            try log.marks { encoded, end in
                guard marks.count < limit else { return false }
                marks += try [DiagnosticLine](encoded: encoded, from: lines)
                lines = end
                return true
            }
            return (marks, try log.wholeTail())
        }
        if marks.count < limit {
            var state = rest.before.end.state
            marks += state.lines(of: try rest.chunks(of: job)).filter(\.isHead).compactMap { line in
                line.mark.map { DiagnosticLine(line: line.number, kind: $0) }
            }
        }
        return Array(marks.prefix(limit))
    }
}
