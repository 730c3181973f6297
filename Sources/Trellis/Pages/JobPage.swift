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
    /// The first changes, if the page opens on them.
    var plan: PlanChangesResponse?
    var access: Access

    /// What the reader may do with the job, and why not with the rest.
    struct Access: Encodable {
        var rights: [String]
        /// A sentence for each permission that a button of the page needs, and that is missing.
        var missing: [String: String] = [:]

        private static let buttons: [Permission] = [.jobsPlan, .jobsApply, .jobsCancel, .jobsForce, .locksBreak]

        init(_ rights: Rights, on place: AccessPlace, _ check: RightsCheck) async throws {
            self.rights = rights.names(on: place)
            for permission in Self.buttons {
                guard case .denied(let denial) = rights.decide(permission, on: place) else { continue }
                missing[permission.rawValue] = try await check.sentence(denial, at: place)
            }
        }
    }
}

extension JobPage {
    /// The views beside the log, by the name that `?view=` and their scripts' folder have.
    enum View: String {
        case changes, resources
    }

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
