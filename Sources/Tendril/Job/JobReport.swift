import Domain

/// The final report of a job. Pure.
struct JobReport: Hashable, Sendable {
    /// nil if the status is already decided (a cancel).
    var status: JobStatus?
    var engineState: EngineState
    var outcome: Outcome
    var errorMessage: String?

    /// `engineSaid` is the engine's own error message, masked, and `diagnostic` its parts.
    /// `unfinished` is what the engine began and did not finish.
    static func of(
        _ progress: JobProgress, engineSaid: String?, diagnostic: Diagnostic? = nil, unfinished: [String] = []
    ) -> JobReport {
        let facts = Facts(progress)
        var outcome = Outcome(result: .failed, summary: "")
        outcome.phase = facts.last?.phase.rawValue
        outcome.exitCode = facts.last?.end?.code
        outcome.signal = facts.last?.end?.signal
        outcome.serialBefore = progress.stateBefore?.serial
        outcome.serialAfter = facts.serialAfter
        outcome.lockReleased = progress.lockReleased
        // If the engine exited by itself, its own error message is used.
        if facts.last?.phase == .apply, progress.isCancelled || facts.last?.end?.code == nil, !unfinished.isEmpty {
            outcome.unfinished = unfinished
        }
        var verdict = JobReport(status: .failed, engineState: .gone, outcome: outcome, errorMessage: nil)

        if facts.last?.isUnknown == true {
            verdict.engineState = .unknown
            verdict.outcome.result = .unknown
            verdict.outcome.summary =
                "The exit status of \(facts.command) is unknown: the machine or the supervisor went down. "
                + "Its last actions are unknown; \(facts.state)."
        } else if progress.isCancelled {
            verdict.outcome.result = facts.isComplete ? .succeeded : .interrupted
            verdict.outcome.summary = facts.cancelled
        } else if facts.isComplete && progress.failure == nil {
            verdict.status = .success
            verdict.outcome.result = .succeeded
            verdict.outcome.summary = facts.succeeded
        } else if let failed = progress.failedPhase {
            verdict.outcome.summary = "\(facts.command) \(facts.ended(failed)); \(facts.state)."
            verdict.errorMessage = engineSaid
            verdict.outcome.diagnostic = diagnostic
        } else {
            verdict.outcome.summary =
                progress.failure ?? progress.leaseLost.map { "The lease was lost: \($0)" } ?? "The job did not finish."
        }
        if let named = verdict.outcome.unfinished { verdict.outcome.summary += " \(Self.sentence(named))" }
        // Don't lose our own failure, whatever the engine reported.
        if let failure = progress.failure, verdict.outcome.summary != failure {
            verdict.outcome.summary += " \(failure)"
        }
        if verdict.status == .failed { verdict.errorMessage = verdict.errorMessage ?? verdict.outcome.summary }
        if progress.isCancelled {
            // A cancel is not an error; see the outcome.
            verdict.status = nil
            verdict.errorMessage = nil
        }
        return verdict
    }

    private static func sentence(_ unfinished: [String]) -> String {
        let shown = unfinished.prefix(3).joined(separator: ", ")
        let more = unfinished.count > 3 ? " and \(unfinished.count - 3) more" : ""
        return "Left unfinished: \(shown)\(more)."
    }

    private struct Facts {
        let progress: JobProgress
        /// The last phase that counts.
        let last: PhaseMark?

        init(_ progress: JobProgress) {
            self.progress = progress
            let marks = progress.phases.filter { $0.phase != .pullAfter }
            last = progress.failedPhase ?? marks.last
        }

        var engine: String { progress.engine?.engine.name.rawValue ?? "the engine" }

        var command: String { last.map { "\(engine) \($0.phase.displayName)" } ?? engine }

        /// The job succeeded.
        var isComplete: Bool {
            switch progress.type {
            case .plan: progress.done.contains(.uploadPlan)
            case .deploy, .destroy: progress.mark(of: .apply)?.succeeded == true
            case .connectionTest: progress.done.contains(.testConnection)
            }
        }

        func ended(_ mark: PhaseMark) -> String {
            if let code = mark.end?.code { return "ended with exit status \(code)" }
            if let signal = mark.end?.signal { return "was killed by signal \(signal)" }
            return "ended"
        }

        /// nil if an apply began on a backend that could not be asked afterwards.
        var serialAfter: Int64? {
            let isUnchanged = progress.backend == nil || progress.mark(of: .apply) == nil
            return (progress.stateAfter ?? (isUnchanged ? progress.stateBefore : nil))?.serial
        }

        /// The state of the state file, without a period.
        var state: String {
            guard progress.mark(of: .apply) != nil else { return "nothing was applied" }
            if let backend = progress.backend, progress.stateAfter == nil { return "the state is stored in \(backend)" }
            switch (progress.stateBefore, progress.stateAfter) {
            case (let before?, let after?) where before.serial != after.serial:
                return "the state changed from serial \(before.serial) to \(after.serial)"
            case (let before?, _): return "the state is unchanged, serial \(before.serial)"
            case (nil, let after?): return "the state was written, serial \(after.serial)"
            case (nil, nil): return "no state was written"
            }
        }

        var succeeded: String {
            if progress.type == .connectionTest { return "\(progress.connection ?? "Connected")." }
            if progress.type == .plan {
                return progress.changes.map { "Saved plan: \($0.sentence)." } ?? "The plan is saved."
            }
            let what = progress.type == .destroy ? "Destroyed" : "Applied"
            return "\(what); \(state)."
        }

        var cancelled: String {
            if progress.type == .connectionTest { return "Cancelled." }
            guard let last else { return "Cancelled before \(engine) started; nothing was changed." }
            if isComplete {
                let what = progress.type == .plan ? "The plan was saved" : "\(engine) apply had already finished"
                return "\(what); the cancel was too late. " + (progress.type == .plan ? "" : "After it, \(state).")
            }
            return last.succeeded
                ? "Cancelled after \(command); \(state)."
                : "\(command) was interrupted and \(ended(last)); \(state)."
        }
    }
}
