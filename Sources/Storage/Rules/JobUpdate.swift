package import Domain

/// Applies events and facts to a job: the rules of ``JobStore/change(_:_:facts:at:)`` without the database.
package struct JobUpdate: Sendable {
    package private(set) var record: JobRow
    package private(set) var actions: [JobLifecycle.Action] = []
    /// Lines for the log, in order.
    package private(set) var systemLines: [String] = []
    /// False if nothing changed.
    package private(set) var isChange = false

    /// The job and its engine had ended before: what its last holder says now may add, and not contradict.
    private let hadEnded: Bool

    package init(of record: JobRow) {
        self.record = record
        hadEnded = record.state.status.isTerminal && !record.state.engine.holdsVine
    }

    /// Applies `events`. `artifactStored` is the value inside the commit.
    package mutating func apply(_ events: [JobEvent], artifactStored: Bool, at now: Timestamp) throws(Refusal) {
        for event in events {
            var event = event
            if case .succeed(let epoch, _) = event { event = .succeed(epoch: epoch, artifactStored: artifactStored) }
            let transition = try JobLifecycle.decide(event, on: record.state, type: record.type)
            if transition.isChange {
                setTimes(from: record.state.status, to: transition.state.status, at: now)
                if transition.state.isForced, !record.state.isForced { record.forcedAt = now }
                if case .giveUp = event { record.givenUpAt = now }
                record.state = transition.state
                isChange = true
            }
            if transition.action != .none { actions.append(transition.action) }
            if let note = transition.systemLine { systemLines.append(note) }
        }
    }

    /// Adds what is new in `facts`. If no event changed anything, this is a repeated report: it fills what
    /// is empty, and rewrites nothing. `metadata` says whether the facts' metadata is new.
    package mutating func add(_ facts: JobFields, metadata isNewMetadata: Bool, repeated: Bool) {
        let before = record
        record.cancelledBy = record.cancelledBy ?? facts.cancelledBy
        record.resolvedCommit = record.resolvedCommit ?? facts.resolvedCommit
        func take<Value>(_ fact: Value?, over stored: Value?) -> Value? {
            repeated || hadEnded ? stored ?? fact : fact ?? stored
        }
        record.errorMessage = take(facts.errorMessage, over: record.errorMessage)
        if hadEnded, record.outcome?.result == .unknown, let outcome = facts.outcome, outcome.result != .unknown {
            // The job was given up, and its Tendril came back with what really happened: once.
            record.outcome = StoredField(outcome)
            record.phases = facts.phases.map(StoredField.init) ?? record.phases
        } else {
            record.outcome = take(facts.outcome.map(StoredField.init), over: record.outcome)
            let stored = record.phases.isEmpty ? nil : record.phases
            // A delayed report with fewer phases is older than the stored ones.
            if let phases = take(facts.phases.map(StoredField.init), over: stored), phases.count >= record.phases.count
            {
                record.phases = phases
            }
        }
        record.engine = take(facts.engine, over: record.engine)
        record.runRoot = take(facts.runRoot, over: record.runRoot)
        record.plannedState = take(facts.plannedState, over: record.plannedState)
        // Written once, with the end.
        record.changes = record.changes ?? facts.changes.map(StoredField.init)
        record.warnings = record.warnings ?? facts.warnings
        if record.truncated.isEmpty { record.truncated = StoredField(facts.truncated ?? []) }
        if record != before || isNewMetadata { isChange = true }
        // A repeated report writes no notes.
        guard isChange || facts.holdsOnlySystemLines && !repeated, !facts.systemLines.isEmpty else { return }
        systemLines += facts.systemLines
        isChange = true
    }

    private mutating func setTimes(from old: JobStatus, to new: JobStatus, at now: Timestamp) {
        guard old != new else { return }
        switch new {
        case .queued: record.claimedAt = nil
        case .claimed: record.claimedAt = now
        case .processing: record.startedAt = now
        case .success, .failed, .cancelled: record.completedAt = now
        }
    }
}

