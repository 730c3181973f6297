import Domain

/// The engine's commands that a job runs, each at most once.
enum Phase: String, Codable, CaseIterable, Sendable {
    case initialize = "init"
    /// The state of the source's own backend, before any change.
    case pullBefore = "pull"
    case plan
    case show
    case apply
    /// The same afterwards.
    case pullAfter = "pull-after"

    /// The command's display name.
    var displayName: String {
        switch self {
        case .pullBefore, .pullAfter: "state pull"
        case .show: "show -json"
        case .initialize, .plan, .apply: rawValue
        }
    }

    /// The command line of the phase in a job of `type`. Paths are absolute; `variables` is nil for none, and for an
    /// apply names what is not saved in the plan.
    func arguments(
        in type: JobType, plan: String, variables: String?, options: RunOptions = RunOptions()
    ) -> [String] {
        let parallelism = options.parallelism.map { ["-parallelism=\($0)"] } ?? []
        let variables = variables.map { ["-var-file=\($0)"] } ?? []
        switch self {
        case .initialize: return ["init", "-input=false"] + (type == .deploy ? ["-lockfile=readonly"] : [])
        case .pullBefore, .pullAfter: return ["state", "pull"]
        case .plan:
            // Each option is one argument with its value in it, so no value can be taken for an option.
            return ["plan", "-input=false", "-out=\(plan)"] + (type == .destroy ? ["-destroy"] : []) + variables
                + options.targets.map { "-target=\($0)" } + options.replace.map { "-replace=\($0)" }
                + (options.refreshOnly ? ["-refresh-only"] : []) + parallelism
        case .show: return ["show", "-json", plan]
        case .apply: return ["apply", "-input=false"] + variables + parallelism + [plan]
        }
    }
}
