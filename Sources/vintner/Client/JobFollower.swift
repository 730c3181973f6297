internal import Domain
internal import Foundation
internal import Wire

/// Where the events of a job's log come from.
protocol LogEventSource: Sendable {
    /// The address, for notices.
    var url: String { get }

    /// Receives the events after chunk `after` until they end or the connection is cut.
    func logEvents(
        of job: JobID, after: Int64, _ receive: (EventStreamParser.Event) async throws -> Void
    ) async throws
}

extension VintnerClient: LogEventSource {
    func logEvents(
        of job: JobID, after: Int64, _ receive: (EventStreamParser.Event) async throws -> Void
    ) async throws {
        try await events(LogEndpoints.stream, job, query: [LogEndpoints.after(after)], receive)
    }
}

/// Prints a job's log from its first line until it has ended. It reconnects if the connection is cut.
struct JobFollower {
    var source: any LogEventSource
    var id: JobID
    /// Keeps colors; otherwise the visible text is printed.
    var keepsANSI: Bool
    /// Prints no lines, only waits.
    var isQuiet = false

    /// How long it tries to reconnect. The job continues regardless.
    static let patience = Duration.seconds(180)

    /// - Returns: the job's status in the end.
    func follow() async throws -> JobStatusResponse {
        var last: Int64 = 0
        var backoff = Backoff(limit: .seconds(3))
        var lost: ContinuousClock.Instant?
        var end: JobStatusResponse?
        while end == nil {
            do {
                try await source.logEvents(of: id, after: last) { event in
                    backoff.reset()
                    if lost != nil { printNotice("Connected to \(source.url) again.") }
                    lost = nil
                    switch event.name {
                    case "chunk":
                        let row = try WireJSON.decode(LogRowMessage.self, from: Data(event.data.utf8))
                        guard row.seq > last else { return }
                        last = row.seq
                        show(row)
                    case "end":
                        end = try WireJSON.decode(JobStatusResponse.self, from: Data(event.data.utf8))
                    default: break
                    }
                }
            } catch let error as ClientError {
                if case .refused(let status, _) = error, status < 500 { throw error }
            } catch let error as WireError {
                // Another attempt would receive the same.
                throw CommandFailure("\(source.url) sent a malformed response: \(error)")
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                // The connection was cut: continue after the last chunk.
            }
            if end == nil {
                let pause = backoff.next()
                let since = lost ?? .now
                if lost == nil, backoff.failures > 1 {
                    printNotice("Lost the connection to \(source.url). The job continues. Reconnecting…")
                    lost = since
                }
                guard since.duration(to: .now) < Self.patience else { throw ClientError.unreachable(source.url) }
                try await Task.sleep(for: pause)
            }
        }
        return end ?? JobStatusResponse(status: .failed, errorMessage: nil)
    }

    private func show(_ row: LogRowMessage) {
        if isQuiet { return }
        if row.streamType == .system {
            for line in ChunkText.lines(of: row.logChunk) {
                write(keepsANSI ? "\u{1b}[34m● \(line)\u{1b}[0m\n" : "● \(VisibleLine.text(of: line))\n")
            }
        } else if keepsANSI {
            write(row.logChunk)
        } else {
            write(ChunkText.lines(of: row.logChunk).map { VisibleLine.text(of: $0) + "\n" }.joined())
        }
    }

    private func write(_ text: String) {
        FileHandle.standardOutput.write(Data(text.utf8))
    }
}
