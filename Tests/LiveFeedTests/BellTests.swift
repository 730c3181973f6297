import LiveFeed
import Testing

@Suite struct BellTests {
    @Test func aRingBeforeTheWaitIsNotLost() async {
        let bell = Bell<Int>()
        let listener = bell.listen(to: [1])
        bell.ring([1])
        #expect(await listener.next(timeout: .seconds(60)) == .rang)
    }

    @Test func manyRingsFoldIntoOne() async {
        let bell = Bell<Int>()
        let listener = bell.listen(to: [1, 2])
        for _ in 0..<100 { bell.ring([1, 2]) }
        #expect(await listener.next(timeout: .seconds(60)) == .rang)
        #expect(await listener.next(timeout: .zero) == .timedOut)
    }

    @Test func aWaitingReaderIsWoken() async {
        let bell = Bell<Int>()
        let listener = bell.listen(to: [1])
        async let wake = listener.next(timeout: .seconds(60))
        bell.ring([1])
        #expect(await wake == .rang)
    }

    @Test func otherTopicsWakeNobody() async {
        let bell = Bell<Int>()
        let listener = bell.listen(to: [1])
        bell.ring([2])
        #expect(await listener.next(timeout: .zero) == .timedOut)
    }

    @Test func closingEndsEveryWaitForGood() async {
        let bell = Bell<Int>()
        let listener = bell.listen(to: [1])
        async let wake = listener.next(timeout: .seconds(60))
        bell.close()
        #expect(await wake == .closed)
        #expect(await listener.next(timeout: .seconds(60)) == .closed)
        #expect(await bell.listen(to: [1]).next(timeout: .seconds(60)) == .closed)
    }

    @Test func aCancelledTaskDoesNotWait() async {
        let bell = Bell<Int>()
        let listener = bell.listen(to: [1])
        let task = Task { await listener.next(timeout: .seconds(60)) }
        task.cancel()
        #expect(await task.value == .closed)
    }

    @Test func aCancelledListenerHearsNothingMore() async {
        let bell = Bell<Int>()
        let listener = bell.listen(to: [1])
        listener.cancel()
        bell.ring([1])
        #expect(await listener.next(timeout: .seconds(60)) == .closed)
    }
}
