import Domain
import Testing

@testable import Trellis

/// When groups are read again: a pure state machine, so each moment is chosen here.
@Suite struct RefreshScheduleTests {
    private typealias Schedule = RefreshSchedule<String>

    private let timing = RefreshSchedule<String>.Timing(interval: 8000)

    private func at(_ milliseconds: Int64) -> Timestamp { Timestamp(milliseconds: 1_800_000_000_000 + milliseconds) }

    /// A schedule in which the groups of `ana` were confirmed at 0.
    private func confirmed() -> Schedule {
        var schedule = Schedule(timing)
        #expect(schedule.use("ana", at: at(0)) == .read)
        schedule.finish("ana", .confirmed(at: at(0)), at: at(0))
        return schedule
    }

    @Test func theFirstRequestReadsAndOthersWaitForIt() {
        var schedule = Schedule(timing)
        #expect(schedule.use("ana", at: at(0)) == .read)
        #expect(schedule.use("ana", at: at(1)) == .wait)
        #expect(schedule.due(at: at(1), width: 9).isEmpty, "one at a time for each")
        schedule.finish("ana", .confirmed(at: at(0)), at: at(900))
        #expect(schedule.use("ana", at: at(901)) == .proceed)
    }

    /// Whoever uses Vintner never has groups that were confirmed longer ago than the limit; with an interval of 8 s, a
    /// tick of 1 s and a check of open feeds within 5 s, a lost group is gone within 15 s.
    @Test func groupsInUseAreReadAtEachInterval() {
        var schedule = confirmed()
        #expect(schedule.use("ana", at: at(7000)) == .proceed)
        #expect(schedule.due(at: at(7999), width: 9).isEmpty)
        #expect(schedule.due(at: at(8000), width: 9) == ["ana"])
        #expect(schedule.use("ana", at: at(12_000)) == .proceed, "the limit")
        #expect(schedule.use("ana", at: at(12_001)) == .wait)
        let worst =
            timing.interval + SessionRefresh.tick.milliseconds + CredentialSweep.interval.milliseconds
        #expect(worst <= 14_000)
    }

    @Test func aRequestAfterAPauseWaitsForAReading() {
        var schedule = confirmed()
        #expect(schedule.use("ana", at: at(12_001)) == .read)
    }

    @Test func aClockThatGoesBackConfirmsNothing() {
        var schedule = confirmed()
        #expect(schedule.use("ana", at: at(-1)) == .proceed, "not before its time")
        #expect(schedule.due(at: at(-1), width: 9).isEmpty)
        schedule.finish("ana", .failed, at: at(-60_000))
        #expect(schedule.use("ana", at: at(-40_000)) == .read)
    }

    @Test func whatIsNotUsedIsForgotten() {
        var schedule = confirmed()
        #expect(schedule.due(at: at(29_999), width: 9) == ["ana"])
        schedule.finish("ana", .confirmed(at: at(29_999)), at: at(29_999))
        #expect(schedule.due(at: at(60_000), width: 9).isEmpty)
        #expect(schedule.count == 0)
    }

    @Test func anOpenFeedIsUse() {
        var schedule = confirmed()
        for second in stride(from: Int64(1000), through: 60_000, by: 1000) {
            schedule.touch("ana", at: at(second))
            for key in schedule.due(at: at(second), width: 9) {
                #expect(second.isMultiple(of: 8000))
                schedule.finish(key, .confirmed(at: at(second)), at: at(second))
            }
        }
        #expect(schedule.count == 1)
    }

    @Test func aProviderThatFailsIsAskedLessAndRightsAreKept() {
        var schedule = confirmed()
        var (now, pauses): (Int64, [Int64]) = (8000, [])
        for _ in 0..<6 {
            schedule.touch("ana", at: at(now))
            #expect(schedule.due(at: at(now), width: 9) == ["ana"])
            schedule.finish("ana", .failed, at: at(now))
            #expect(schedule.use("ana", at: at(now + 6000)) == .proceed, "kept, without waiting")
            var next = now
            repeat {
                next += 1000
                schedule.touch("ana", at: at(next))
            } while schedule.due(at: at(next), width: 0).isEmpty && !isDue(schedule, at: next)
            pauses.append(next - now)
            now = next
        }
        #expect(pauses == [8000, 16_000, 32_000, 60_000, 60_000, 60_000])
        schedule.touch("ana", at: at(now))
        #expect(schedule.due(at: at(now), width: 9) == ["ana"])
        schedule.finish("ana", .confirmed(at: at(now)), at: at(now))
        schedule.touch("ana", at: at(now + 8000))
        #expect(schedule.due(at: at(now + 8000), width: 9) == ["ana"], "a success ends the pauses")
    }

    private func isDue(_ schedule: Schedule, at now: Int64) -> Bool {
        var copy = schedule
        return !copy.due(at: at(now), width: 1).isEmpty
    }

    @Test func aLongIntervalIsNeverShortenedByAPause() {
        let slow = RefreshSchedule<String>.Timing(interval: 3_600_000)
        #expect(slow.pause(afterFailures: 1) == 3_600_000 && slow.pause(afterFailures: 99) == 3_600_000)
        #expect(slow.limit > slow.interval)
    }

    @Test func aLocalAccountIsAskedAboutOnceAMinute() {
        var schedule = Schedule(timing)
        #expect(schedule.use("ben", at: at(0)) == .read)
        schedule.finish("ben", .exempt, at: at(0))
        for second in stride(from: Int64(1000), to: 60_000, by: 1000) {
            #expect(schedule.use("ben", at: at(second)) == .proceed)
            #expect(schedule.due(at: at(second), width: 9).isEmpty)
        }
        #expect(schedule.due(at: at(60_000), width: 9) == ["ben"])
    }

    @Test func anotherNodeThatReadsIsWaitedForShortly() {
        var schedule = confirmed()
        #expect(schedule.due(at: at(8000), width: 9) == ["ana"])
        schedule.finish("ana", .elsewhere, at: at(8000))
        #expect(schedule.due(at: at(8999), width: 9).isEmpty)
        #expect(schedule.due(at: at(9000), width: 9) == ["ana"])
    }

    @Test func noMoreThanTheWidthAreReadAtATimeAndNobodyIsForgotten() {
        var schedule = Schedule(timing)
        for n in 0..<5 { schedule.touch("user-\(n)", at: at(Int64(n))) }
        #expect(schedule.due(at: at(10), width: 2) == ["user-0", "user-1"])
        #expect(schedule.due(at: at(10), width: 2).isEmpty)
        schedule.finish("user-0", .ended, at: at(20))
        #expect(schedule.due(at: at(20), width: 2) == ["user-2"])
        #expect(schedule.count == 4)
    }

    @Test func memoryIsBounded() {
        var schedule = Schedule(timing)
        for n in 0...Schedule.capacity { schedule.touch("user-\(n)", at: at(Int64(n))) }
        #expect(schedule.count <= Schedule.capacity)
        #expect(schedule.use("user-\(Schedule.capacity)", at: at(20_001)) == .read, "the newest is kept")
    }
}

extension Duration {
    fileprivate var milliseconds: Int64 { components.seconds * 1000 }
}
