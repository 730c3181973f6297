import Domain

/// One step of a job. Each may be repeated until it is recorded as done.
enum JobStep: String, Codable, CaseIterable, Sendable {
    /// Trellis acknowledges the start: before that nothing runs.
    case start
    case lock
    case fetchState
    /// Checks that the plan matches the state.
    case checkPlan = "judge"
    /// The working folder: sources or the saved plan's files, the state, the variables.
    case prepare
    case initialize = "initialise"
    /// Finds out which backend stores the state.
    case readBackend
    case pullBefore
    case plan
    case show
    case readPlan
    case packPlan
    case uploadPlan
    /// Confirms with Trellis once more before the first change.
    case confirm
    case apply
    /// All that a CONNECTION_TEST does.
    case testConnection

    // The following steps always run.
    case storeFinalState = "settleState"
    case pullAfter
    case collect
    case unlock
    case report
    case cleanUp

    /// The engine's phase that the step is.
    var phase: Phase? {
        switch self {
        case .initialize: .initialize
        case .pullBefore: .pullBefore
        case .plan: .plan
        case .show: .show
        case .apply: .apply
        case .pullAfter: .pullAfter
        default: nil
        }
    }
}

/// The steps of a job, in order, and which remain after a stop. Pure: depends only on the
/// progress, so a Tendril that was restarted decides as the one before would have.
enum JobSteps {
    static let cleanupSteps: [JobStep] = [.storeFinalState, .pullAfter, .collect, .unlock, .report, .cleanUp]

    static func steps(for type: JobType) -> [JobStep] {
        let work: [JobStep] =
            switch type {
            case .plan:
                [
                    .start, .lock, .fetchState, .prepare, .initialize, .readBackend, .pullBefore, .plan, .show,
                    .readPlan, .packPlan, .uploadPlan,
                ]
            case .deploy:
                [
                    .start, .lock, .fetchState, .checkPlan, .prepare, .initialize, .readBackend, .pullBefore, .confirm,
                    .apply,
                ]
            case .destroy:
                [
                    .start, .lock, .fetchState, .prepare, .initialize, .readBackend, .pullBefore, .plan, .show,
                    .readPlan, .confirm, .apply,
                ]
            case .connectionTest: [.start, .testConnection]
            }
        return work + cleanupSteps
    }

    /// The step to take now; nil when the job is done with.
    static func next(after progress: JobProgress) -> JobStep? {
        steps(for: progress.type).first { !progress.done.contains($0) && isDue($0, progress) }
    }

    private static func isDue(_ step: JobStep, _ progress: JobProgress) -> Bool {
        let applied = progress.mark(of: .apply)
        if let phase = step.phase, let mark = progress.mark(of: phase) {
            // Started phases are always awaited.
            return mark.end == nil
        }
        switch step {
        case .storeFinalState: return applied != nil && progress.backend == nil
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

    /// Resets steps that a resumed job must repeat.
    static func resumed(_ progress: JobProgress) -> JobProgress {
        var progress = progress
        if progress.mark(of: .apply) == nil { progress.done.remove(.confirm) }
        return progress
    }
}
