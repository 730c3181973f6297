internal import Domain
internal import Wire

/// The initial data of the job page.
struct JobPage: Encodable {
    struct VineBrief: Encodable {
        var id: VineID
        var title: String
        var projectName: String
        var environmentStage: String

        init(_ job: Job) {
            let settings = job.snapshot.settings
            id = job.vine
            projectName = settings.projectName
            environmentStage = settings.environmentStage
            title = settings.title
        }
    }

    var job: JobResponse
    var vine: VineBrief
    var apply: ApplyCheckResponse
    /// The log's last lines, so that the page shows them without asking.
    var log: LineWindowResponse
}

extension JobPage {
    /// What the template shows before any script runs.
    var fields: [String: Any] {
        var fields: [String: Any] = [
            "id": job.id.rawValue, "short_id": job.id.short, "type": job.jobType.rawValue,
            "status": job.status.rawValue, "vine_id": vine.id.rawValue, "project_name": vine.projectName,
            "environment_stage": vine.environmentStage, "worker": job.workerName ?? "Any available",
            "created_at": job.createdAt.description, "created_by": job.createdBy,
            "title": "\(job.jobType.rawValue) \(job.id.short)",
        ]
        if let plan = job.planJobId {
            fields["plan_id"] = plan.rawValue
            fields["plan_short"] = plan.short
        }
        return fields
    }
}
