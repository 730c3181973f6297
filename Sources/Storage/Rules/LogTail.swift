internal import Domain
internal import Foundation

/// Where a job's log ends: what the numbers of the next chunk are counted from. Kept on the job's row.
struct LogTail: Hashable, Sendable {
    /// The last chunk's `seq`.
    var seq: Int64 = 0
    var lines: Int64 = 0
    var linesByStream: [LogStream: Int64] = [:]
    /// The time of the last line; nil before the first.
    var lastTime: Timestamp?

    /// The numbers and times of one chunk that was placed.
    struct Place: Hashable, Sendable {
        var seq: Int64
        var firstLine: Int64
        var times: LineTimes
    }

    /// Puts `chunk` at the end of the log.
    mutating func place(_ chunk: PreparedChunk, at now: Timestamp) -> Place {
        let times = normalised(chunk, at: now)
        seq += 1
        let place = Place(seq: seq, firstLine: lines + 1, times: times)
        lines += Int64(chunk.lineCount)
        linesByStream[chunk.stream, default: 0] += Int64(chunk.lineCount)
        lastTime = times.runs.last?.at ?? lastTime
        return place
    }

    /// How far a Tendril's clock may be ahead of this one, in milliseconds.
    static let clockSkew: Int64 = 5_000

    /// The chunk's times, one for each of its lines: missing ones are `now`, none is before the log's last, and none is
    /// in the future.
    private func normalised(_ chunk: PreparedChunk, at now: Timestamp) -> LineTimes {
        // The sum of the runs comes from outside and could overflow, so it is counted down instead.
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
enum AppendRules {
    /// Whether the holder of `epoch` may append to the log of a job in `state`.
    static func check(_ job: JobID, epoch: Int, engine: EngineState, logIsComplete: Bool, lastEpoch: Int)
        throws(Refusal)
    {
        guard epoch == lastEpoch, epoch > 0 else { throw .noLease(of: job, epoch: epoch) }
        guard engine != .none else {
            // A job that was cancelled before its start lands here as well: nothing of it can be in a capture.
            throw Refusal(.leaseLost, "Job \(job.short) was not started under this lease.")
        }
        guard !logIsComplete else {
            throw Refusal(.conflict, "The log of job \(job.short) is COMPLETE; nothing can be added.")
        }
    }

    /// Whether append `n` repeats a stored one, whose digest is `stored`; false where it is the next one.
    static func isRepeat(n: Int64, nextN: Int64, digest: Data, stored: Data?) throws(Refusal) -> Bool {
        if n == nextN { return false }
        guard n > 0, n < nextN else {
            throw Refusal(.conflict, "Append \(n) leaves a hole: the next one is \(nextN).")
        }
        guard digest == stored else {
            throw Refusal(.conflict, "Append \(n) diverged: other bytes are stored under this number.")
        }
        return true
    }
}
