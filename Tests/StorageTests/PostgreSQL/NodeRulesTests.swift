import Domain
import Storage
import Testing

@testable import StoragePostgres

/// The pure parts of what nodes do: what is sent when, what was seen, and who has a duty.
@Suite struct NodeRulesTests {
    private let start = ContinuousClock.now
    private let a: JobID = StoreFixture.newID()
    private let b: JobID = StoreFixture.newID()

    private func after(_ milliseconds: Int) -> ContinuousClock.Instant { start + .milliseconds(milliseconds) }

    // MARK: - Text

    @Test func everyChangeSurvivesAsText() throws {
        let tendril: TendrilID = StoreFixture.newID()
        let vine: VineID = StoreFixture.newID()
        let changes: [StoreChange] = [
            .job(a), .job(b, isNew: true), .log(a, seq: 9_000_000_000), .tendril(tendril),
            .tendril(tendril, isNew: true),
            .vine(vine), .vine(vine, isNew: true), .queue, .stop(tendril),
        ]
        #expect(ChangeText.decode(ChangeText.encode(changes)) == changes)
        #expect(ChangeText.decode("zwhatever j not-an-id l\(a).x q") == [.queue])
        #expect(ChangeText.stored([.log(a, seq: 3)]) == nil)
        #expect(ChangeText.stored([.log(a, seq: 3), .queue, .job(a), .queue]) == "q j\(a)")
    }

    @Test func aHintOfAnotherVersionMeansThatThereIsSomething() throws {
        let hint = Hint(node: "n", hasStoredChanges: false, changes: [.log(a, seq: 4)])
        #expect(Hint(hint.text) == hint)
        #expect(Hint("2 n - anything else") == Hint(node: "n", hasStoredChanges: true))
        #expect(Hint("") == nil)
        #expect(Hint("1 n") == nil)
    }

    // MARK: - Hints

    @Test func theFirstHintWaitsForNothingAndTheNextForItsTurn() {
        var hints = HintCoalescer(node: "n")
        #expect(hints.begin(at: start) == nil, "nothing to send")
        hints.add([.log(a, seq: 1)])
        #expect(hints.begin(at: start) == .zero)
        #expect(hints.begin(at: start) == nil, "somebody sends already")
        #expect(hints.next(at: start)?.changes == [.log(a, seq: 1)])
        hints.add([.log(a, seq: 2), .log(b, seq: 7)])
        hints.add([.log(a, seq: 5), .log(a, seq: 4), .queue, .job(a)])
        #expect(hints.pause(at: after(4)) == .milliseconds(6))
        let next = hints.next(at: after(10))
        #expect(next?.changes == [.log(a, seq: 5), .log(b, seq: 7)] && next?.hasStoredChanges == true)
        #expect(hints.next(at: after(20)) == nil)
        hints.addProbe()
        #expect(hints.begin(at: after(100)) == .zero)
        #expect(hints.next(at: after(100)) == Hint(node: "n"))
    }

    @Test func aHintIsNoLongerThanPostgreSQLTakes() throws {
        var hints = HintCoalescer(node: StoreFixture.newID(Job.self).rawValue)
        let jobs = (0..<500).map { _ in StoreFixture.newID(Job.self) }
        hints.add(jobs.map { .log($0, seq: .max) })
        #expect(hints.begin(at: start) == .zero)
        var sent: [StoreChange] = []
        var count = 0
        while let hint = hints.next(at: after(10 * count)) {
            #expect(hint.text.utf8.count <= HintCoalescer.maxBytes)
            sent += hint.changes
            count += 1
        }
        #expect(sent == jobs.map { .log($0, seq: .max) })
        #expect(count == 4)
        // What is too much is left to polling.
        hints.add((0..<HintCoalescer.capacity + 1).map { _ in .log(StoreFixture.newID(), seq: 1) })
        hints.add([.log(a, seq: 1)])
        var found: [StoreChange] = []
        while let hint = hints.next(at: start) { found += hint.changes }
        #expect(found.count == HintCoalescer.capacity && !found.contains(.log(a, seq: 1)))
    }

    // MARK: - Stored changes

    private func row(_ position: Int64, _ changes: String = "q", of node: String = "other") -> ChangeCursor.Row {
        ChangeCursor.Row(position: position, node: node, changes: changes)
    }

    @Test func aChangeThatBecomesVisibleLateIsFoundOnce() {
        var cursor = ChangeCursor(node: "own")
        #expect(cursor.next == nil && !cursor.isFresh(at: start))
        #expect(cursor.take([], horizon: 100, at: start).isEmpty)
        #expect(cursor.next == 100)
        // 101 has committed, 100 still runs.
        #expect(cursor.take([row(2, "j\(a)"), row(3, of: "own")], horizon: 100, at: after(1)) == [.job(a)])
        // Now 100 has committed, too, with an earlier position.
        #expect(cursor.take([row(1), row(2), row(3, of: "own")], horizon: 102, at: after(2)) == [.queue])
        #expect(cursor.take([row(4)], horizon: 103, at: after(3)) == [.queue])
        #expect(cursor.take([], horizon: 103, at: after(4)).isEmpty)
    }

    @Test func afterALongBreakOrALostTransactionEverythingMayHaveChanged() {
        var cursor = ChangeCursor(node: "own")
        _ = cursor.take([], horizon: 100, at: start)
        let end = start + ChangeCursor.longestBreak
        #expect(cursor.isFresh(at: end) && !cursor.isFresh(at: end + .milliseconds(1)))
        #expect(cursor.take([], horizon: 200, at: end + .milliseconds(1)) == [.everything])
        #expect(cursor.take([], horizon: 200, at: end + .milliseconds(2)).isEmpty)
        // A promoted standby that lacks the last transactions.
        #expect(cursor.take([row(9)], horizon: 150, at: end + .milliseconds(3)) == [.everything])
        #expect(cursor.next == 150)
    }

    // MARK: - Duties

    @Test func aTermIsTrustedUntilJustBeforeItsEnd() {
        var duties = HeldDuties()
        #expect(duties.answer("d", at: start) == .ask)
        #expect(duties.take("d", term: 3, asked: start, at: after(50)) == 3)
        #expect(duties.answer("d", at: start + HeldDuties.renewal - .milliseconds(1)) == .held(3))
        #expect(duties.answer("d", at: start + HeldDuties.renewal) == .ask)
        let end = start + HeldDuties.lifetime - HeldDuties.margin
        #expect(duties.answerWithoutDatabase("d", at: end - .milliseconds(1)) == 3)
        #expect(duties.answerWithoutDatabase("d", at: end) == nil)
        // An answer that took too long is worth nothing.
        #expect(duties.take("d", term: 3, asked: start, at: end) == nil)
    }

    @Test func whatAnotherNodeHasIsNotAskedAboutAllTheTime() {
        var duties = HeldDuties()
        #expect(duties.take("d", term: nil, asked: start, at: start) == nil)
        #expect(duties.answer("d", at: start + HeldDuties.patience - .milliseconds(1)) == .elsewhere)
        #expect(duties.answer("d", at: start + HeldDuties.patience) == .ask)
        #expect(duties.answerWithoutDatabase("d", at: start) == nil)
    }
}
