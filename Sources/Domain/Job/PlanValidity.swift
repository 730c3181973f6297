/// Whether a saved plan may still be applied. Checked when the page is rendered, when the DEPLOY is created, and by the
/// Tendril before it starts: a plan can go stale between any two of them.
public enum PlanValidity: Hashable, Sendable {
    case valid
    case stale(Staleness)

    /// Why a plan may not be applied, and what to do about it.
    public struct Staleness: Hashable, Sendable {
        /// In a sentence.
        public var reason: String
        /// nil if no plan of the vine could be applied.
        public var remedy: Remedy?
        /// The DEPLOY that applied it, if that is the reason.
        public var deploy: JobID?
        /// The vine or its state changed after the plan.
        public var isOutdated: Bool
    }

    /// How to get a valid plan.
    public enum Remedy: String, CaseIterable, Codable, Sendable {
        /// The same configuration planned again.
        case rerun = "RERUN"
        /// The vine planned as it is now: the same configuration would be refused again.
        case planVine = "PLAN_VINE"
    }

    public var staleness: Staleness? {
        if case .stale(let staleness) = self { staleness } else { nil }
    }

    /// The reason, with advice, for text-only clients.
    public var reason: String? {
        staleness.map { $0.remedy == nil ? $0.reason : "\($0.reason) Create a new plan." }
    }

    /// The facts that decide.
    public struct Facts: Hashable, Sendable {
        public var planType: JobType
        public var planStatus: JobStatus
        /// The configuration that was planned, and the vine's own now; nil if the vine is gone.
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

    public static func evaluate(_ facts: Facts) -> PlanValidity {
        guard let reason = obstacle(facts) else { return .valid }
        let remedy: Remedy? =
            switch facts.currentDigest {
            case nil: nil
            case facts.plannedDigest: .rerun
            default: .planVine
            }
        return .stale(
            Staleness(reason: reason, remedy: remedy, deploy: facts.deploy, isOutdated: isOutdated(facts)))
    }

    private static func isOutdated(_ facts: Facts) -> Bool {
        guard facts.planType == .plan, facts.planStatus == .success, facts.deploy == nil,
            let digest = facts.currentDigest
        else { return false }
        return digest != facts.plannedDigest || facts.currentState != facts.plannedState
    }

    private static func obstacle(_ facts: Facts) -> String? {
        if facts.planType != .plan {
            "Only a PLAN can be applied; this is a \(facts.planType.rawValue)."
        } else if facts.planStatus != .success {
            "The plan is \(facts.planStatus.rawValue); only a successful plan can be applied."
        } else if let deploy = facts.deploy {
            "Already applied by job \(deploy.short)."
        } else if facts.currentDigest == nil {
            "The vine was deleted."
        } else if facts.currentDigest != facts.plannedDigest {
            "The vine changed after this plan."
        } else if facts.currentState != facts.plannedState {
            "The state moved \(moved(facts)) after this plan."
        } else if !facts.artifactStored {
            "The plan file no longer exists."
        } else {
            nil
        }
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
