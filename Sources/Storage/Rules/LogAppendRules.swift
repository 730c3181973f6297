internal import Crypto
package import Domain
package import Foundation

/// An append that was measured and hashed before it reaches the writer.
package struct PreparedAppend: Sendable {
    package var chunks: [PreparedChunk]
    /// Tells appends under the same key apart: SHA-256 over stream, continued, length and text of every chunk.
    package var digest: Data
    /// Bytes of text.
    package var bytes: Int

    package init(_ drafts: [UnnumberedChunk]) throws(Refusal) {
        guard !drafts.isEmpty else { throw Refusal(.invalid, "An append needs at least one chunk.") }
        var hash = SHA256()
        chunks = []
        chunks.reserveCapacity(drafts.count)
        bytes = 0
        for draft in drafts {
            let chunk = PreparedChunk(draft)
            guard !chunk.text.isEmpty else { throw Refusal(.invalid, "A chunk needs text.") }
            withUnsafeBytes(of: UInt64(chunk.text.count).bigEndian) { hash.update(bufferPointer: $0) }
            hash.update(data: [chunk.continued ? 1 : 0] + Array(chunk.stream.rawValue.utf8) + [0])
            hash.update(data: chunk.text)
            bytes += chunk.text.count
            chunks.append(chunk)
        }
        digest = Data(hash.finalize())
    }
}

/// A chunk with its lines counted; the sender's line count is ignored.
package struct PreparedChunk: Sendable {
    package var stream: LogStream
    package var text: Data
    package var continued: Bool
    package var times: LineTimes
    package var lineCount: Int

    package init(_ draft: UnnumberedChunk) {
        stream = draft.stream
        text = Data(draft.text.utf8)
        continued = draft.continued
        times = draft.times
        lineCount = ChunkText.lineCount(of: draft.text)
    }
}

/// Where a job's log ends: the position that the next chunk's numbers continue from. Kept on the job's row.
package struct LogTail: Hashable, Sendable {
    /// The last chunk's `seq`.
    package var seq: Int64 = 0
    package var lines: Int64 = 0
    package var linesByStream: [LogStream: Int64] = [:]
    /// The time of the last line; nil before the first.
    package var lastTime: Timestamp?

    package init(
        seq: Int64 = 0, lines: Int64 = 0, linesByStream: [LogStream: Int64] = [:], lastTime: Timestamp? = nil
    ) {
        self.seq = seq
        self.lines = lines
        self.linesByStream = linesByStream
        self.lastTime = lastTime
    }

    /// The numbers and times assigned to a chunk.
    package struct Numbers: Hashable, Sendable {
        package var seq: Int64
        package var firstLine: Int64
        package var times: LineTimes
    }

    /// Puts `chunk` at the end of the log.
    package mutating func append(_ chunk: PreparedChunk, at now: Timestamp) -> Numbers {
        let times = normalised(chunk, at: now)
        seq += 1
        let numbers = Numbers(seq: seq, firstLine: lines + 1, times: times)
        lines += Int64(chunk.lineCount)
        linesByStream[chunk.stream, default: 0] += Int64(chunk.lineCount)
        lastTime = times.runs.last?.at ?? lastTime
        return numbers
    }

    /// How far a Tendril's clock may be ahead of this one, in milliseconds.
    package static let clockSkew: Int64 = 5_000

    /// The chunk's times, one for each of its lines: missing ones are `now`, none is before the log's last, and none is
    /// in the future.
    private func normalised(_ chunk: PreparedChunk, at now: Timestamp) -> LineTimes {
        // The run lengths are untrusted and their sum could overflow, so count down.
        var missing = chunk.lineCount
        for run in chunk.times.runs where run.lines > 0 && missing > 0 { missing -= min(missing, run.lines) }
        var times = chunk.times
        if missing > 0 { times = LineTimes(times.runs + [LineTimes.Run(lines: missing, at: now)]) }
        return times.normalised(
            lines: chunk.lineCount, notBefore: lastTime ?? Timestamp(milliseconds: 0),
            notAfter: now.advanced(by: Self.clockSkew))
    }
}

/// Who may append to a log, and what it must number its append.
package enum AppendRules {
    /// Whether the holder of `epoch` may append to the log of a job in `state`.
    package static func check(
        _ append: LogAppend, engine: EngineState, logIsComplete: Bool, lastWorker: TendrilID?, lastEpoch: Int
    ) throws(Refusal) {
        let (job, epoch) = (append.job, append.epoch)
        guard epoch == lastEpoch, epoch > 0, append.worker == nil || append.worker == lastWorker else {
            throw .noLease(of: job, epoch: epoch)
        }
        guard engine != .none else {
            // This includes jobs that were canceled before the start: they have no capture.
            throw Refusal(.leaseLost, "Job \(job.short) did not start under this lease.")
        }
        guard !logIsComplete else {
            throw Refusal(.conflict, "The log of job \(job.short) is COMPLETE; nothing can be added.")
        }
    }

    /// Whether append `n` repeats a stored one, whose digest is `stored`; false if it is the next one.
    package static func isRepeat(n: Int64, nextN: Int64, digest: Data, stored: Data?) throws(Refusal) -> Bool {
        if n == nextN { return false }
        guard n > 0, n < nextN else {
            throw Refusal(.conflict, "Append \(n) skips a number: expected append \(nextN).")
        }
        guard digest == stored else {
            throw Refusal(.conflict, "Append \(n) diverged: different bytes are stored under this number.")
        }
        return true
    }
}

/// Lines of Trellis as chunks of the SYSTEM stream.
package enum SystemChunks {
    /// Each of `lines` becomes one line, or several where it has line feeds; chunks stay below the usual limit.
    package static func chunks(_ lines: [String], at now: Timestamp, limits: LogLimits = .standard) -> [PreparedChunk] {
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

extension LogClosing {
    /// The state in which the log is closed, given the digest of the rows that its epoch has stored.
    package func verdict(stored: LogDigest) -> LogState {
        switch capture {
        case .incomplete(let reason): .incomplete(reason: reason)
        case .captured(stored): .complete
        case .captured: .incomplete(reason: "What is stored differs from what the engine wrote.")
        }
    }
}
