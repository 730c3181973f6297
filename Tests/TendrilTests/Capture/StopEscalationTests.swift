import Domain
import SystemCalls
import Testing

@testable import Tendril

@Suite struct StopEscalationTests {
    @Test func climbsByTime() {
        var ladder = StopEscalation()
        #expect(ladder.advance(to: 1_000_000) == nil && ladder.nextAt == nil)
        #expect(ladder.request(at: 1000)?.rung == .interrupt)
        #expect(ladder.nextAt == 301_000)
        #expect(ladder.advance(to: 300_999) == nil)
        let second = ladder.advance(to: 301_000)
        #expect(second?.rung == .interruptAgain)
        #expect(second?.sentence == "Terraform still runs 5 min after that; told it to stop at once (second SIGINT).")
        #expect(ladder.nextAt == 361_000)
        #expect(ladder.advance(to: 360_999) == nil)
        #expect(ladder.advance(to: 400_000)?.rung == .kill)
        #expect(ladder.nextAt == nil && ladder.advance(to: .max) == nil)
        #expect(ladder.ended(at: 400_850) == "Terraform has stopped, 6 min 39 s after it was asked to.")
    }

    @Test func askingAgainChangesNothing() {
        var ladder = StopEscalation()
        #expect(ladder.request(at: 0) != nil)
        for time: Int64 in [0, 1, 299_999, 300_000, 1_000_000] { #expect(ladder.request(at: time) == nil) }
        #expect(ladder.rung == .interrupt)
    }

    @Test func oneStepAtATimeHoweverLateItIsAsked() {
        var ladder = StopEscalation()
        _ = ladder.request(at: 0)
        #expect(ladder.advance(to: 10_000_000)?.rung == .interruptAgain)
        #expect(ladder.advance(to: 10_000_000) == nil)
    }

    @Test func goesOnFromTheRungItHadReached() {
        var ladder = StopEscalation(
            timing: .init(secondInterrupt: .seconds(10), kill: .seconds(5)), taken: [(.interrupt, 500)])
        #expect(ladder.request(at: 600) == nil)
        #expect(ladder.nextAt == 10_500)
        var later = StopEscalation(taken: [(.interrupt, 500), (.interruptAgain, 700)])
        #expect(later.request(at: 800) == nil)
        #expect(later.advance(to: 60_700)?.rung == .kill)
        #expect(later.ended(at: 61_500) == "Terraform has stopped, 1 min 1 s after it was asked to.")
    }

    @Test func theFirstStepSaysWhatComes() {
        var ladder = StopEscalation(timing: .init(secondInterrupt: .seconds(20), kill: .seconds(5)))
        let sentence = ladder.request(at: 0)?.sentence
        #expect(sentence?.hasSuffix("If it still runs in 20 s it is told again, 5 s later it is killed.") == true)
    }

    @Test func forceIsTheLastRungFromWhereverItIs() {
        var asked = StopEscalation()
        _ = asked.request(at: 0)
        #expect(asked.force(at: 10)?.rung == .kill)
        #expect(asked.nextAt == nil && asked.force(at: 20) == nil && asked.advance(to: .max) == nil)
        var untouched = StopEscalation()
        #expect(untouched.force(at: 5)?.rung == .kill)
        #expect(untouched.request(at: 6) == nil)
    }

    @Test func nothingToSayWhereNobodyAsked() { #expect(StopEscalation().ended(at: 5) == nil) }

    @Test func theJournalKeepsStepsOfThisBoot() throws {
        let scratch = try Scratch()
        let phase = PhaseFolder(path: scratch.path, name: "x")
        let journal = StopJournal(phase)
        #expect(journal.taken().isEmpty)
        try journal.note(.interrupt, at: 5)
        try OpenFile(phase.stop, .append).append(Array("kill 9 another-boot\n".utf8))
        try journal.note(.interruptAgain, at: 7)
        #expect(journal.taken().map(\.rung) == [.interrupt, .interruptAgain])
        #expect(journal.taken().map(\.at) == [5, 7])
        #expect(!journal.isClosed)
        try journal.close(at: 9)
        #expect(journal.isClosed && journal.taken().count == 2)
    }
}
