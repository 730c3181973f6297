import Domain
import Foundation
import NIOCore
import Testing

@testable import LiveFeed

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Filters have no deadline: their bounds are one. What one channel may ask costs so much for one row, and the threads
/// that filter take one row of one channel after the other.
@Suite struct FilterCostTests {
    /// The dearest bindings that a channel takes: patterns of the largest size that reach to the text's end, and lists
    /// of values that begin as the text does.
    private func bindings(ignoringCase: Bool) throws -> [ChangeBinding] {
        let job = "job_id=eq.11111111-1111-4111-8111-111111111111"
        let pattern = String(repeating: "a%", count: LikePattern.maxCharacters - 4)
        let value = String(repeating: "a", count: 70)
        let values = (0..<RowFilter.maxValues).map { "\(value)\($0)" }.joined(separator: ",")
        let test = ignoringCase ? "ilike" : "like"
        let filters =
            (0..<ChangeBinding.maxPatterns).map { "\(job),log_chunk=\(test).\(pattern)b\($0)" }
            + (ChangeBinding.maxPatterns..<JoinRequest.maxBindings).map { _ in "\(job),log_chunk=in.(\(values))" }
        let items = filters.map { filter in
            JSONValue.object([
                "event": "INSERT", "schema": "public", "table": "provision_job_logs", "filter": .string(filter),
            ])
        }
        return try ChangeBinding.all(JoinRequest(["config": ["postgres_changes": .array(items)]]).bindings)
    }

    /// Microseconds of processor time that `body` takes on this thread.
    private func cost(_ body: () -> Void) -> Int {
        func now() -> Int {
            var time = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
        }
        let start = now()
        body()
        return now() - start
    }

    @Test(arguments: [false, true]) func theDearestChannelHasABoundForARow(ignoringCase: Bool) throws {
        let bindings = try bindings(ignoringCase: ignoringCase)
        let text = JSONValue.string(String(repeating: "a", count: LogLimits().chunkBytes))
        let record: JSONValue = ["log_chunk": text, "job_id": "11111111-1111-4111-8111-111111111111"]
        let row = FeedRow(
            position: 1, table: .logs, event: .insert, committedAt: Timestamp(milliseconds: 0),
            record: ByteBuffer(bytes: record.bytes))
        var found = 0
        let microseconds = cost { found = bindings.count { $0.matches(row) } }
        #expect(bindings.count == JoinRequest.maxBindings && found == 0)
        // Without optimization, it is some ten times what it is in a release.
        #expect(microseconds < 10_000_000, "\(microseconds) µs")
        print("filters of the dearest channel for a row of 64 KiB: \(microseconds) µs")
    }
}
