internal import Domain
internal import Foundation
internal import Wire

/// Prints a job's log from its first line until it has ended, whatever happens to the connection meanwhile.
struct JobFollower {
    var client: VintnerClient
    var id: String
    /// Keeps colours; otherwise the visible text is printed.
    var keepsANSI: Bool

    /// How long it tries to reach a server that does not answer. The job itself does not depend on it.
    static let patience = Duration.seconds(180)

    /// - Returns: the job's status in the end.
    func follow() async throws -> JobStatusResponse {
        var last: Int64 = 0
        var failures = 0
        var lost: ContinuousClock.Instant?
        var end: JobStatusResponse?
        while end == nil {
            do {
                try await client.events("/api/jobs/\(id)/logs/stream?after=\(last)") { event in
                    failures = 0
                    if lost != nil { printNotice("Connected to \(client.url) again.") }
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
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                // The connection was cut: go on after the last chunk.
            }
            if end == nil {
                failures += 1
                let since = lost ?? .now
                if lost == nil, failures > 1 {
                    printNotice("Lost the connection to \(client.url). The job goes on; trying to connect again.")
                    lost = since
                }
                guard since.duration(to: .now) < Self.patience else { throw ClientError.unreachable(client.url) }
                try await Task.sleep(for: .milliseconds(min(200 * failures, 3000)))
            }
        }
        return end ?? JobStatusResponse(status: .failed, errorMessage: nil)
    }

    private func show(_ row: LogRowMessage) {
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
