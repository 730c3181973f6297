/// One command of the engine in a job's run, with its times on the Tendril's clock.
public struct JobPhase: Hashable, Codable, Sendable {
    /// `init`, `plan`, `show`, `apply`, `pull` or `pull-after`.
    public var name: String
    public var startedAt: Timestamp
    /// nil while the command runs.
    public var endedAt: Timestamp?

    public init(name: String, startedAt: Timestamp, endedAt: Timestamp? = nil) {
        self.name = name
        self.startedAt = startedAt
        self.endedAt = endedAt
    }

    /// The maximum number of phases that Trellis stores for one job.
    public static let maximumCount = 32
    /// The maximum length of a name.
    public static let nameBytes = 64

    /// The first phases of `phases`, with names of at most ``nameBytes`` bytes.
    public static func bounded(_ phases: [JobPhase]) -> [JobPhase] {
        phases.prefix(maximumCount).map { phase in
            JobPhase(
                name: phase.name.shortened(toBytes: nameBytes), startedAt: phase.startedAt, endedAt: phase.endedAt)
        }
    }
}
