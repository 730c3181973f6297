import Domain
import Testing
import Wire

@testable import Tendril

@Suite struct JobStepsTests {
    /// They are in the job's folder, which a newer Tendril must understand.
    @Test func theRecordedNamesOfStepsStay() {
        #expect(
            JobStep.allCases.map(\.rawValue) == [
                "start", "lock", "fetchState", "judge", "prepare", "initialise", "readBackend", "pullBefore", "plan",
                "show", "readPlan", "packPlan", "uploadPlan", "confirm", "apply", "testConnection", "settleState",
                "pullAfter",
                "collect", "unlock", "report", "cleanUp",
            ])
    }

    private func progress(_ type: JobType) -> JobProgress {
        JobProgress(Fixtures.order(type))
    }

    /// Takes every step until the end, `change` before each; returns them.
    private func walk(_ progress: JobProgress, _ change: (JobStep, inout JobProgress) -> Void = { _, _ in })
        -> [JobStep]
    {
        var progress = progress
        var taken: [JobStep] = []
        while let step = JobSteps.next(after: progress), taken.count < 50 {
            taken.append(step)
            if let phase = step.phase {
                progress.phases.removeAll { $0.phase == phase }
                progress.phases.append(
                    PhaseMark(
                        phase: phase, begunAt: Timestamp(milliseconds: 0),
                        end: .init(.exited(code: 0), at: Timestamp(milliseconds: 1))))
            }
            if step == .lock { progress.mayHoldLock = true }
            progress.done.insert(step)
            change(step, &progress)
        }
        return taken
    }

    @Test func planTakesItsSteps() {
        #expect(
            walk(progress(.plan)) == [
                .start, .lock, .fetchState, .prepare, .initialize, .readBackend, .plan, .show, .readPlan, .packPlan,
                .uploadPlan, .collect, .unlock, .report, .cleanUp,
            ])
    }

    @Test func deployAppliesWithoutPlanning() {
        #expect(
            walk(progress(.deploy)) == [
                .start, .lock, .fetchState, .checkPlan, .prepare, .initialize, .readBackend, .confirm, .apply,
                .storeFinalState,
                .collect, .unlock, .report, .cleanUp,
            ])
    }

    @Test func destroyPlansAndApplies() {
        #expect(
            walk(progress(.destroy)) == [
                .start, .lock, .fetchState, .prepare, .initialize, .readBackend, .plan, .show, .readPlan, .confirm,
                .apply, .storeFinalState, .collect, .unlock, .report, .cleanUp,
            ])
    }

    @Test func anotherBackendIsPulledBeforeAndAfter() {
        let taken = walk(progress(.deploy)) { step, progress in if step == .readBackend { progress.backend = "s3" } }
        #expect(taken.contains(.pullBefore))
        #expect(taken.contains(.pullAfter))
        #expect(!taken.contains(.storeFinalState))
    }

    @Test(arguments: [JobType.plan, .deploy, .destroy])
    func afterACancelNoPhaseBegins(type: JobType) {
        for cancelled in JobSteps.steps(for: type).prefix(while: { !JobSteps.cleanupSteps.contains($0) }) {
            var before: [JobStep] = []
            let taken = walk(progress(type)) { step, progress in
                if step == cancelled { progress.isCancelled = true }
            }
            before = Array(taken.drop { $0 != cancelled }.dropFirst())
            #expect(before.allSatisfy { JobSteps.cleanupSteps.contains($0) }, "after \(cancelled): \(before)")
            #expect(before.contains(.storeFinalState) == (cancelled == .apply))
            if taken.contains(cancelled) {
                #expect(before.contains(.report), "after \(cancelled)")
                #expect(before.contains(.unlock) == taken.contains(.lock))
            }
        }
    }

    @Test func whatWasNeverStartedIsNotReported() {
        var progress = progress(.plan)
        progress.isCancelled = true
        #expect(walk(progress) == [.cleanUp])
    }

    @Test func aPhaseThatBeganIsAlwaysWaitedFor() {
        var progress = progress(.destroy)
        progress.done = [.start, .lock, .fetchState, .prepare, .initialize, .readBackend, .plan, .show, .readPlan]
        progress.phases = [PhaseMark(phase: .apply, begunAt: Timestamp(milliseconds: 0))]
        progress.isCancelled = true
        progress.leaseLost = "gone"
        #expect(JobSteps.next(after: progress) == .apply)
    }

    @Test func aFailedPhaseEndsTheWork() {
        let taken = walk(progress(.deploy)) { step, progress in
            if step == .initialize {
                progress.phases = [
                    PhaseMark(
                        phase: .initialize, begunAt: Timestamp(milliseconds: 0),
                        end: .init(.exited(code: 1), at: Timestamp(milliseconds: 1)))
                ]
            }
        }
        #expect(Array(taken.drop { $0 != .initialize }) == [.initialize, .collect, .unlock, .report, .cleanUp])
    }

    @Test func aRestartAsksAgainBeforeApplying() {
        var progress = progress(.deploy)
        progress.done = [.start, .lock, .fetchState, .checkPlan, .prepare, .initialize, .readBackend, .confirm]
        #expect(JobSteps.next(after: progress) == .apply)
        #expect(JobSteps.next(after: JobSteps.resumed(progress)) == .confirm)
        progress.phases = [PhaseMark(phase: .apply, begunAt: Timestamp(milliseconds: 0))]
        #expect(JobSteps.next(after: JobSteps.resumed(progress)) == .apply)
    }
}

