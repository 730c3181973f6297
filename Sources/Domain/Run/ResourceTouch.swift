/// The last change of one of a vine's resources.
public struct ResourceTouch: Hashable, Sendable {
    public var job: JobID
    /// What the job did, or tried to do.
    public var action: PlanAction
    public var hasFailed: Bool
    public var at: Timestamp?

    public init(job: JobID, action: PlanAction, hasFailed: Bool, at: Timestamp?) {
        self.job = job
        self.action = action
        self.hasFailed = hasFailed
        self.at = at
    }

    /// nil if `resource` is not changed, or not yet.
    public init?(_ resource: RunResource, by job: JobID) {
        switch resource.action {
        case .noOp, .read, .move, .forget: return nil
        case .create, .update, .delete, .replaceDeleteFirst, .replaceCreateFirst, .import: break
        }
        guard resource.state == .done || resource.state == .failed else { return nil }
        self.init(
            job: job, action: resource.action, hasFailed: resource.state == .failed,
            at: resource.endedAt ?? resource.startedAt)
    }

    /// The resource is gone.
    public var isGone: Bool { action == .delete && !hasFailed }
}
