import Domain

/// One step of a job. Each may be repeated until it is recorded as done.
enum JobStep: String, Codable, CaseIterable, Sendable {
    /// Trellis acknowledges the start: before that nothing runs.
    case start
    case lock
    case fetchState
    /// Is the plan still good for the state?
    case judge
    /// The working folder: sources or the saved plan's files, the state, the variables.
    case prepare
    case initialise
    /// Who keeps the state?
    case readBackend
    case pullBefore
    case plan
    case show
    case readPlan
    case packPlan
    case uploadPlan
    /// Trellis still wants the job, and this Tendril still has it: asked once more before anything is changed.
    case confirm
    case apply

    // From here on: whatever happened before, this is done.
    case settleState
    case pullAfter
    case collect
    case unlock
    case report
    case cleanUp

    /// The engine's phase that the step is.
    var phase: Phase? {
        switch self {
        case .initialise: .initialise
        case .pullBefore: .pullBefore
        case .plan: .plan
        case .show: .show
        case .apply: .apply
        case .pullAfter: .pullAfter
        default: nil
        }
    }
}

/// What a job does, in which order, and what is left of it once it is stopped. Pure: it looks at nothing but the
/// progress, so a Tendril that was restarted decides as the one before would have.
enum JobSteps {
    static let windDown: [JobStep] = [.settleState, .pullAfter, .collect, .unlock, .report, .cleanUp]

    static func steps(for type: JobType) -> [JobStep] {
        let work: [JobStep] =
            switch type {
            case .plan:
                [
                    .start, .lock, .fetchState, .prepare, .initialise, .readBackend, .pullBefore, .plan, .show,
                    .readPlan, .packPlan, .uploadPlan,
                ]
            case .deploy:
                [
                    .start, .lock, .fetchState, .judge, .prepare, .initialise, .readBackend, .pullBefore, .confirm,
                    .apply,
                ]
            case .destroy:
                [
                    .start, .lock, .fetchState, .prepare, .initialise, .readBackend, .pullBefore, .plan, .show,
                    .readPlan, .confirm, .apply,
                ]
            }
        return work + windDown
    }

    /// The step to take now; nil when the job is done with.
    static func next(after progress: JobProgress) -> JobStep? {
        steps(for: progress.type).first { !progress.done.contains($0) && isDue($0, progress) }
    }

    private static func isDue(_ step: JobStep, _ progress: JobProgress) -> Bool {
        let applied = progress.mark(of: .apply)
        if let phase = step.phase, let mark = progress.mark(of: phase) {
            // Begun: its end is waited for, whatever else has happened.
            return mark.end == nil
        }
        switch step {
        case .settleState: return applied != nil && progress.backend == nil
        case .pullAfter:
            guard let applied, progress.backend != nil else { return false }
            return !progress.isCancelled && progress.leaseLost == nil && !applied.isUnknown
        case .collect, .report: return progress.done.contains(.start)
        case .unlock: return progress.mayHoldLock
        case .cleanUp: return true
        case .pullBefore: return !progress.isStopped && progress.backend != nil
        default: return !progress.isStopped
        }
    }

    /// What a Tendril that takes the job up again must ask anew.
    static func resumed(_ progress: JobProgress) -> JobProgress {
        var progress = progress
        if progress.mark(of: .apply) == nil { progress.done.remove(.confirm) }
        return progress
    }
}
