import Domain
import Wire

/// Stores the log of one job.
///
/// Both calls throw ``LogSinkError`` if a retry can't help. Any other error (the network, 5xx, 429) means "later": the
/// call is repeated, with the same bytes, until it succeeds or shipping stops.
protocol LogSink: Sendable {
    /// `POST /api/jobs/{id}/logs`.
    func append(_ logs: AppendLogsRequest) async throws -> LogCursorResponse
    /// `GET /api/jobs/{id}/logs/cursor?epoch=E`: what is stored of this epoch.
    func cursor(epoch: Int) async throws -> LogCursorResponse
}

/// Trellis refuses (the rest of) this log.
enum LogSinkError: Error, Hashable, CustomStringConvertible {
    /// 410: the lease is not ours, not even for the log.
    case leaseLost
    /// 409: other bytes are stored under this number.
    case diverged(String)
    /// Any other refusal, with its reason.
    case refused(String)

    var description: String {
        switch self {
        case .leaseLost: "The lease was lost; Trellis accepts no more log from this Tendril."
        case .diverged(let reason): "The stored log differs from the capture: \(reason)"
        case .refused(let reason): "Trellis refused the log: \(reason)"
        }
    }
}

/// Ships the log of one job to Trellis.
struct HTTPLogSink: LogSink {
    var job: JobID
    var trellis: any TrellisClient
    var clock: ServerClock

    func append(_ logs: AppendLogsRequest) async throws -> LogCursorResponse {
        try await judged { try await trellis.append(job, onServerTime(logs)) }
    }

    func cursor(epoch: Int) async throws -> LogCursorResponse {
        try await judged { try await trellis.cursor(job, epoch: epoch) }
    }

    /// Times are sent on Trellis' clock. They are not part of an append's identity, so a retry may differ in them.
    private func onServerTime(_ logs: AppendLogsRequest) -> AppendLogsRequest {
        let offset = clock.offset
        guard offset != 0 else { return logs }
        var logs = logs
        for index in logs.chunks.indices {
            logs.chunks[index].times = logs.chunks[index].times?.map { $0.count == 2 ? [$0[0], $0[1] + offset] : $0 }
        }
        return logs
    }

    /// Turns an error that a retry can't fix into a ``LogSinkError``.
    private func judged<Value>(_ call: () async throws -> Value) async throws -> Value {
        do {
            return try await call()
        } catch let error as TrellisCallError where !error.isTransient && !error.isUnauthorised {
            if error.isLeaseLost { throw LogSinkError.leaseLost }
            throw error.isConflict ? LogSinkError.diverged(error.sentence) : LogSinkError.refused(error.sentence)
        }
    }
}
