import Domain
import SystemCalls
import Testing

@testable import Tendril

@Suite struct StopEscalationTests {
    @Test func entersTheStagesByTime() {
        var escalation = StopEscalation()
        #expect(escalation.advance(to: 1_000_000) == nil && escalation.nextAt == nil)
        #expect(escalation.request(at: 1000)?.stage == .interrupt)
        #expect(escalation.nextAt == 301_000)
        #expect(escalation.advance(to: 300_999) == nil)
        let second = escalation.advance(to: 301_000)
        #expect(second?.stage == .interruptAgain)
        #expect(second?.message == "Terraform still running after 5 min; sent a second SIGINT.")
        #expect(escalation.nextAt == 361_000)
        #expect(escalation.advance(to: 360_999) == nil)
        #expect(escalation.advance(to: 400_000)?.stage == .kill)
        #expect(escalation.nextAt == nil && escalation.advance(to: .max) == nil)
        #expect(escalation.ended(at: 400_850) == "Terraform has stopped, 6 min 39 s after the request.")
    }

    @Test func repeatingTheRequestChangesNothing() {
        var escalation = StopEscalation()
        #expect(escalation.request(at: 0) != nil)
        for time: Int64 in [0, 1, 299_999, 300_000, 1_000_000] { #expect(escalation.request(at: time) == nil) }
        #expect(escalation.stage == .interrupt)
    }

    @Test func oneStageAtATimeHoweverLate() {
        var escalation = StopEscalation()
        _ = escalation.request(at: 0)
        #expect(escalation.advance(to: 10_000_000)?.stage == .interruptAgain)
        #expect(escalation.advance(to: 10_000_000) == nil)
    }

    @Test func continuesFromTheStageThatWasReached() {
        var escalation = StopEscalation(
            timing: .init(secondInterrupt: .seconds(10), kill: .seconds(5)), reached: [(.interrupt, 500)])
        #expect(escalation.request(at: 600) == nil)
        #expect(escalation.nextAt == 10_500)
        var later = StopEscalation(reached: [(.interrupt, 500), (.interruptAgain, 700)])
        #expect(later.request(at: 800) == nil)
        #expect(later.advance(to: 60_700)?.stage == .kill)
        #expect(later.ended(at: 61_500) == "Terraform has stopped, 1 min 1 s after the request.")
    }

    @Test func theFirstMessageNamesTheNextStages() {
        var escalation = StopEscalation(timing: .init(secondInterrupt: .seconds(20), kill: .seconds(5)))
        let message = escalation.request(at: 0)?.message
        #expect(message?.hasSuffix("If it still runs after 20 s a second SIGINT follows, 5 s later SIGKILL.") == true)
    }

    @Test func forceEntersTheLastStage() {
        var asked = StopEscalation()
        _ = asked.request(at: 0)
        #expect(asked.force(at: 10)?.stage == .kill)
        #expect(asked.nextAt == nil && asked.force(at: 20) == nil && asked.advance(to: .max) == nil)
        var untouched = StopEscalation()
        #expect(untouched.force(at: 5)?.stage == .kill)
        #expect(untouched.request(at: 6) == nil)
    }

    @Test func noMessageWithoutARequest() { #expect(StopEscalation().ended(at: 5) == nil) }

    @Test func theJournalKeepsTheStagesOfThisBoot() throws {
        let scratch = try Scratch()
        let phase = PhaseFolder(path: scratch.path, name: "x")
        let journal = StopJournal(phase)
        #expect(journal.reached().isEmpty)
        try journal.record(.interrupt, at: 5)
        try OpenFile(phase.stop, .append).append(Array("kill 9 another-boot\n".utf8))
        try journal.record(.interruptAgain, at: 7)
        #expect(journal.reached().map(\.stage) == [.interrupt, .interruptAgain])
        #expect(journal.reached().map(\.at) == [5, 7])
        #expect(!journal.isClosed)
        try journal.close(at: 9)
        #expect(journal.isClosed && journal.reached().count == 2)
    }
}
