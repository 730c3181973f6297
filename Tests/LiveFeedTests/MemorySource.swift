import Domain
import LiveFeed
import NIOCore
import Synchronization

/// A store in memory: one log that grows, and rows that change.
final class MemorySource: FeedSource, FollowedJob {
    struct State {
        var job: Job
        var rows: [FeedRow] = []
        var records: [String: String] = [:]
        /// Pages that were read, by where they began.
        var reads: [Int64] = []
        var ends = 0
        /// Errors for the next reads.
        var failures = 0
    }

    struct Away: Error {}

    let state: Mutex<State>
    let bell = FeedNotifier()
    let id = JobID(randomBytes: [UInt8](repeating: 7, count: 16))

    init() {
        let vine = VineID(randomBytes: [UInt8](repeating: 8, count: 16))
        let settings = VineSettings(projectName: "p", environmentStage: "s", source: .inline(files: ["main.tf": ""]))
        let job = Job(
            id: id, type: .plan, vine: vine,
            snapshot: Snapshot(vine: vine, revision: 1, settings: settings, digest: "d"), createdBy: "ana",
            createdAt: Timestamp(milliseconds: 0))
        state = Mutex(State(job: job))
    }

    /// Stores `count` rows of `bytes` bytes, as one commit; tells `hub` unless that is nil.
    func append(_ count: Int = 1, bytes: Int = 10, telling hub: LogFeeds? = nil) {
        let end: Int64 = state.withLock { state in
            for _ in 0..<count {
                let seq = Int64(state.rows.count + 1)
                state.rows.append(Self.row(seq, bytes: bytes))
            }
            return Int64(state.rows.count)
        }
        hub?.committed(id, upTo: end)
    }

    static func row(_ seq: Int64, bytes: Int = 10) -> FeedRow {
        let text = String(repeating: "x", count: bytes)
        return FeedRow(
            position: seq, table: .logs, event: .insert, committedAt: Timestamp(milliseconds: seq),
            record: ByteBuffer(string: #"{"seq":\#(seq),"stream_type":"STDOUT","log_chunk":"\#(text)"}"#))
    }

    func end() {
        state.withLock { $0.job.state = JobState(status: .cancelled, log: .complete) }
        bell.notify([.job(id)])
    }

    // MARK: - FeedSource

    func logEnd(of job: JobID) async throws -> Int64 {
        guard job == id else { throw Refusal(.notFound, "There is no such job.") }
        return try state.withLock { state in
            state.ends += 1
            try Self.fail(&state)
            return Int64(state.rows.count)
        }
    }

    func logRows(of job: JobID, after: Int64, maxBytes: Int) async throws -> [FeedRow] {
        await Task.yield()
        return try state.withLock { state in
            state.reads.append(after)
            try Self.fail(&state)
            var bytes = 0
            return Array(
                state.rows.dropFirst(Int(after)).prefix { row in
                    defer { bytes += row.record.readableBytes }
                    return bytes == 0 || bytes + row.record.readableBytes <= maxBytes
                })
        }
    }

    func record(of table: FeedTable, id: String) async throws -> ByteBuffer? {
        try state.withLock { state in
            try Self.fail(&state)
            return state.records[id].map { ByteBuffer(string: $0) }
        }
    }

    private static func fail(_ state: inout State) throws {
        guard state.failures > 0 else { return }
        state.failures -= 1
        throw Away()
    }

    func followedJob(_ id: JobID) async throws -> Job? { state.withLock { $0.job } }
}

/// Reads everything that a cursor finds, waiting until `last` was seen.
func read(_ reader: LogReader, until last: Int64, wakeup: Wakeup, bound: Int = 1 << 20) async throws -> [Int64] {
    var seen: [Int64] = []
    while seen.last != last {
        switch reader.next(bound: bound) {
        case .entries(let rows): seen += rows.map(\.position)
        case .overrun: seen += try await reader.page().map(\.position)
        case .atHead: _ = await wakeup.next(timeout: .seconds(30))
        }
    }
    return seen
}

/// Counts calls from any thread.
final class Counter: Sendable {
    private let value = Atomic(0)

    var count: Int { value.load(ordering: .relaxed) }
    func add() { value.add(1, ordering: .relaxed) }
}
