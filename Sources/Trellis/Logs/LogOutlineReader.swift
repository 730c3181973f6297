internal import Domain
internal import Storage
internal import Wire

/// Where a whole log's diagnostics are.
struct LogOutlineReader: Sendable {
    var store: any LogStore

    /// So many of each kind are named.
    static let cap = 10_000

    func outline(of job: JobID) async throws -> LogOutlineResponse {
        let size = try await store.logSize(of: job)
        var outline = LogOutlineResponse(total: size.lines, seq: size.seq, errors: [], warnings: [], capped: false)
        for mark in try await store.diagnosticLines(of: job, limit: 2 * Self.cap) where mark.line <= size.lines {
            let list: WritableKeyPath<LogOutlineResponse, [Int64]> = mark.kind == .error ? \.errors : \.warnings
            if outline[keyPath: list].count < Self.cap {
                outline[keyPath: list].append(mark.line)
            } else {
                outline.capped = true
            }
        }
        return outline
    }
}
