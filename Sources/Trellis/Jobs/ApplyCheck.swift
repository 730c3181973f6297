internal import Domain
internal import Wire

/// What Apply and Re-run would do now; shown before the click.
struct ApplyCheck: Codable, Sendable {
    /// The plan may be applied.
    var valid: Bool
    /// Why it may not.
    var reason: String?
    var changes: PlannedChanges?
    /// What Re-run would make, in a sentence; nil while the job has not ended.
    var rerunNote: String?
}

extension JobService {
    func applyCheck(_ job: Job) async throws -> ApplyCheck {
        var check = ApplyCheck(valid: false, changes: PlannedChanges(metadata: job.metadata))
        if job.type == .plan {
            let validity = try await validity(of: job.id)
            check.valid = validity == .valid
            check.reason = validity.reason
        }
        if job.status.isTerminal { check.rerunNote = try await rerunPolicy(of: job).note }
        return check
    }
}

extension PlannedChanges {
    /// The counts in a job's metadata: `changes: {add, change, destroy}`.
    init?(metadata: JSONValue) {
        guard let changes = metadata["changes"], let add = changes["add"]?.integerValue,
            let change = changes["change"]?.integerValue, let destroy = changes["destroy"]?.integerValue
        else { return nil }
        self.init(add: Int(clamping: add), change: Int(clamping: change), destroy: Int(clamping: destroy))
    }
}
