import NIOCore
import Synchronization
import Testing

@testable import WebSocket

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
