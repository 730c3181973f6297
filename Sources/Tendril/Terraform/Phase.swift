import Domain

/// The engine's commands that a job runs, each at most once.
enum Phase: String, Codable, CaseIterable, Sendable {
    case initialise = "init"
    /// The state of a backend of the source's own, before anything is changed.
    case pullBefore = "pull"
    case plan
    case show
    case apply
    /// The same afterwards.
    case pullAfter = "pull-after"

    /// How people call the command.
    var command: String {
        switch self {
        case .pullBefore, .pullAfter: "state pull"
        case .show: "show -json"
        case .initialise, .plan, .apply: rawValue
        }
    }

    /// True where it can change what the vine stands for.
    var changesInfrastructure: Bool { self == .apply }

    /// The command line of the phase in a job of `type`. Paths are absolute; `variables` is nil for none.
    func arguments(in type: JobType, plan: String, variables: String?) -> [String] {
        switch self {
        case .initialise: ["init", "-input=false"] + (type == .deploy ? ["-lockfile=readonly"] : [])
        case .pullBefore, .pullAfter: ["state", "pull"]
        case .plan:
            ["plan", "-input=false", "-out=\(plan)"] + (type == .destroy ? ["-destroy"] : [])
                + (variables.map { ["-var-file=\($0)"] } ?? [])
        case .show: ["show", "-json", plan]
        case .apply: ["apply", "-input=false", plan]
        }
    }
}
