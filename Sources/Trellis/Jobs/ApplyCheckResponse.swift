internal import Domain
internal import Storage
internal import Wire

/// What Apply and Re-run would do now; shown before the click.
struct ApplyCheckResponse: Codable, Sendable {
    /// The plan may be applied.
    var valid: Bool
    /// Why it may not.
    var reason: String?
    /// How to come to a plan that may be applied; nil where it may, and where none could.
    var remedy: PlanValidity.Remedy?
    /// The DEPLOY that applied this plan.
    var deployId: JobID?
    /// The serial of the state that was planned against; nil for none.
    var stateSerial: Int64?
    var changes: PlannedChanges?
    /// What Re-run would make, and in a sentence; nil while the job has not ended.
    var rerun: JobType?
    var rerunNote: String?
    /// The vine was deleted: there is nothing to apply or run again.
    var vineDeleted: Bool?
    /// The vine's configuration is no longer the job's: a re-run and a plan of the vine would differ.
    var vineChanged: Bool?
}

extension JobService {
    func applyCheck(_ job: Job) async throws -> ApplyCheckResponse {
        var check = ApplyCheckResponse(valid: false, changes: job.changes)
        let facts = try await planFacts(of: job.id)
        if job.type == .plan {
            let validity = PlanValidity.evaluate(facts)
            check.valid = validity == .valid
            check.reason = validity.staleness?.reason
            check.remedy = validity.staleness?.remedy
            check.deployId = facts.deploy
            check.stateSerial = facts.plannedState?.serial
        }
        if try await store.vine(job.vine) == nil {
            check.vineDeleted = true
            check.rerunNote = Self.deletedVine
        } else if job.status.isTerminal {
            let policy = try await rerunPolicy(of: job)
            check.rerun = policy.type
            check.rerunNote = policy.note
            check.vineChanged = facts.currentDigest.map { $0 != facts.plannedDigest }
            if case .deploy(let plan) = policy {
                check.changes = try await find(plan).changes
            }
        }
        return check
    }
}
