import NIOCore
import Synchronization
import Testing

@testable import WebSocket

/// When peers are pinged and given up, in seconds that nobody waits for.
@Suite struct LivenessTests {
    private var liveness = Liveness(limits: .init(), now: .uptimeNanoseconds(0))

    private func at(_ second: Int64) -> NIODeadline { .uptimeNanoseconds(0) + .seconds(second) }

    private mutating func check(
        _ second: Int64, waiting: Int = 0, written: Int = 0, isDeaf: Bool = false
    ) -> Liveness.Verdict {
        liveness.check(at: at(second), waiting: waiting, written: written, isDeaf: isDeaf)
    }

    @Test mutating func aQuietPeerIsPingedAndThenGivenUp() {
        #expect(check(19) == .wait(until: at(20)))
        #expect(check(20) == .ping(askAgainAt: at(40)))
        #expect(check(39) == .wait(until: at(40)))
        #expect(check(40) == .dead)
    }

    @Test mutating func activePeerIsKept() {
        liveness.heard(at: at(15))
        #expect(check(20) == .wait(until: at(35)))
        #expect(check(35) == .ping(askAgainAt: at(55)))
        liveness.heard(at: at(54))
        #expect(check(55) == .wait(until: at(74)))
    }

    @Test mutating func aQuickPongDoesNotDelayTheNextPing() {
        var limits = WebSocketLimits()
        limits.pongWithin = .seconds(60)
        liveness = Liveness(limits: limits, now: at(0))
        #expect(check(20) == .ping(askAgainAt: at(40)))
        #expect(check(40) == .wait(until: at(60)))
        liveness.heard(at: at(41))
        #expect(check(60) == .wait(until: at(61)))
        #expect(check(61) == .ping(askAgainAt: at(81)))
        #expect(check(115) == .wait(until: at(121)))
        #expect(check(121) == .dead)
    }

    @Test mutating func aSlowReaderIsAlive() {
        #expect(check(20, waiting: 5_000_000, written: 9_000_000) == .ping(askAgainAt: at(40)))
        // It read, although more was written than it took.
        #expect(check(40, waiting: 5_500_000, written: 10_000_000) == .wait(until: at(60)))
        #expect(check(60, waiting: 5_400_000, written: 10_000_000) == .wait(until: at(80)))
        #expect(check(80, waiting: 5_400_000, written: 10_000_000) == .ping(askAgainAt: at(100)))
        #expect(check(100, waiting: 5_400_000, written: 10_000_000) == .dead)
    }

    @Test mutating func whatTheKernelTakesAtOnceIsNoSignOfLife() {
        #expect(check(20, waiting: 0, written: 1000) == .ping(askAgainAt: at(40)))
        #expect(check(40, waiting: 0, written: 3000) == .dead)
    }

    @Test mutating func pausedReadingDoesNotCountAsSilence() {
        #expect(check(20, isDeaf: true) == .wait(until: at(40)))
        #expect(check(40) == .ping(askAgainAt: at(60)))
        #expect(check(60, isDeaf: true) == .wait(until: at(80)))
    }
}

@Suite struct MessageQueueTests {
    @Test func roomIsReportedOnceHalfIsTaken() async {
        let reports = Mutex(0)
        let queue = MessageQueue(limit: 4) { reports.withLock { $0 += 1 } }
        for number in 0..<3 { #expect(queue.add(.text("\(number)"))) }
        #expect(!queue.add(.text("3")))
        for number in 0..<4 {
            #expect(reports.withLock { $0 } == (number < 2 ? 0 : 1))
            #expect(await queue.next() == .text("\(number)"))
        }
        #expect(reports.withLock { $0 } == 1)
    }

    @Test func whatWaitsCanStillBeTakenAfterTheEnd() async {
        let drained = Gate()
        let queue = MessageQueue(limit: 4) {}
        _ = queue.add(.text("last"))
        queue.end { drained.open() }
        #expect(queue.add(.text("too late")))
        #expect(await queue.next() == .text("last"))
        #expect(await queue.next() == nil)
        await drained.passed()
        #expect(await queue.next() == nil)
    }

    @Test func theEndWakesTheConsumer() async {
        let queue = MessageQueue(limit: 4) {}
        async let message = queue.next()
        queue.end()
        #expect(await message == nil)
    }

    @Test func aCancelledConsumerDoesNotWait() async {
        let queue = MessageQueue(limit: 4) {}
        let task = Task { await queue.next() }
        task.cancel()
        #expect(await task.value == nil)
        #expect(queue.add(.text("kept")))
        #expect(await queue.next() == .text("kept"))
    }
}
