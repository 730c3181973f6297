internal import Domain
internal import Storage
internal import Synchronization

/// Works out, each time a Tendril reports resources, how far the job is and when it will probably end. What pages and
/// lists read is one small row.
final class RunForecasts: Sendable {
    /// What does not change while a job runs.
    private struct Known: Sendable {
        var graph = RunGraph()
        var history = RunHistory([])
        /// Milliseconds of the vine's earlier PLANs, for a PLAN.
        var planDurations: [Int64] = []
        var made = ForecastRecord()
        var computedAt: Timestamp
    }

    /// Jobs that are remembered; the rest is read again.
    private static let maximumJobs = 64
    /// A large job is looked at less often.
    private static let largeCount = 1000
    private static let largeInterval: Int64 = 3000

    private let store: any Store
    private let ambient: SystemDependencies
    private let known = Mutex<[JobID: Known]>([:])

    init(store: any Store, ambient: SystemDependencies) {
        self.store = store
        self.ambient = ambient
    }

    /// Looks at the job again. A failure here is none of the job's.
    func update(_ job: Job) async {
        guard job.state.engine.holdsVine else { return await finish(job) }
        do {
            let now = ambient.now()
            guard let known = try await known(of: job, at: now) else { return }
            guard var progress = try await progress(of: job, known, at: now) else { return }
            var made = known.made
            if let forecast = progress.forecast {
                made.add(ForecastRecord.Entry(madeAt: now, endsAt: forecast.endsAt))
                self.known.withLock { $0[job.id]?.made = made }
            }
            progress.made = made
            try await store.saveProgress(progress, of: job.id)
        } catch {
            forget(job.id)
        }
    }

    /// Keeps what the forecast at half of the job's time was worth.
    private func finish(_ job: Job) async {
        forget(job.id)
        guard let made = try? await store.progress(of: [job.id])[job.id]?.made,
            let result = ForecastResult(job, record: made)
        else { return }
        try? await store.saveForecastResult(result)
    }

    private func progress(of job: Job, _ known: Known, at now: Timestamp) async throws -> RunProgress? {
        guard job.type != .plan else {
            return job.startedAt.flatMap { RunProgress(planStartedAt: $0, earlier: known.planDurations, at: now) }
        }
        let stored = try await store.resources(of: job.id)
        let timeline = RunTimeline(seen: stored.entries.map(\.resource), graph: known.graph, isRunning: true)
        return RunProgress(
            timeline.items, graph: known.graph, history: known.history,
            slots: job.options.parallelism ?? RunProgress.defaultSlots, at: now)
    }

    private func forget(_ job: JobID) { known.withLock { _ = $0.removeValue(forKey: job) } }

    /// nil if there is nothing to work with, or a large job was looked at a moment ago.
    private func known(of job: Job, at now: Timestamp) async throws -> Known? {
        if let found = known.withLock({ $0[job.id] }) {
            let isLarge = found.graph.nodes.count > Self.largeCount
            if isLarge, now.milliseconds(since: found.computedAt) < Self.largeInterval { return nil }
            known.withLock { $0[job.id]?.computedAt = now }
            return found
        }
        guard var found = try await firstKnown(of: job, at: now) else { return nil }
        found.made = try await store.progress(of: [job.id])[job.id]?.made ?? ForecastRecord()
        known.withLock { [found] known in
            if known.count >= Self.maximumJobs { known.removeAll() }
            known[job.id] = found
        }
        return found
    }

    private func firstKnown(of job: Job, at now: Timestamp) async throws -> Known? {
        if job.type == .plan {
            return Known(planDurations: try await store.jobDurations(of: job.vine, type: .plan), computedAt: now)
        }
        let plan = job.type == .destroy ? job.id : job.plan
        guard let plan, let graph = try await store.runGraph(of: plan) else { return nil }
        return Known(
            graph: graph, history: RunHistory(try await store.runHistory(of: job.vine)), computedAt: now)
    }
}

/// Says when a queued job will probably start.
struct StartForecasts: Sendable {
    var store: any Store
    var ambient: SystemDependencies

    /// A longer queue is not looked through.
    private static let maximumQueue = 20

    /// nil where it can't be known: nothing is said of an end that depends on a person.
    func start(of job: Job, waitingFor reason: WaitReason) async throws -> Timestamp? {
        switch reason {
        case .job(let holder), .lock(_, _, let holder?):
            return try await start(of: job, after: [holder], ofSameVine: true)
        case .tendril(let id, _, _):
            let active = try await store.activeJobs(of: id)
            return try await start(of: job, after: active.map(\.id), ofSameVine: false)
        case .slot:
            return try await start(of: job, after: store.activeJobs().map(\.id), ofSameVine: false)
        case .lock, .noTendril, .nothing:
            return nil
        }
    }

    private func start(of job: Job, after running: [JobID], ofSameVine: Bool) async throws -> Timestamp? {
        let queue = try await store.queued(before: job, ofSameVine: ofSameVine, limit: Self.maximumQueue + 1)
        guard queue.count <= Self.maximumQueue else { return nil }
        let progress = try await store.progress(of: running)
        var ahead: [Int64?] = []
        for queued in queue {
            let durations = try await store.jobDurations(of: queued.vine, type: queued.type)
            ahead.append(RunHistory.Usual(durations)?.median)
        }
        return StartForecast.start(
            free: running.map { progress[$0]?.forecast?.endsAt }, ahead: ahead, at: ambient.now())
    }
}
