import Domain
import LiveFeed
import Storage
import Synchronization
import Testing

@testable import Trellis

@Suite struct PeriodicTests {
    /// Grants what the test lists, one answer for each round.
    private final class Terms: ExclusiveDuty {
        private let terms: Mutex<[Int64?]>

        init(_ terms: [Int64?]) { self.terms = Mutex(terms) }

        func term(of duty: String) async throws -> Int64? {
            terms.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
        }
    }

    private struct Failure: Error {}

    /// The first `count` rounds of a duty with these terms; `body` may throw.
    private func rounds(
        _ count: Int, terms: [Int64?], body: @escaping @Sendable (Int) throws -> Void = { _ in }
    ) async throws -> [Periodic.Round] {
        let (rounds, report) = AsyncStream.makeStream(of: Periodic.Round.self)
        let number = Mutex(0)
        let periodic = Periodic(
            name: "test", interval: .milliseconds(1), exclusive: Terms(terms), logger: TrellisHarness.quiet
        ) { round in
            report.yield(round)
            try body(
                number.withLock {
                    $0 += 1
                    return $0
                })
        }
        let task = Task { try await periodic.runUntilCanceled() }
        var seen: [Periodic.Round] = []
        for await round in rounds {
            seen.append(round)
            if seen.count == count { break }
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        return seen
    }

    @Test func aTermBeginsWithoutWhatWasBefore() async throws {
        let seen = try await rounds(5, terms: [1, 1, nil, 1, 2, 2])
        #expect(seen.map(\.isFirst) == [true, false, true, true, false])
        #expect(seen.map(\.term.number) == [1, 1, 1, 2, 2] && seen.allSatisfy { $0.term.duty == "test" })
        #expect(seen.filter(\.isFirst).allSatisfy { $0.elapsed == .zero })
        #expect(seen.allSatisfy { $0.elapsed <= .milliseconds(2) })
    }

    @Test func anErrorEndsOnlyItsRound() async throws {
        let seen = try await rounds(3, terms: [1]) { if $0 == 1 { throw Failure() } }
        #expect(seen.map(\.isFirst) == [true, true, false], "what failed is tried as the first again")
    }
}

/// Whom a change wakes.
@Suite struct FeedsTests {
    @Test func aTendrilIsWokenByTheQueueAndByItsOwnRequestsOnly() async throws {
        let harness = try await TrellisHarness.make()
        let feeds = harness.parts.feeds
        let (mine, other): (TendrilID, TendrilID) = (harness.parts.ambient.makeID(), harness.parts.ambient.makeID())
        let listener = feeds.bell.listen(to: [.tendril(mine), .queue])
        let job: JobID = harness.parts.ambient.makeID()
        for change in [
            StoreChange.job(job), .job(job, isNew: true), .log(job, seq: 3), .tendril(mine), .stop(other),
            .vine(harness.parts.ambient.makeID()),
        ] {
            feeds.changed([change])
            #expect(!listener.takeNotification(), "\(change)")
        }
        for change in [StoreChange.stop(mine), .queue] {
            feeds.changed([change])
            #expect(listener.takeNotification(), "\(change)")
        }
        listener.cancel()
        try await harness.store.close()
    }
}