extension JobUpdate {
    /// What observers must know besides the job's fields: whom the actions wake.
    package func wakeups(from before: JobState) -> [StoreChange] {
        var wakeups: [StoreChange] = []
        func add(_ change: StoreChange) { if !wakeups.contains(change) { wakeups.append(change) } }
        for action in actions {
            switch action {
            case .notifyQueue, .releaseVine: add(.queue)
            case .stopEngine(let worker), .forceStop(let worker): add(.stop(worker))
            case .none, .grant: break
            }
        }
        // A cancel before the start has to stop the Tendril, and frees the vine at once.
        if before.holdsVine, !record.state.holdsVine { add(.queue) }
        return wakeups
    }
}

extension JobState {
    /// Whether other jobs of the vine have to wait for this one.
    package var holdsVine: Bool { status == .claimed || status == .processing || engine.holdsVine }
}

extension JobFields {
    package var holdsOnlySystemLines: Bool {
        var rest = self
        rest.systemLines = []
        return rest == JobFields()
    }
}

/// A job's metadata with something new in it, and what it was made from.
package struct MergedMetadata: Sendable {
    package let text: String
    private let before: String
    private let hadEnded: Bool

    /// For an ended job, stored values stay and nothing grows beyond the limit: what would is left out as a
    /// whole.
    package init(_ new: JSONValue, into job: JobWithDocuments) throws {
        before = job.metadata
        hadEnded = Self.hasEnded(job)
        let stored = try StoredJSON.decode(JSONValue.self, from: before)
        let merged = try StoredJSON.encode(hadEnded ? new.merging(stored) : stored.merging(new))
        text = merged.utf8.count <= max(JobMetadata.storedBytes, before.utf8.count) ? merged : before
    }

    package func isBased(on job: JobWithDocuments) -> Bool { job.metadata == before && Self.hasEnded(job) == hadEnded }

    private static func hasEnded(_ job: JobWithDocuments) -> Bool {
        job.record.state.status.isTerminal && !job.record.state.engine.holdsVine
    }
}

/// How a log ends, judged by the appends before `nextN`.
package struct LogVerdict: Sendable {
    package var epoch: Int
    package var nextN: Int64
    private var log: LogState

    package var event: JobEvent { .closeLog(epoch: epoch, log) }

    fileprivate init(epoch: Int, nextN: Int64, log: LogState) {
        self.epoch = epoch
        self.nextN = nextN
        self.log = log
    }
}

extension LogStore {
    /// The verdict on a log that ends, made before the commit (reading a log takes a while) and checked in it.
    package func logVerdict(on closing: LogClosing?, of id: JobID) async throws -> LogVerdict? {
        guard let closing else { return nil }
        let nextN = try await logCursor(of: id, epoch: closing.epoch).nextN
        let log =
            switch closing.capture {
            case .incomplete: closing.verdict(stored: LogDigest(streams: [:]))
            case .captured: closing.verdict(stored: try await logDigest(of: id, epoch: closing.epoch))
            }
        return LogVerdict(epoch: closing.epoch, nextN: nextN, log: log)
    }
}

/// Stored data that decides whether a plan may be applied.
package struct StoredPlanFacts: Sendable {
    private let plan: JobRow
    private let vine: VineRow?
    private let state: StatePosition?
    private let artifactStored: Bool
    private let deploy: JobID?

    package init(plan: JobRow, vine: VineRow?, state: StatePosition?, artifactStored: Bool, deploy: JobID?) {
        self.plan = plan
        self.vine = vine
        self.state = state
        self.artifactStored = artifactStored
        self.deploy = deploy
    }

    /// - Throws: ``StorageError`` if the vine's secrets can't be decrypted.
    package func facts(_ vault: Vault) throws -> PlanValidity.Facts {
        PlanValidity.Facts(
            planType: plan.type, planStatus: plan.state.status, plannedDigest: plan.snapshotDigest,
            currentDigest: try currentDigest(vault), plannedState: plan.plannedState.flatMap { $0 },
            currentState: state, artifactStored: artifactStored, deploy: deploy)
    }

    /// The digest of the vine's settings as they are now; nil if the vine is gone.
    private func currentDigest(_ vault: Vault) throws -> String? {
        guard let vine else { return nil }
        // The common case, which needs no decryption.
        if vine.revision == plan.snapshotRevision { return plan.snapshotDigest }
        return try vault.configurationDigest(
            of: try vine.vine().settings, secrets: try vault.decryptSecrets(vine.secrets, for: .vineSecrets(vine.id)))
    }
}
