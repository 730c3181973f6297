import Wire

/// Where the log goes. Whoever speaks HTTP implements it.
///
/// Both calls throw ``LogSinkError`` where there is no point in trying again. Every other error (the network, 5xx,
/// 429) means "later": the call is repeated, with the same bytes, until it succeeds or shipping is stopped.
protocol LogSink: Sendable {
    /// `POST /api/jobs/{id}/logs`.
    func append(_ logs: AppendLogsRequest) async throws -> LogCursorResponse
    /// `GET /api/jobs/{id}/logs/cursor?epoch=E`: what is stored of this epoch.
    func cursor(epoch: Int) async throws -> LogCursorResponse
}

/// Trellis won't take (the rest of) this log.
enum LogSinkError: Error, Hashable, CustomStringConvertible {
    /// 410: the lease is not ours, or not any more, not even for the log.
    case leaseLost
    /// 409: under this number other bytes are stored.
    case diverged(String)
    /// Any other refusal, with its reason.
    case refused(String)

    var description: String {
        switch self {
        case .leaseLost: "Trellis takes no more log from this Tendril: the lease is not its own any more."
        case .diverged(let reason): "What Trellis stored differs from what was captured: \(reason)"
        case .refused(let reason): "Trellis refused the log: \(reason)"
        }
    }
}
