import Domain
import LiveFeed
import NIOCore
import Synchronization
import Testing

@testable import Trellis

/// How long filters of Realtime channels hold a thread.
@Suite struct FilterTimeTests {
    /// A clock that advances at each reading.
    private func clock(step: Duration) -> @Sendable () -> Duration {
        let now = Mutex(Duration.zero)
        return {
            now.withLock { now in
                now += step
                return now
            }
        }
    }

    private func selection(bindings: Int) throws -> SubscriptionFilter {
        let items = (0..<bindings).map { index in
            JSONValue.object([
                "event": "UPDATE", "schema": "public", "table": "provision_jobs",
                "filter": .string("vine_title=like.%\(index)"),
            ])
        }
        let join = try JoinRequest(["config": ["postgres_changes": .array(items)]])
        return SubscriptionFilter(
            topic: "realtime:x", version: .v2, bindings: try ChangeBinding.all(join.bindings).map { ($0, 0) })
    }

    private func rows(_ count: Int) -> ArraySlice<FeedRow> {
        (0..<count).map { index in
            let record: JSONValue = ["id": .string("job \(index)"), "vine_title": .string("frost / \(index)")]
            return FeedRow(
                position: Int64(index + 1), table: .jobs, event: .update,
                committedAt: Timestamp(milliseconds: 0), record: ByteBuffer(bytes: record.bytes))
        }[...]
    }

    @Test func rowsBeyondOneTurnAreLeftForTheNext() throws {
        let selection = try selection(bindings: 10)
        let rows = rows(10)
        var (rest, frames, turns) = (rows, 0, 0)
        while !rest.isEmpty {
            // 11 readings for each row, of 1 ms each.
            let time = FilterTime(row: .seconds(1), turn: .milliseconds(40), now: clock(step: .milliseconds(1)))
            let filtered = selection.filter(rest, within: time)
            #expect(!filtered.isTooExpensive && filtered.rest.count < rest.count)
            (rest, frames, turns) = (filtered.rest, frames + filtered.frames.count, turns + 1)
        }
        #expect(frames == 10)
        #expect(turns == 3)
    }

    @Test func oneRowHasADeadline() throws {
        let selection = try selection(bindings: 10)
        func isTooExpensive(_ limit: Int) -> Bool {
            let time = FilterTime(row: .milliseconds(limit), turn: .seconds(1), now: clock(step: .milliseconds(1)))
            return selection.filter(rows(1), within: time).isTooExpensive
        }
        // The last of 10 bindings is done after 10 ms.
        #expect(!isTooExpensive(11))
        #expect(isTooExpensive(10))
        #expect(isTooExpensive(1))
    }

    @Test func theClockCountsWorkOnly() throws {
        let now = FilterTime().now
        let start = now()
        var sum = 0
        while now() - start < .milliseconds(5) { sum &+= 1 }
        #expect(sum > 0)
    }

    @Test func aConnectionHasOneTurnAtATime() {
        let started = Mutex<[@Sendable () -> Void]>([])
        let done = Mutex<[Int]>([])
        let queue = FilterQueue { turn in started.withLock { $0.append(turn) } }
        for index in 0..<3 { queue.submit { done.withLock { $0.append(index) } } }
        for index in 0..<3 {
            #expect(started.withLock(\.count) == index + 1)
            started.withLock { $0[index] }()
        }
        #expect(started.withLock(\.count) == 3)
        #expect(done.withLock { $0 } == [0, 1, 2])
        queue.submit {}
        #expect(started.withLock(\.count) == 4)
    }
}
