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

/// What one channel may ask costs so much for one row: the bounds of filters keep it below their deadline.
@Suite struct FilterCostTests {
    /// The most expensive bindings that a channel takes: patterns of the largest size that reach to the text's end, and lists
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

    @Test(arguments: [false, true]) func theMostExpensiveChannelHasABoundForARow(ignoringCase: Bool) throws {
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
        print("filters of the most expensive channel for a row of 64 KiB: \(microseconds) µs")
    }

    /// As many short values as a message of 256 KiB holds, each compared in the most expensive way of its type.
    @Test(arguments: [
        ("id", "1x", JSONValue.integer(1)), ("continued", "x", .bool(true)), ("created_at", "2026-01-01", nil),
    ])
    func manyShortValuesHaveABoundForARow(column: String, value: String, stored: JSONValue?) throws {
        let values = Array(repeating: value, count: RowFilter.maxValues).joined(separator: ",")
        let condition = ",\(column)=not.in.(\(values))"
        let conditions = min(RowFilter.maxConditions - 1, (RowFilter.maxBytes - 100) / condition.utf8.count)
        let filter =
            "job_id=eq.11111111-1111-4111-8111-111111111111" + String(repeating: condition, count: conditions)
        let items = (0..<min(JoinRequest.maxBindings, (256 << 10) / filter.utf8.count)).map { _ in
            JSONValue.object([
                "event": "INSERT", "schema": "public", "table": "provision_job_logs", "filter": .string(filter),
            ])
        }
        let bindings = try ChangeBinding.all(JoinRequest(["config": ["postgres_changes": .array(items)]]).bindings)
        let record: JSONValue = [
            "job_id": "11111111-1111-4111-8111-111111111111",
            column: stored ?? .string("2026-11-28T05:10:52.633Z"),
        ]
        let row = FeedRow(
            position: 1, table: .logs, event: .insert, committedAt: Timestamp(milliseconds: 0),
            record: ByteBuffer(bytes: record.bytes))
        var found = 0
        let microseconds = cost { found = bindings.count { $0.matches(row) } }
        #expect(found == bindings.count)
        #expect(microseconds < 10_000_000, "\(microseconds) µs")
        print("\(bindings.count * conditions * RowFilter.maxValues) values of \(column): \(microseconds) µs")
    }
}
