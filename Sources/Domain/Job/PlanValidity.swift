/// Whether a saved plan may still be applied. Asked when the page is drawn, when the DEPLOY is made, and by the
/// Tendril before it starts: a plan can go stale between any two of them.
public enum PlanValidity: Hashable, Sendable {
    case valid
    /// Not applicable, with the reason in a sentence.
    case stale(reason: String)

    public var reason: String? {
        if case .stale(let reason) = self { reason } else { nil }
    }

    /// What is known when the question is asked.
    public struct Facts: Hashable, Sendable {
        public var planType: JobType
        public var planStatus: JobStatus
        /// The configuration that was planned, and the vine's own now; nil where the vine is gone.
        public var plannedDigest: String
        public var currentDigest: String?
        /// The state that was planned against, and the newest one now; nil for none.
        public var plannedState: StatePosition?
        public var currentState: StatePosition?
        public var artifactStored: Bool
        /// A DEPLOY of the same plan that reached, or may reach, the engine.
        public var deploy: JobID?

        public init(
            planType: JobType, planStatus: JobStatus, plannedDigest: String, currentDigest: String?,
            plannedState: StatePosition?, currentState: StatePosition?, artifactStored: Bool, deploy: JobID?
        ) {
            self.planType = planType
            self.planStatus = planStatus
            self.plannedDigest = plannedDigest
            self.currentDigest = currentDigest
            self.plannedState = plannedState
            self.currentState = currentState
            self.artifactStored = artifactStored
            self.deploy = deploy
        }
    }

    public static func judge(_ facts: Facts) -> PlanValidity {
        guard facts.planType == .plan else {
            return .stale(reason: "Only a PLAN can be applied; this is a \(facts.planType.rawValue).")
        }
        guard facts.planStatus == .success else {
            return .stale(reason: "The plan is \(facts.planStatus.rawValue); only a SUCCESS can be applied.")
        }
        if let deploy = facts.deploy {
            return .stale(reason: "This plan was applied before, by job \(deploy.short). Plan again.")
        }
        guard let current = facts.currentDigest else {
            return .stale(reason: "The vine was deleted.")
        }
        guard current == facts.plannedDigest else {
            return .stale(reason: "The vine's configuration has changed since this plan. Plan again.")
        }
        guard facts.currentState == facts.plannedState else {
            return .stale(reason: "The state has moved \(moved(facts)) since this plan. Plan again.")
        }
        guard facts.artifactStored else {
            return .stale(reason: "The plan file is gone. Plan again.")
        }
        return .valid
    }

    private static func moved(_ facts: Facts) -> String {
        switch (facts.plannedState, facts.currentState) {
        case (let planned?, let current?) where planned.lineage == current.lineage:
            "from serial \(planned.serial) to \(current.serial)"
        case (nil, let current?): "from none to serial \(current.serial)"
        case (let planned?, nil): "from serial \(planned.serial) to none"
        default: "to another lineage"
        }
    }
}
