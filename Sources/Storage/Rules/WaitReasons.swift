package import Domain

/// Says what a queued job waits for, from what the store knows.
package enum WaitReasons {
    package struct Candidate: Sendable {
        package var agent: Tendril
        /// Slots in use.
        package var busy: Int

        package init(agent: Tendril, busy: Int) {
            self.agent = agent
            self.busy = busy
        }

        package var hasFreeSlot: Bool { busy < agent.offer.slots }
    }

    /// - Parameters:
    ///   - vineyard: the job's.
    ///   - holder: another job that works on the vine.
    ///   - lock: the vine's lock.
    package static func evaluate(
        assigned: TendrilID?, requirement: EngineRequirement, vineyard: VineyardID = Vineyard.defaultID,
        holder: JobID?, lock: StateLock?, tendrils: [Candidate], at now: Timestamp
    ) -> WaitReason {
        if let holder { return .job(holder) }
        if let lock { return .lock(id: lock.id, holder: lock.holder, job: lock.job) }
        if let assigned {
            guard let candidate = tendrils.first(where: { $0.agent.id == assigned }) else {
                return .noTendril(reason: "The assigned Tendril no longer exists.")
            }
            guard candidate.agent.serves(vineyard) else {
                return .tendril(assigned, name: candidate.agent.name, reason: "does not run jobs of this vineyard")
            }
            let reason = obstacle(candidate, requirement, at: now)
            return reason.map { .tendril(assigned, name: candidate.agent.name, reason: $0) } ?? .nothing
        }
        let online = tendrils.filter { $0.agent.status(at: now) == .online }
        guard !online.isEmpty else { return .noTendril(reason: "No Tendril is ONLINE.") }
        let serving = online.filter { $0.agent.serves(vineyard) }
        guard !serving.isEmpty else { return .noTendril(reason: "No ONLINE Tendril runs jobs of this vineyard.") }
        let able = serving.filter { $0.agent.offer.meets(requirement) }
        guard !able.isEmpty else {
            return .noTendril(reason: "No ONLINE Tendril has \(wanted(requirement)).")
        }
        return able.contains(where: \.hasFreeSlot) ? .nothing : .slot
    }

    private static func obstacle(
        _ candidate: Candidate, _ requirement: EngineRequirement, at now: Timestamp
    ) -> String? {
        let status = candidate.agent.status(at: now)
        guard status == .online else { return "is \(status.rawValue)" }
        return candidate.agent.offer.missingCapability(for: requirement) ?? (candidate.hasFreeSlot ? nil : "is busy")
    }

    /// The requirement in words: `tofu 1.9.0 for linux_amd64 under /srv/runs`.
    private static func wanted(_ requirement: EngineRequirement) -> String {
        var words = requirement.name?.rawValue ?? "an engine"
        if let version = requirement.version { words += " \(version)" }
        if let platform = requirement.platform { words += " for \(platform)" }
        if let runRoot = requirement.runRoot { words += " under \(runRoot)" }
        return words
    }
}
