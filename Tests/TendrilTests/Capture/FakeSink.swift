import Domain
import Synchronization
import Testing
import Wire

@testable import Tendril

/// What Trellis would do with a log, in memory: the same rules for `n`, and failures on demand.
final class FakeSink: LogSink {
    struct Unreachable: Error {}

    private struct State {
        var appends: [AppendLogsRequest] = []
        var failures: [any Error] = []
        /// Appends wait while this holds something.
        var isHeld = false
        var held: [CheckedContinuation<Void, Never>] = []
        var calls = 0
        var cursors = 0
        var linesBefore: Int64 = 0
    }

    private let state = Mutex(State())
    private let epoch = 3
    /// Lines of Trellis itself, before all others.
    var linesBefore: Int64 {
        get { state.withLock { $0.linesBefore } }
        set { state.withLock { $0.linesBefore = newValue } }
    }

    var appends: [AppendLogsRequest] { state.withLock { $0.appends } }
    /// Calls of `append`, those that failed included.
    var calls: Int { state.withLock { $0.calls } }
    var cursors: Int { state.withLock { $0.cursors } }
    /// Appends that wait for ``release()``.
    var waiting: Int { state.withLock { $0.held.count } }
    var chunks: [UnnumberedChunk] { appends.flatMap { $0.chunks.map(\.draft) } }
    func text(of stream: LogStream) -> String { chunks.text(of: stream) }

    /// The next calls fail with these, one after the other.
    func fail(with errors: [any Error]) { state.withLock { $0.failures += errors } }

    func hold() { state.withLock { $0.isHeld = true } }

    /// Lets the waiting appends go on, and all that follow.
    func release() {
        let held = state.withLock { state in
            state.isHeld = false
            defer { state.held = [] }
            return state.held
        }
        for continuation in held { continuation.resume() }
    }

    /// As if only the first appends had been stored.
    func keepFirst(_ count: Int) { state.withLock { $0.appends.removeLast($0.appends.count - count) } }

    func append(_ logs: AppendLogsRequest) async throws -> LogCursorResponse {
        await withCheckedContinuation { continuation in
            let goesOn = state.withLock { state in
                state.calls += 1
                if state.isHeld { state.held.append(continuation) }
                return !state.isHeld
            }
            if goesOn { continuation.resume() }
        }
        return try state.withLock { state in
            if !state.failures.isEmpty { throw state.failures.removeFirst() }
            return try store(logs, &state)
        }
    }

    /// Stores `logs` as if it came from somebody else.
    func store(_ logs: AppendLogsRequest) throws { _ = try state.withLock { try store(logs, &$0) } }

    private func store(_ logs: AppendLogsRequest, _ state: inout State) throws -> LogCursorResponse {
        #expect(logs.epoch == epoch)
        do { try LogLimits.standard.check(logs.chunks.map(\.draft)) } catch { throw LogSinkError.refused(error.reason) }
        let index = Int(logs.n) - 1
        if index < state.appends.count {
            guard state.appends[index].chunks.map(\.draft) == logs.chunks.map(\.draft) else {
                throw LogSinkError.diverged("append \(logs.n)")
            }
        } else {
            guard index == state.appends.count else {
                throw LogSinkError.diverged("expected \(state.appends.count + 1)")
            }
            state.appends.append(logs)
        }
        let lines = state.appends.flatMap(\.chunks).reduce(0) { $0 + ChunkText.lineCount(of: $1.logChunk) }
        return LogCursorResponse(
            nextN: Int64(state.appends.count) + 1, seq: 0, lines: state.linesBefore + Int64(lines))
    }

    func cursor(epoch: Int) async throws -> LogCursorResponse {
        try state.withLock { state in
            state.cursors += 1
            if !state.failures.isEmpty { throw state.failures.removeFirst() }
            let chunks = state.appends.flatMap(\.chunks)
            let stored = Dictionary(
                grouping: chunks, by: \.streamType.rawValue
            ).mapValues { $0.reduce(0) { $0 + Int64($1.logChunk.utf8.count) } }
            return LogCursorResponse(nextN: Int64(state.appends.count) + 1, seq: 0, stored: stored)
        }
    }
}

/// Pauses that are noted instead of waited for.
final class Pauses: Sendable {
    private let noted = Mutex<[Duration]>([])
    var all: [Duration] { noted.withLock { $0 } }

    var sleep: LogShipper.Sleep {
        { [self] duration in
            noted.withLock { $0.append(duration) }
            try Task.checkCancellation()
        }
    }
}