@Suite struct JobReportTests {
    private func progress(_ type: JobType, _ ends: [(Phase, PhaseEnd?)], done: Set<JobStep> = []) -> JobProgress {
        var progress = JobProgress(Fixtures.order(type))
        progress.done = done
        progress.phases = ends.map { phase, end in
            PhaseMark(
                phase: phase, begunAt: Timestamp(milliseconds: 0),
                end: end.map { .init($0, at: Timestamp(milliseconds: 5)) })
        }
        return progress
    }

    private let ok = PhaseEnd.exited(code: 0)

    @Test func aStoredPlanIsASuccess() {
        var plan = progress(.plan, [(.initialize, ok), (.plan, ok), (.show, ok)], done: [.uploadPlan])
        plan.changes = PlannedChanges(add: 3, change: 0, destroy: 0)
        let verdict = JobReport.of(plan, engineSaid: nil)
        #expect(verdict.status == .success)
        #expect(verdict.engineState == .gone)
        #expect(verdict.outcome.result == .succeeded)
        #expect(verdict.outcome.summary == "Saved plan: 3 to add, 0 to change, 0 to destroy.")
        #expect(verdict.errorMessage == nil)
    }

    @Test func unstoredPlanIsFailure() {
        var plan = progress(.plan, [(.initialize, ok), (.plan, ok), (.show, ok)])
        plan.failure = "The plan could not be stored: full."
        let verdict = JobReport.of(plan, engineSaid: nil)
        #expect(verdict.status == .failed)
        #expect(verdict.errorMessage == "The plan could not be stored: full.")
    }

    @Test func failedApplyUsesEngineMessage() {
        var apply = progress(.deploy, [(.initialize, ok), (.apply, .exited(code: 1))])
        apply.stateBefore = StatePosition(lineage: "l", serial: 3)
        apply.stateAfter = StatePosition(lineage: "l", serial: 5)
        apply.lockReleased = true
        let diagnostic = Diagnostic(summary: "no such bucket", file: "s3.tf", line: 12)
        let verdict = JobReport.of(apply, engineSaid: "Error: no such bucket", diagnostic: diagnostic)
        #expect(verdict.outcome.diagnostic == diagnostic)
        #expect(verdict.status == .failed)
        #expect(verdict.errorMessage == "Error: no such bucket")
        #expect(verdict.outcome.phase == "apply")
        #expect(verdict.outcome.exitCode == 1)
        #expect(verdict.outcome.serialBefore == 3)
        #expect(verdict.outcome.serialAfter == 5)
        #expect(verdict.outcome.lockReleased == true)
        #expect(verdict.outcome.summary.contains("from serial 3 to 5"))
        #expect(JobReport.of(apply, engineSaid: nil).errorMessage?.contains("exit status 1") == true)
    }

    @Test func anApplyThatFinishedBeforeItsCancelSaysSo() {
        var apply = progress(.deploy, [(.initialize, ok), (.apply, ok)])
        apply.isCancelled = true
        let verdict = JobReport.of(apply, engineSaid: nil)
        #expect(verdict.status == nil)
        #expect(verdict.outcome.result == .succeeded)
        #expect(verdict.outcome.summary.contains("the cancel was too late"))
    }

    @Test func aCancelInAnyOtherPlaceInterrupts() {
        let cases: [[(Phase, PhaseEnd?)]] = [
            [], [(.initialize, .exited(code: 1))], [(.initialize, ok), (.plan, .signaled(9))],
            [(.initialize, ok), (.plan, ok)],
        ]
        for ends in cases {
            var plan = progress(.plan, ends)
            plan.isCancelled = true
            let verdict = JobReport.of(plan, engineSaid: "Error: execution halted")
            #expect(verdict.status == nil)
            #expect(verdict.outcome.result == .interrupted)
            #expect(verdict.outcome.summary.contains("nothing was"))
        }
    }

    @Test func missingExitStatusIsUnknown() {
        for isCancelled in [false, true] {
            var apply = progress(.deploy, [(.initialize, ok), (.apply, .unknown)])
            apply.isCancelled = isCancelled
            let verdict = JobReport.of(apply, engineSaid: nil)
            #expect(verdict.engineState == .unknown)
            #expect(verdict.outcome.result == .unknown)
            #expect(verdict.status == (isCancelled ? nil : .failed))
        }
    }

    @Test func whatIsNotKnownOfAnotherBackendIsNotSaid() {
        var apply = progress(.deploy, [(.initialize, ok), (.apply, .exited(code: 1))])
        apply.backend = "s3"
        apply.stateBefore = StatePosition(lineage: "l", serial: 3)
        let verdict = JobReport.of(apply, engineSaid: nil)
        #expect(verdict.outcome.serialAfter == nil)
        #expect(verdict.outcome.summary.contains("stored in s3"))
    }

    @Test func anAppliedStateThatCouldNotBeStoredIsNoSuccess() {
        var apply = progress(.deploy, [(.initialize, ok), (.apply, ok)])
        apply.failure = "The state could not be stored."
        let verdict = JobReport.of(apply, engineSaid: nil)
        #expect(verdict.status == .failed)
        #expect(verdict.errorMessage == "The state could not be stored.")
    }
}
