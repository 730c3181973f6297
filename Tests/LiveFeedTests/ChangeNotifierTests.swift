import LiveFeed
import Testing

@Suite struct ChangeNotifierTests {
    @Test func keepsNotificationBeforeWait() async {
        let bell = ChangeNotifier<Int>()
        let listener = bell.listen(to: [1])
        bell.notify([1])
        #expect(await listener.next(timeout: .seconds(60)) == .notified)
    }

    @Test func mergesNotifications() async {
        let bell = ChangeNotifier<Int>()
        let listener = bell.listen(to: [1, 2])
        for _ in 0..<100 { bell.notify([1, 2]) }
        #expect(await listener.next(timeout: .seconds(60)) == .notified)
        #expect(await listener.next(timeout: .zero) == .timedOut)
    }

    @Test func aWaitingReaderIsWoken() async {
        let bell = ChangeNotifier<Int>()
        let listener = bell.listen(to: [1])
        async let wake = listener.next(timeout: .seconds(60))
        bell.notify([1])
        #expect(await wake == .notified)
    }

    @Test func ignoresOtherTopics() async {
        let bell = ChangeNotifier<Int>()
        let listener = bell.listen(to: [1])
        bell.notify([2])
        #expect(await listener.next(timeout: .zero) == .timedOut)
    }

    @Test func closeEndsAllWaits() async {
        let bell = ChangeNotifier<Int>()
        let listener = bell.listen(to: [1])
        async let wake = listener.next(timeout: .seconds(60))
        bell.close()
        #expect(await wake == .closed)
        #expect(await listener.next(timeout: .seconds(60)) == .closed)
        #expect(await bell.listen(to: [1]).next(timeout: .seconds(60)) == .closed)
    }

    @Test func aCancelledTaskDoesNotWait() async {
        let bell = ChangeNotifier<Int>()
        let listener = bell.listen(to: [1])
        let task = Task { await listener.next(timeout: .seconds(60)) }
        task.cancel()
        #expect(await task.value == .closed)
    }

    @Test func cancelledListenerGetsNoNotifications() async {
        let bell = ChangeNotifier<Int>()
        let listener = bell.listen(to: [1])
        listener.cancel()
        bell.notify([1])
        #expect(await listener.next(timeout: .seconds(60)) == .closed)
    }

    /// A notification ends the waits of all tasks that wait; none is forgotten.
    @Test func everyWaitingTaskIsWoken() async {
        let wakeup = Wakeup()
        let ended = Counter()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    #expect(await wakeup.next(timeout: .seconds(60)) == .notified)
                    ended.add()
                }
            }
            while ended.count < 3 {
                wakeup.notify()
                await Task.yield()
            }
        }
    }

    @Test func aCanceledTaskEndsItsOwnWaitOnly() async {
        let wakeup = Wakeup()
        let canceled = Task { await wakeup.next(timeout: .seconds(60)) }
        canceled.cancel()
        #expect(await canceled.value == .closed)
        wakeup.notify()
        #expect(await wakeup.next(timeout: .seconds(60)) == .notified)
    }
}
