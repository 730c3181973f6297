internal import Domain
internal import Storage
internal import Wire

extension JobService {
    func applyCheck(_ job: Job) async throws -> ApplyCheckResponse {
        var check = ApplyCheckResponse(valid: false, changes: job.changes)
        let facts = try await planFacts(of: job.id)
        if job.type == .plan {
            let validity = PlanValidity.evaluate(facts)
            check.valid = validity == .valid
            check.reason = validity.staleness?.reason
            check.outdated = validity.staleness?.isOutdated
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
