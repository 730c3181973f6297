internal import Domain
internal import Storage
internal import Synchronization

/// Works out, each time a Tendril reports resources, how far the job is and when it will probably end. What pages and
/// lists read is one small row.
final class RunForecasts: Sendable {
    /// What does not change while a job runs.
    private struct Known: Sendable {
        var graph: RunGraph
        var history: RunHistory
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
        guard job.type != .plan, job.state.engine.holdsVine else { return forget(job.id) }
        do {
            guard let known = try await known(of: job) else { return }
            let stored = try await store.resources(of: job.id)
            let timeline = RunTimeline(seen: stored.entries.map(\.resource), graph: known.graph, isRunning: true)
            let progress = RunProgress(
                timeline.items, graph: known.graph, history: known.history,
                slots: job.options.parallelism ?? RunProgress.defaultSlots, at: ambient.now())
            try await store.saveProgress(progress, of: job.id)
        } catch {
            forget(job.id)
        }
    }

    private func forget(_ job: JobID) { known.withLock { _ = $0.removeValue(forKey: job) } }

    /// nil if there is nothing to work with, or a large job was looked at a moment ago.
    private func known(of job: Job) async throws -> Known? {
        let now = ambient.now()
        if let found = known.withLock({ $0[job.id] }) {
            let isLarge = found.graph.nodes.count > Self.largeCount
            if isLarge, now.milliseconds(since: found.computedAt) < Self.largeInterval { return nil }
            known.withLock { $0[job.id]?.computedAt = now }
            return found
        }
        let plan = job.type == .destroy ? job.id : job.plan
        guard let plan, let graph = try await store.runGraph(of: plan) else { return nil }
        let found = Known(
            graph: graph, history: RunHistory(try await store.runHistory(of: job.vine)), computedAt: now)
        known.withLock { known in
            if known.count >= Self.maximumJobs { known.removeAll() }
            known[job.id] = found
        }
        return found
    }
}
