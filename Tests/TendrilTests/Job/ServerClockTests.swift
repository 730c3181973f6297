import Domain
import Testing

@testable import Tendril

@Suite struct ServerClockTests {
    private func at(_ milliseconds: Int64) -> Timestamp { Timestamp(milliseconds: milliseconds) }

    @Test func fastestMeasurementWins() {
        let clock = ServerClock()
        #expect(clock.corrected(at(5)) == at(5))
        clock.learn(serverNow: at(1_050), sent: at(0), received: at(100))
        #expect(clock.offset == 1_000)
        clock.learn(serverNow: at(2_010), sent: at(1_000), received: at(1_010))
        #expect(clock.offset == 1_005)
        clock.learn(serverNow: at(3_300), sent: at(2_000), received: at(2_500))
        #expect(clock.offset == 1_005)
    }

    @Test func aClockThatWasSetIsFollowed() {
        let clock = ServerClock()
        clock.learn(serverNow: at(5), sent: at(0), received: at(10))
        clock.learn(serverNow: at(60_000), sent: at(1_000), received: at(1_020))
        #expect(clock.offset == 58_990)
        clock.learn(serverNow: at(0), sent: at(2_000), received: at(1_000))
        #expect(clock.offset == 58_990)
    }
}
